"""How much memory runs hold, traced by Python itself: the same figure on every machine.

Each figure is the difference of two sizes, the second twice the first, so that what a run
takes once cancels out and tables that grow by doubling are as full at both.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import attrs
import trio
import trio.testing

from benchmarks import bodies, floor, ours, pairs
from benchmarks.measure import Row, expect
from trioflow import Workflow, open_engine, step

noop = step(bodies.noop)
hang = step(bodies.hang)

LATE = (0.9, 0.99)
"""The part of a long run that is looked at. It is still going on then, and the tables of its
results do not double: the old one is there beside the new one for a moment when they do."""

Held = Callable[[int], Awaitable[int]]
"""Makes so many of something, and returns the bytes that are held then."""


def traced() -> int:
    """Return the bytes that are allocated right now and can be reached."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def held_by_each(held: Held, number: int) -> float:
    """Return the bytes that each of *number* more holds."""
    trio.run(held, 1)  # what is made once and kept does not count
    tracemalloc.start()
    try:
        once, twice = trio.run(held, number), trio.run(held, 2 * number)
    finally:
        tracemalloc.stop()
    return (twice - once) / number


# ---------------------------------------------------------------- what is held
async def finished_steps(length: int) -> int:
    """A run that is over, and whoever has it can ask for all its steps."""
    workflow = ours.chain_of([noop] * length)
    await ours.run_and_count(workflow, 0, ours.PER_STEP * length + ours.ENDS)  # makes the plan
    run = workflow.create_run()
    before = traced()
    async with run.stream(0) as stream:
        async for _ in stream:
            pass
    held = traced() - before
    expect("steps of the run", len(run.record.steps), length)
    return held


async def open_runs(number: int) -> int:
    """Runs that are in the middle of a step."""
    workflow = ours.chain_of([hang])
    async with open_engine(plugins=[]) as engine:
        engine.submit(workflow, 0)
        await trio.testing.wait_all_tasks_blocked()
        before = traced()
        for _ in range(number):
            engine.submit(workflow, 0)
        await trio.testing.wait_all_tasks_blocked()
        return traced() - before


async def open_runs_by_hand(number: int) -> int:
    async with trio.open_nursery() as nursery:
        before = traced()
        for _ in range(number):
            nursery.start_soon(floor.chain, [("hang", bodies.hang)], 0)
        await trio.testing.wait_all_tasks_blocked()
        held = traced() - before
        nursery.cancel_scope.cancel()
    return held


async def observers(number: int) -> int:
    """Observers of one run that have read all there is. Their tasks are not counted."""
    length = 10
    workflow: Workflow[Any, Any] = ours.chain_of([*[noop] * length, hang])
    async with open_engine(plugins=[]) as engine:
        run = engine.submit(workflow, 0)
        await trio.testing.wait_all_tasks_blocked()
        before = traced()
        async with AsyncExitStack() as stack:
            readers = [await stack.enter_async_context(run.observe()) for _ in range(number)]
            for reader in readers:
                for _ in range(ours.PER_STEP * length + 2):  # the starts of run and last step
                    await reader.receive()
            held = traced() - before
            unread = sum(reader.statistics().current_buffer_used for reader in readers)
            expect("events that wait", unread, 0)
    return held


# ---------------------------------------------------------------- the peak of a long run
async def peak_beyond_results(length: int) -> int:
    """Return how far the peak of a late part of a run is above what is held after it."""
    workflow = ours.chain_of([noop] * length)
    run = workflow.create_run()  # makes the plan
    first, last = (int(length * part) * ours.PER_STEP for part in LATE)
    beyond = 0
    async with run.stream(0) as stream:
        async for event in stream:
            if event.seq == first:
                traced()
                tracemalloc.reset_peak()
            elif event.seq == last:
                _, peak = tracemalloc.get_traced_memory()
                beyond = peak - traced()
    return beyond


async def peak_by_hand(length: int) -> int:
    """The same of a program that holds no results."""
    steps = pairs.floor_chain(length)
    traced()
    tracemalloc.reset_peak()
    await floor.chain(steps, 0)
    _, peak = tracemalloc.get_traced_memory()
    return peak - traced()


# ---------------------------------------------------------------- rows
@attrs.frozen
class Memory:
    """Bytes per finished step, open run and observer, and the peak of a long run."""

    steps: int = 2000
    """More than a run keeps the events of."""
    runs: int = 100
    observers: int = 100
    length: int = 100_000
    """Of the long run."""

    def measure(self) -> list[Row]:
        finished = held_by_each(finished_steps, self.steps)
        opened, by_hand = (held_by_each(h, self.runs) for h in (open_runs, open_runs_by_hand))
        observing = held_by_each(observers, self.observers)
        return [
            _row("memory-step", "held for a finished step", "bytes/step", finished, 0),
            _row("memory-run", "held for an open run", "bytes/run", opened, by_hand),
            _row("memory-observer", "held for an observer", "bytes/observer", observing, 0),
            self._long_run(),
        ]

    def _long_run(self) -> Row:
        tracemalloc.start()
        try:
            peak, by_hand = (trio.run(p, self.length) for p in (peak_beyond_results, peak_by_hand))
        finally:
            tracemalloc.stop()
        title = f"peak of {self.length:,} steps beyond results"
        return _row("memory-flat", title, "bytes", peak, by_hand)


def _row(id: str, title: str, unit: str, value: float, floor: float) -> Row:
    return Row(
        id=id, title=title, unit=unit, median=value, floor_median=floor, value=value, samples=1
    )
