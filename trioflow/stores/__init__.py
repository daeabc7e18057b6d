"""The store that needs no plugin."""

from trioflow.stores.memory import MemoryStore

__all__ = ["MemoryStore"]
