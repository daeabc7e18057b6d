"""Worker processes that are killed at random moments, and what must hold all the same."""
