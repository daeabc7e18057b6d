"""Bodies that wait for the engine, and for other bodies in the same workers."""

from __future__ import annotations

import time
from typing import Any

import trio

from trioflow import StepContext, step, tool


@tool(runner="process")
def square(n: int) -> int:
    """Return the square, from a worker process."""
    return n * n


@tool(runner="process")
def fourth(n: int, ctx: StepContext[Any]) -> int:
    """Return the fourth power, with two calls of a tool."""
    return trio.from_thread.run(
        ctx.call_tool, square, trio.from_thread.run(ctx.call_tool, square, n)
    )


@step(runner="process")
def call(n: int, ctx: StepContext[Any]) -> int:
    """Call a tool that calls a tool, all in worker processes."""
    return trio.from_thread.run(ctx.call_tool, fourth, n)


@step(runner="process")
def call_together(n: int, ctx: StepContext[Any]) -> list[int]:
    """Call tools at the same time."""
    results: dict[int, int] = {}

    async def call_one(number: int) -> None:
        results[number] = await ctx.call_tool(square, number)

    async def call_all() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(n):
                nursery.start_soon(call_one, number)

    trio.from_thread.run(call_all)
    return [results[number] for number in range(n)]


@step(runner="process")
def wait_for_word(_: Any, ctx: StepContext[Any]) -> str:
    """Wait for an event."""
    return str(trio.from_thread.run(ctx.wait_for, "word"))


@step(runner="process")
def write_more_than_is_read(_: Any, ctx: StepContext[Any]) -> str:
    """Write chunks that nobody reads yet."""
    for number in range(10):
        trio.from_thread.run(ctx.write, number)
    return "written"


@step(runner="process")
def call_and_start(n: int, ctx: StepContext[Any]) -> str:
    """Start a run that needs a worker, too."""
    return trio.from_thread.run(ctx.start_run, "squares", n)


@step(runner="process")
def take(seconds: float) -> float:
    """Use a place for some time, and return when the body began."""
    begun = time.monotonic()
    time.sleep(seconds)
    return begun


@step(runner="process", timeout=1)
def be_quick(_: Any) -> str:
    """Return at once."""
    return "quick"


@step(runner="process", timeout=0.2)
def be_slow(_: Any) -> None:
    """Take longer than the timeout."""
    time.sleep(60)


@step(runner="process", timeout=1)
def import_slowly(_: Any) -> str:
    """Be in the way of a timeout only if imports count."""
    return "imported"


def squared(n: int) -> Any:
    return square.fn(n)


squares = step(id="square", runner="process")(squared)
