"""What check_value_store names of stores with one fault each, of the kind that is easy to make."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import attrs
import pytest
import trio

from tests.value_stores import KINDS, keys
from trioflow.abc import StoredValue, ValueStore
from trioflow.testing import StoreContractError, check_value_store
from trioflow.values import MemoryValues


@pytest.mark.parametrize("kind", KINDS)
async def test_ours_fulfill_the_contract(kind: str, tmp_path: Path) -> None:
    store = KINDS[kind](tmp_path)

    async with store:
        await store.write("values/other/1", b"x")
    await check_value_store(lambda: store)

    assert await keys(store) == ["values/other/1"]


class ReadsText(MemoryValues):
    async def read(self, key: str) -> bytes | None:
        found = await super().read(key)
        return None if found is None else found.replace(b"\r\n", b"\n")


class ReadsAnotherType(MemoryValues):
    async def read(self, key: str) -> bytes | None:
        found = await super().read(key)
        return None if found is None else cast("bytes", bytearray(found))


class Appends(MemoryValues):
    async def write(self, key: str, content: bytes) -> None:
        await super().write(key, (await self.read(key) or b"") + content)


class RaisesForWhatIsNotThere(MemoryValues):
    async def read(self, key: str) -> bytes | None:
        await trio.lowlevel.checkpoint()
        return self._objects[key][0]


class DeletesOnlyWhatIsThere(MemoryValues):
    async def delete(self, key: str) -> None:
        await trio.lowlevel.checkpoint()
        del self._objects[key]


class ListsByLetters(MemoryValues):
    async def list_values(self, prefix: str) -> Sequence[StoredValue]:
        return await super().list_values(prefix.removesuffix("/"))


class ListsOneLevel(MemoryValues):
    async def list_values(self, prefix: str) -> Sequence[StoredValue]:
        found = await super().list_values(prefix)
        return [each for each in found if "/" not in each.key.removeprefix(prefix)]


class CountsMilliseconds(MemoryValues):
    async def list_values(self, prefix: str) -> Sequence[StoredValue]:
        found = await super().list_values(prefix)
        return [attrs.evolve(each, modified_at=time.time() * 1000) for each in found]


class HidesWhatIsDeleted(MemoryValues):
    async def delete(self, key: str) -> None:
        await trio.lowlevel.checkpoint()
        if key in self._objects:
            self._objects[key] = b"", 0.0


class DeletesTheFolder(MemoryValues):
    async def delete(self, key: str) -> None:
        await trio.lowlevel.checkpoint()
        folder = key.rpartition("/")[0]
        self._objects = {k: v for k, v in self._objects.items() if not k.startswith(folder)}


class WritesInTwoParts(MemoryValues):
    async def write(self, key: str, content: bytes) -> None:
        half = len(content) // 2
        await super().write(key, content[:half])
        await super().write(key, content)


class ReadsWithoutCheckpoint(MemoryValues):
    async def read(self, key: str) -> bytes | None:
        found = self._objects.get(key)
        return None if found is None else found[0]


class LeavesHalf(MemoryValues):
    async def write(self, key: str, content: bytes) -> None:
        try:
            await trio.lowlevel.checkpoint()
            await super().write(key, content)
        except trio.Cancelled:
            if key not in self._objects:
                self._objects[key] = content[:100], time.time()
            raise


class Pickled(MemoryValues):
    """A copy begins empty."""

    def __reduce__(self) -> tuple[type[Pickled], tuple[()]]:  # type: ignore[override]
        return Pickled, ()


FAULTS: list[tuple[ValueStore, str]] = [
    (ReadsText(), "an object is read as it was written"),
    (ReadsAnotherType(), "type of an object"),
    (Appends(), "an object is read as it was written"),
    (RaisesForWhatIsNotThere(), "can be deleted: KeyError"),
    (DeletesOnlyWhatIsThere(), "can be deleted: KeyError"),
    (ListsByLetters(), "below one part of a key"),
    (ListsOneLevel(), "below one part of a key"),
    (CountsMilliseconds(), "is now, in seconds"),
    (HidesWhatIsDeleted(), r"read\(\) of a deleted object"),
    (DeletesTheFolder(), "after one was deleted"),
    (WritesInTwoParts(), "a reader sees the whole object or none"),
    (ReadsWithoutCheckpoint(), r"whether read\(\) raises Cancelled"),
    (LeavesHalf(), "a canceled write leaves"),
    (Pickled(), "a store that can be pickled"),
]


@pytest.mark.parametrize(("store", "problem"), FAULTS, ids=lambda each: type(each).__name__)
async def test_a_fault_is_named(store: ValueStore, problem: str) -> None:
    with pytest.raises(StoreContractError, match=problem) as caught:
        await check_value_store(lambda: store)

    assert isinstance(caught.value.__cause__, KeyError) == ("KeyError" in problem)


async def test_a_storage_that_is_not_shared_is_found() -> None:
    with pytest.raises(StoreContractError, match="all stores on the same storage"):
        await check_value_store(MemoryValues)
