"""Large values that workers write and read themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from process_steps.large import both, deadly
from trioflow_process import ProcessRunner, WorkerCrashedError

from trioflow import open_engine
from trioflow.abc import Codec
from trioflow.stores import MemoryStore
from trioflow.values import FolderValues, MemoryValues


class Reversed(Codec):
    def encode(self, data: bytes) -> bytes:
        return data[::-1]

    def decode(self, data: bytes) -> bytes:
        return data[::-1]


class Bound(Reversed):
    """Cannot be pickled, so its values pass through the engine."""

    def __reduce__(self) -> Any:
        raise TypeError("it holds a connection")


class Watched(FolderValues):
    """Counts what the engine writes itself."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.written = 0

    async def write(self, key: str, content: bytes) -> None:
        self.written += key.startswith("values/")
        await super().write(key, content)


VALUES: list[Any] = [b"ab" * 1000, "\u00e5\ud800", [1, 2.5, b"x"], (1, "a")]


@pytest.mark.parametrize("codec", [None, Reversed(), Bound()])
async def test_values_pass_through_workers(codec: Codec | None, tmp_path: Path) -> None:
    values = Watched(tmp_path)
    runners = {"process": ProcessRunner(workers=1)}
    async with open_engine(values=values, codec=codec, runners=runners) as engine:
        for value in VALUES:
            given = await engine.values.put(value)
            values.written = 0
            ref = await engine.run(both, given)
            assert await engine.values.get(ref) == value * 4

            # Workers write bytes and strings themselves, if they can have the codec.
            is_direct = isinstance(value, bytes | str) and not isinstance(codec, Bound)
            assert values.written == (0 if is_direct else 2)


async def test_values_in_memory_pass_through_the_engine() -> None:
    runners = {"process": ProcessRunner(workers=1)}
    async with open_engine(values=MemoryValues(), runners=runners) as engine:
        ref = await engine.run(both, await engine.values.put(b"x"))
        assert await engine.values.get(ref) == b"xxxx"


async def test_what_a_worker_left_when_it_died_goes_with_the_run(tmp_path: Path) -> None:
    values, runners = FolderValues(tmp_path), {"process": ProcessRunner(workers=1)}
    async with open_engine(values=values, runners=runners, store=MemoryStore()) as engine:
        result = await engine.submit(deadly, 10, run_id="r").wait()
        assert isinstance(result.error, WorkerCrashedError)
        assert len(await values.list_values("values/r/")) == 1
        await engine.delete_run("r")

    assert not [path async for path in _files(tmp_path)]


async def _files(path: Path) -> Any:
    for each in await trio.Path(path).rglob("*"):
        if await each.is_file():
            yield each
