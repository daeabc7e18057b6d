"""Small steps and helpers that the tests of running share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import trio

from trioflow import EventStream, Run, Step, Workflow, events, step


@step
async def add_one(value: int) -> int:
    return value + 1


@step
async def double(value: int) -> int:
    return value * 2


def sleeps(seconds: float, id: str = "sleeps") -> Step[Any, str]:
    """Return a step that sleeps and then gives its id."""

    @step(id=id)
    async def body(value: Any) -> str:
        await trio.sleep(seconds)
        return id

    return body


def fails(error: Exception, *, after: float = 0, id: str = "fails") -> Step[Any, None]:
    """Return a step that raises *error* after some seconds."""

    @step(id=id)
    async def body(value: Any) -> None:
        await trio.sleep(after)
        raise error

    return body


def gives(result: Any, id: str = "gives") -> Step[Any, Any]:
    """Return a step with a constant result."""

    @step(id=id)
    async def body(value: Any) -> Any:
        return result

    return body


async def record(
    workflow: Workflow[Any, Any], value: Any = None, **options: Any
) -> list[events.Event]:
    """Run a workflow and return all its events."""
    return await record_run(workflow.create_run(), value, **options)


async def record_run(run: Run[Any, Any], value: Any = None, **options: Any) -> list[events.Event]:
    """Start a run and return all its events."""
    async with run.stream(value, **options) as stream:
        return [event async for event in stream]


async def observed(
    run: Run[Any, Any], after: int | None = None, **options: Any
) -> list[events.Event]:
    """Return what an observer of a run sees."""
    async with run.observe(after, **options) as stream:
        return [event async for event in stream]


def unread(stream: EventStream) -> int:
    """Return how many events wait to be read."""
    return stream.statistics().current_buffer_used


def brief(recorded: Iterable[events.Event]) -> list[str]:
    """Return events as short texts such as ``"step-start a"``."""
    return [f"{e.type} {e.id}" if isinstance(e, events.StepEvent) else e.type for e in recorded]
