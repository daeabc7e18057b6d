"""Tools, and bodies that call them from a worker process."""

from __future__ import annotations

import functools
import threading
from typing import Any

import trio

from trioflow import StepContext, step, tool


@tool
async def shout(text: str) -> str:
    """Return it louder."""
    await trio.lowlevel.checkpoint()
    return text.upper()


@tool
async def ask_boss(text: str, ctx: StepContext[Any]) -> str:
    """Wait for an answer."""
    if ctx.resume_data is None:
        ctx.suspend({"question": text})
    return str(ctx.resume_data)


@tool
async def give_lock() -> Any:
    """Return something that cannot be pickled."""
    return threading.Lock()


@step(runner="process")
def call_tools(text: str, ctx: StepContext[Any]) -> list[str]:
    """Call a tool directly and by its id."""
    call = functools.partial(ctx.call_tool, "shout", text=text)
    return [trio.from_thread.run(ctx.call_tool, shout, text), trio.from_thread.run(call)]


@step(runner="process")
def call_at_once(text: str, ctx: StepContext[Any]) -> list[str]:
    """Call tools at the same time, from an async function."""
    found: list[str] = []

    async def call(part: str) -> None:
        found.append(await ctx.call_tool(shout, part))

    async def call_all() -> None:
        async with trio.open_nursery() as nursery:
            for part in text.split():
                nursery.start_soon(call, part)

    trio.from_thread.run(call_all)
    return sorted(found)


@tool
async def sleep_twice() -> None:
    """Sleep in two tasks, so that a cancellation is raised as a group."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        nursery.start_soon(trio.sleep_forever)


@tool
async def fail_when_canceled() -> None:
    """Fail because of a cancellation."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("not now")


@step(runner="process")
def give_up(_: Any, ctx: StepContext[Any]) -> list[str]:
    """Call tools, and cancel them as soon as they have started."""
    found: list[str] = []

    async def call(slow: Any, scope: trio.CancelScope) -> None:
        with scope:
            await ctx.call_tool(slow)
        found.append("given up")

    async def call_shortly(slow: Any) -> None:
        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope()
            nursery.start_soon(call, slow, scope)
            await ctx.wait_for("begun")
            scope.cancel()

    trio.from_thread.run(call_shortly, sleep_twice)
    try:
        trio.from_thread.run(call_shortly, fail_when_canceled)
    except* ValueError:
        found.append("failed")
    return found


@step(runner="process")
def ask(text: str, ctx: StepContext[Any]) -> str:
    """Call a tool that suspends."""
    return trio.from_thread.run(ctx.call_tool, ask_boss, text)
