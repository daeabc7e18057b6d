"""Routes of our own: exact event streams, forks, retries, and a description of the interface."""
