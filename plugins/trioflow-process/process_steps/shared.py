"""Bodies that use resources, and values of the engine, from a worker."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from trioflow import StepContext, step


class Counter:
    """A resource that works only in the event loop that opened it."""

    def __init__(self) -> None:
        self.uses = 0
        self.lock = trio.Lock()
        self.nursery: trio.Nursery | None = None

    async def use(self) -> int:
        async with self.lock:
            assert self.nursery is not None
            await trio.lowlevel.checkpoint()
            self.uses += 1
            return self.uses


@asynccontextmanager
async def open_counter() -> AsyncGenerator[Counter, None]:
    """Open a counter, and log to a file when it is opened and closed."""
    counter = Counter()
    async with trio.open_nursery() as nursery:
        counter.nursery = nursery
        note("opened")
        yield counter
    note("closed")


def note(what: str) -> None:
    with Path(os.environ["PROCESS_STEPS_NOTES"]).open("a") as file:
        file.write(f"{what} {os.getpid()}\n")


@step(runner="process")
def count(value: int, ctx: StepContext[Any]) -> list[int]:
    """Use the counter of this process."""
    counter = trio.from_thread.run(ctx.resource, "counter", Counter)
    return [os.getpid(), trio.from_thread.run(counter.use)]


@step(runner="process")
def ask_for(name: str, ctx: StepContext[Any]) -> Any:
    """Request a resource that does not exist."""
    return trio.from_thread.run(ctx.resource, name, Counter)


@step(runner="process")
def read(value: Any, ctx: StepContext[Any]) -> list[Any]:
    """Structure a value and describe its type as the engine does."""
    return [ctx.structure(value, dict[str, int]), ctx.json_schema(list[int])]


@step(runner="process")
def write_at_once(value: Any, ctx: StepContext[Any]) -> None:
    """Forget that write is async."""
    ctx.write(value)  # type: ignore[unused-coroutine]
