"""A value store in memory, for tests."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NoReturn

import trio

from trioflow.abc import StoredValue, ValueStore


class MemoryValues(ValueStore):
    """Keeps values in the memory of this process. Several engines of it may share them.

    Worker processes cannot use it themselves: their values pass through the engine.
    """

    def __init__(self) -> None:
        self._objects: dict[str, tuple[bytes, float]] = {}

    def __repr__(self) -> str:
        return "MemoryValues()"

    def __reduce__(self) -> NoReturn:
        raise TypeError("values in memory cannot be used by other processes")

    async def write(self, key: str, content: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self._objects[key] = content, time.time()

    async def read(self, key: str) -> bytes | None:
        await trio.lowlevel.checkpoint()
        found = self._objects.get(key)
        return None if found is None else found[0]

    async def delete(self, key: str) -> None:
        await trio.lowlevel.checkpoint()
        self._objects.pop(key, None)

    async def list_values(self, prefix: str) -> Sequence[StoredValue]:
        await trio.lowlevel.checkpoint()
        return [
            StoredValue(key, len(content), at)
            for key, (content, at) in self._objects.items()
            if key.startswith(prefix)
        ]
