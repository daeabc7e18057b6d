"""What other workflow engines cost for the same work: ``python -m benchmarks.peers``."""
