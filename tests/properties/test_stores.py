"""The memory store does what a dict does, whatever is done to it."""

from __future__ import annotations

from hypothesis import settings

from trioflow.stores import MemoryStore
from trioflow.testing.strategies import store_machine

STORE = MemoryStore()

TestMemoryStore = store_machine(lambda: STORE).TestCase
# An example is up to 50 calls.
TestMemoryStore.settings = settings(max_examples=settings().max_examples // 4)
