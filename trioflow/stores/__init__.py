"""The built-in store."""

from trioflow._public import publish
from trioflow.stores._memory import MemoryStore

__all__ = ["MemoryStore"]

publish(__name__, __all__, globals())
