"""The store that needs no plugin."""

from trioflow.stores._memory import MemoryStore

__all__ = ["MemoryStore"]
