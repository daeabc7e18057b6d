"""The version of trioflow, for the build and for fast access without other imports."""

__version__ = "0.1.0"
