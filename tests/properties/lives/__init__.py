"""A run in several processes on one store: whatever is done with it, its life follows the table."""
