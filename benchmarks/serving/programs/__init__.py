"""The same two workflows on each server."""
