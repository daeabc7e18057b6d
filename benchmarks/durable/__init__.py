"""Durable runs: what they cost, and how soon they are back. ``python -m benchmarks.durable``."""
