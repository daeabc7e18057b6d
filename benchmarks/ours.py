"""The same programs with trioflow. Each checks that its reader saw every event.

Readers take what is there before they wait; where moments are measured and where each event is
looked at, they await each.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import trio
import trio.testing

from benchmarks.measure import expect
from trioflow import EventStream, Step, StepContext, Workflow, open_engine, step

ENDS = 2
"""Events of a run that belong to no step: its start and its finish."""
PER_STEP = 3
"""Events of a step: start, result and finish."""


def chain_of(steps: Sequence[Step[Any, Any]], **options: Any) -> Workflow[Any, Any]:
    """Return a chain in which each step has an id of its own, as real chains have."""
    workflow: Workflow[Any, Any] = Workflow("chain", **options)
    for index, each in enumerate(steps):
        workflow = workflow.then(each.clone(f"step{index}"))
    return workflow


def nested_chain(body: Step[Any, Any], depth: int, steps: int) -> Workflow[Any, Any]:
    """Return workflows in each other, *depth* deep, with *steps* steps in all."""
    workflow: Workflow[Any, Any] | None = None
    for level in range(depth):
        outer = chain_of([body] * (steps // depth)).clone(f"level{level}")
        workflow = outer if workflow is None else outer.then(workflow)
    assert workflow is not None
    return workflow


async def count(stream: EventStream) -> int:
    """Read a stream to its end, and take all that is there before waiting for more."""
    events = 0
    while batch := await stream.receive_some():
        events += len(batch)
    return events


async def count_awaiting(stream: EventStream) -> int:
    """Read a stream to its end with ``async for`` alone, which awaits each event."""
    events = 0
    async for _ in stream:
        events += 1
    return events


async def count_pausing(stream: EventStream, pause: Callable[[int], Awaitable[None]]) -> int:
    """Read a stream to its end, and pause after each event."""
    events = 0
    async for _ in stream:
        events += 1
        await pause(events)
    return events


async def run_and_count(
    workflow: Workflow[Any, Any],
    value: Any,
    wanted: int,
    count: Callable[[EventStream], Awaitable[int]] = count,
) -> None:
    """Run a workflow; its reader must see *wanted* events."""
    async with workflow.create_run().stream(value) as stream:
        events = await count(stream)
    expect(f"events of {workflow.id}", events, wanted)


async def chunks(number: int, pause: Callable[[int], Awaitable[None]] | None) -> None:
    """One step that writes chunks, and a reader that may be slow."""

    @step
    async def write_all(count: int, ctx: StepContext) -> None:
        for index in range(count):
            await ctx.write(index)

    workflow = Workflow("writer", input=int).then(write_all)
    async with workflow.create_run().stream(number) as stream:
        events = await (count(stream) if pause is None else count_pausing(stream, pause))
    expect("events of the writer", events, number + PER_STEP + ENDS)


async def many_runs(workflow: Workflow[Any, Any], runs: int, steps: int) -> None:
    """Many runs at once in one engine, each with its own reader."""

    async def read(value: int) -> None:
        run = engine.submit(workflow, value)
        async with run.observe() as stream:
            expect("events of a run", await count(stream), PER_STEP * steps + ENDS)

    async with open_engine(plugins=[]) as engine, trio.open_nursery() as nursery:
        for value in range(runs):
            nursery.start_soon(read, value)


async def first_event(workflow: Workflow[Any, Any], repeats: int) -> float:
    """Return the mean seconds from the call of ``stream()`` to the first event."""
    seconds = 0.0
    for _ in range(repeats):
        run = workflow.create_run()
        started = time.perf_counter()
        async with run.stream(0) as stream:
            await stream.receive()
            seconds += time.perf_counter() - started
            rest = 0
            async for _ in stream:
                rest += 1
        expect("rest of the events", rest, PER_STEP + ENDS - 1)
    return seconds / repeats


async def cancel(workflow: Workflow[Any, Any], wanted: int) -> float:
    """Return the seconds from the cancel of a chain that hangs to its end."""
    run = workflow.create_run()
    events = 0

    async def read() -> None:
        nonlocal events
        async with run.stream(0) as stream:
            async for _ in stream:
                events += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        started = time.perf_counter()
        run.cancel()
    seconds = time.perf_counter() - started
    expect("events of the canceled run", events, wanted)
    return seconds
