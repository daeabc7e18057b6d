"""LlamaIndex Workflows: steps bound by the types of their events, in its in-process runtime.

Nothing is persisted. A reader reads the stream with its internal events, which say that a step
began and ended: two events a step, emitted whether they are read or not. The steps of a chain
need a class of events each, as these are what binds them; the same work as a loop of one step
(`loop-1000`) needs two.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from workflows import Context, Workflow, step
from workflows.events import Event, StartEvent, StepState, StepStateChanged, StopEvent

from benchmarks.peers.programs.serving import Sample, expect, serve


class Begin(StartEvent):
    value: int


class Number(Event):
    value: int


class Begun(StartEvent):
    length: int


class Turn(Event):
    length: int
    value: int


class Item(Event):
    value: int


class Done(Event):
    value: int


def chain_workflow(length: int) -> Workflow:
    """Make a step and a class of events for each place in the chain."""

    class Chain(Workflow):
        pass

    between = [type(f"Number{i}", (Number,), {"__module__": __name__}) for i in range(1, length)]
    for index, (before, after) in enumerate(zip([Begin, *between], [*between, None], strict=True)):
        _add_step(Chain, f"step{index}", before, after)
    return Chain(timeout=None)


def _add_step(workflow: type[Workflow], name: str, before: Any, after: Any) -> None:
    async def noop(event: Any) -> Any:
        return StopEvent(result=event.value) if after is None else after(value=event.value)

    noop.__name__ = noop.__qualname__ = name
    noop.__annotations__ = {"event": before, "return": after or StopEvent}
    step(workflow=workflow)(noop)


class Loop(Workflow):
    """One step that its own event repeats."""

    @step
    async def body(self, event: Begun | Turn) -> Turn | StopEvent:
        value = event.value + 1 if isinstance(event, Turn) else 1
        if value == event.length:
            return StopEvent(result=value)
        return Turn(length=event.length, value=value)


def foreach_workflow(length: int) -> Workflow:
    """Send all items, let 100 workers do them, and collect what they send.

    Sending and collecting by hand took three quarters of the time of steps that return and take
    lists of events, and one collecting worker less than four.
    """

    class Foreach(Workflow):
        @step
        async def send_all(self, context: Context, event: Begun) -> Item | None:
            for index in range(event.length):
                context.send_event(Item(value=index))
            return None

        @step(num_workers=100)
        async def item(self, event: Item) -> Done:
            return Done(value=event.value)

        @step(num_workers=1)
        async def collect(self, context: Context, event: Done) -> StopEvent | None:
            done = context.collect_events(event, [Done] * length)
            return None if done is None else StopEvent(result=sum(each.value for each in done))

    return Foreach(timeout=None)


async def run(workflow: Workflow, start: StartEvent, steps: int) -> Any:
    handler = workflow.run(start_event=start)
    ended = 0
    async for event in handler.stream_events(expose_internal=True):
        if isinstance(event, StepStateChanged) and event.step_state is StepState.NOT_RUNNING:
            ended += 1
    result = await handler
    expect("steps that ended", ended, steps)
    return result


async def timed_run(workflow: Workflow, start: StartEvent, steps: int, wanted: Any) -> float:
    started = time.perf_counter()
    result = await run(workflow, start, steps)
    seconds = time.perf_counter() - started
    expect("result", result, wanted)
    return seconds


def chain(length: int) -> Sample:
    workflow = chain_workflow(length)
    return lambda: asyncio.run(timed_run(workflow, Begin(value=7), length, 7))


def loop(length: int) -> Sample:
    workflow = Loop(timeout=None)
    return lambda: asyncio.run(timed_run(workflow, Begun(length=length), length, length))


def foreach(length: int) -> Sample:
    workflow = foreach_workflow(length)
    steps = 1 + length + length  # each item is collected by a step call of its own
    wanted = sum(range(length))
    return lambda: asyncio.run(timed_run(workflow, Begun(length=length), steps, wanted))


def many_runs(runs: int, length: int) -> Sample:
    workflow = chain_workflow(length)

    async def main() -> float:
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(run(workflow, Begin(value=value), length))
                for value in range(runs)
            ]
        seconds = time.perf_counter() - started
        expect("results", [task.result() for task in tasks], list(range(runs)))
        return seconds

    return lambda: asyncio.run(main())


if __name__ == "__main__":
    serve(
        "llama-index-workflows",
        {
            "chain-1000": lambda: chain(1000),
            "chain-10000": lambda: chain(10_000),
            "loop-1000": lambda: loop(1000),
            "foreach-1000": lambda: foreach(1000),
            "runs-100": lambda: many_runs(100, 10),
        },
    )
