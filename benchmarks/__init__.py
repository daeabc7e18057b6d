"""What trioflow costs beside a Trio program written by hand: ``python -m benchmarks``."""
