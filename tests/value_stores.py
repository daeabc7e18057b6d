"""Value stores for tests, and the one that fails on demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import trio
from obstore.store import MemoryStore as ObjectsInMemory

from trioflow.abc import StoredValue, ValueStore
from trioflow.errors import ValueStoreError
from trioflow.values import BucketValues, FolderValues, MemoryValues

KINDS: dict[str, Callable[[Path], ValueStore]] = {
    "folder": lambda path: FolderValues(path / "values"),
    "bucket": lambda path: BucketValues(ObjectsInMemory()),
    "memory": lambda path: MemoryValues(),
}


class Failing(ValueStore):
    """Values in memory that are unavailable for a number of calls."""

    def __init__(self, *, transient: bool = True) -> None:
        self.inner = MemoryValues()
        self.failures = 0
        self.transient = transient

    def __repr__(self) -> str:
        return "Failing()"

    async def _fail(self) -> None:
        if self.failures > 0:
            self.failures -= 1
            await trio.lowlevel.checkpoint()
            raise ValueStoreError("Failing()", "it is away", self.transient)

    async def write(self, key: str, content: bytes) -> None:
        await self._fail()
        await self.inner.write(key, content)

    async def read(self, key: str) -> bytes | None:
        await self._fail()
        return await self.inner.read(key)

    async def delete(self, key: str) -> None:
        await self._fail()
        await self.inner.delete(key)

    async def list_values(self, prefix: str) -> Sequence[StoredValue]:
        await self._fail()
        return await self.inner.list_values(prefix)


async def contents(store: ValueStore) -> list[bytes]:
    """Return the bytes of all values, in any order."""
    found = [await store.read(each.key) for each in await store.list_values("values/")]
    return sorted(each for each in found if each is not None)


async def keys(store: ValueStore) -> list[str]:
    """Return the keys of everything that is stored."""
    prefixes = ("values/", "uses/", "used/", "names/", "tmp/")
    return [each.key for prefix in prefixes for each in await store.list_values(prefix)]
