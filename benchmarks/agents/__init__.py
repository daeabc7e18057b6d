"""What agents cost beside their models."""
