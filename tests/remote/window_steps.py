"""Bodies that write chunks without waiting for each."""

from __future__ import annotations

from typing import Any

import trio

from trioflow import StepContext, step


class Unreadable:
    """Raises when it is unpickled."""

    def __reduce__(self) -> Any:
        return int, ("no number",)


@step(runner="pipe")
async def write_many(count: int, ctx: StepContext[Any]) -> int:
    for number in range(count):
        await ctx.write(number)
    return count


@step(runner="pipe")
def write_plainly(count: int, ctx: StepContext[Any]) -> int:
    for number in range(count):
        trio.from_thread.run(ctx.write, number)
    return count


@step(runner="pipe")
async def write_from_tasks(count: int, ctx: StepContext[Any]) -> int:
    """Write ten times as many, from several tasks."""
    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(write_many.fn, count, ctx)
            await ctx.write(number)
    return count


@step(runner="pipe")
async def write_and_fail(count: int, ctx: StepContext[Any]) -> None:
    await write_many.fn(count, ctx)
    raise ValueError("no")


@step(runner="pipe")
async def write_unreadable(count: int, ctx: StepContext[Any]) -> str:
    """Return how the error of a chunk is raised."""
    await ctx.write(Unreadable())
    try:
        await write_many.fn(count, ctx)
    except Exception as exc:
        return type(exc).__name__
    return "later"


@step(runner="pipe")
async def write_patiently(count: int, ctx: StepContext[Any]) -> bool:
    """Return whether a write waited longer than it may."""
    with trio.move_on_after(0.2) as scope:
        await write_many.fn(count, ctx)
    return scope.cancelled_caught
