"""Bodies that wait, suspend, bail and cancel their run."""

from __future__ import annotations

import os
from typing import Any

import trio

from process_steps.values import Part
from trioflow import StepContext, step


@step(runner="process")
def suspend(_: Any, ctx: StepContext[Any]) -> list[Any]:
    """Suspend the step."""
    if ctx.resume_data is None:
        ctx.set_state(asked=True)
        ctx.suspend({"pid": os.getpid()}, label="here")
    return [ctx.resume_data, ctx.suspend_data["pid"] > 0]


@step(runner="process")
def bail(value: int, ctx: StepContext[Any]) -> None:
    """End the workflow."""
    ctx.bail(value * 2)


@step(runner="process")
def cancel_run(_: Any, ctx: StepContext[Any]) -> None:
    """Cancel the run."""
    ctx.cancel_run("enough")
    while True:
        pass


@step(runner="process")
def wait_for_parts(_: Any, ctx: StepContext[Any]) -> list[Any]:
    """Wait for an event until the timeout, and then for another one that arrives."""

    async def wait_shortly() -> Any:
        with trio.move_on_after(0.01):
            return await ctx.wait_for("part", Part)
        return "nothing"

    first = trio.from_thread.run(wait_shortly)
    trio.from_thread.run(ctx.write, "waited")
    second = trio.from_thread.run(ctx.wait_for, "part", Part)
    return [first, second, trio.from_thread.run(ctx.wait_for, "any")]
