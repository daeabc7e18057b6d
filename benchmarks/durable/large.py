"""What 100 MB cost by reference: ``python -m benchmarks.durable.large [MEGABYTES]``.

A step puts a value into a value store, and the next one, in a thread, gets it. The workflow has a
journal on SQLite. Printed are how long both take, for how long the event loop was blocked at most,
beside a run that passes the value itself, and what the journal holds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

import trio
from obstore.store import MemoryStore as ObjectsInMemory

from trioflow import StepContext, ValueRef, Workflow, open_engine, step
from trioflow.abc import ValueStore
from trioflow.values import BucketValues, FolderValues

MEGABYTE = 1_000_000
INTERVAL = 0.001
"""Seconds between two looks at how late the event loop is."""

STORES: Mapping[str, Callable[[str], ValueStore | None]] = {
    "journal": lambda folder: None,
    "folder": lambda folder: FolderValues(f"{folder}/values"),
    "bucket": lambda folder: BucketValues(ObjectsInMemory()),
}
"""Where the value goes; a bucket in memory stands for one nearby."""
KINDS: Mapping[str, Callable[[int], Any]] = {
    "bytes": bytes,
    "list[str]": lambda size: [f"{number:051}" for number in range(size // 54)],
}
"""How a value that takes about so many bytes is made."""


class Watch:
    """How late the event loop was at most."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def run(self) -> None:
        while True:
            before = time.perf_counter()
            await trio.sleep(INTERVAL)
            self.longest = max(self.longest, time.perf_counter() - before - INTERVAL)


def by_reference(value: Any) -> Workflow[None, int]:
    @step
    async def give(ctx: StepContext) -> ValueRef[Any]:
        return await ctx.put(value)

    @step
    def take(ref: ValueRef[Any], ctx: StepContext) -> int:
        return len(trio.from_thread.run(ctx.get, ref))

    return Workflow("large", input=type(None), output=int).then(give).then(take)


def as_it_is(value: Any) -> Workflow[None, int]:
    @step(output=type(value))
    async def give() -> Any:
        return value

    @step(input=type(value))
    def take(given: Any) -> int:
        return len(given)

    return Workflow("large", input=type(None), output=int).then(give).then(take)


async def measure(where: str, kind: str, size: int, folder: str) -> None:
    values, value, watch = STORES[where](folder), KINDS[kind](size), Watch()
    flow = as_it_is(value) if values is None else by_reference(value)
    store = f"sqlite:{folder}/{where}.db"
    async with (
        open_engine(plugins=["sql"], workflows=[flow], store=store, values=values) as engine,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(watch.run)
        await trio.sleep(0.1)
        watch.longest, before = 0.0, time.perf_counter()
        assert await engine.run("large", None, run_id="r") == len(value)
        seconds = time.perf_counter() - before
        assert engine.store is not None
        length = sum(entry.length for entry in await engine.store.read("r"))
        nursery.cancel_scope.cancel()
    print(
        f"{where:8}  {kind:9}  {size / MEGABYTE:5.0f} MB  {seconds:6.2f} s"
        f"  blocked {watch.longest * 1000:5.0f} ms  journal {length:12,} characters"
    )


def main(arguments: list[str]) -> None:
    size = int(float(arguments[0] if arguments else 100) * MEGABYTE)
    for kind in KINDS:
        for where in STORES:
            with tempfile.TemporaryDirectory() as folder:
                trio.run(measure, where, kind, size, folder)


if __name__ == "__main__":
    main(sys.argv[1:])
