"""The workloads that compare two programs, each made for any size.

A pair is the same work twice: with trioflow, and by hand with Trio alone. Sizes are what
lets the same pair be timed at full size, counted as the difference of two sizes, and tried
by the tests at next to no size.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import trio

from benchmarks import bodies, floor, ours
from trioflow import Workflow, step

Main = Callable[[], Awaitable[float]]
"""Does the work once, in a run of Trio; returns the seconds of the part that counts."""

CONCURRENCY = 100
NESTING = 5
STEPS_OF_A_RUN = 10

noop = step(bodies.noop)
move = step(bodies.move)
move_as_dict = step(bodies.move_as_dict)
hang = step(bodies.hang)


@attrs.frozen
class Pair:
    """The two programs of one workload at one size."""

    ours: Main
    floor: Main


def timed(fn: Callable[..., Awaitable[Any]], *args: Any) -> Main:
    """Return a program that awaits ``fn(*args)``; the start of Trio does not count."""

    async def main() -> float:
        started = time.perf_counter()
        await fn(*args)
        return time.perf_counter() - started

    return main


def self_timed(fn: Callable[..., Awaitable[float]], *args: Any) -> Main:
    """Return a program that awaits ``fn(*args)``, which measures itself."""
    return lambda: fn(*args)


def timed_run(workflow: Workflow[Any, Any], value: Any, calls: int) -> Main:
    """Return a program that runs a workflow of *calls* step calls and reads all its events."""
    return timed(ours.run_and_count, workflow, value, ours.PER_STEP * calls + ours.ENDS)


def floor_chain(length: int, body: floor.Body = bodies.noop) -> floor.Steps:
    return [(f"step{index}", body) for index in range(length)]


# ---------------------------------------------------------------- chains
def chain(length: int) -> Pair:
    return Pair(
        timed_run(ours.chain_of([noop] * length), 0, length),
        timed(floor.chain, floor_chain(length), 0),
    )


def awaited_chain(length: int) -> Pair:
    workflow, wanted = ours.chain_of([noop] * length), ours.PER_STEP * length + ours.ENDS
    return Pair(
        timed(ours.run_and_count, workflow, 0, wanted, ours.count_awaiting),
        timed(floor.chain, floor_chain(length), 0),
    )


def nested(length: int) -> Pair:
    workflow = ours.nested_chain(noop, NESTING, length)
    return Pair(
        timed_run(workflow, 0, length + NESTING - 1),  # a nested workflow is a call too
        timed(floor.chain, floor_chain(length), 0),
    )


def typed(length: int) -> Pair:
    start = bodies.Position(0, 0)
    workflow = ours.chain_of([move] * length, input=bodies.Position, output=bodies.Position)
    return Pair(
        timed_run(workflow, start, length),
        timed(floor.chain, floor_chain(length, bodies.move), start),
    )


def convert(length: int) -> Pair:
    start = bodies.Position(0, 0)
    workflow = ours.chain_of([move_as_dict] * length, input=bodies.Position)
    return Pair(
        timed_run(workflow, start, length),
        timed(floor.chain, floor_chain(length, bodies.move), start),
    )


# ---------------------------------------------------------------- many at once
def foreach(length: int) -> Pair:
    items = list(range(length))
    workflow = Workflow("loop", input=list[int]).foreach(noop, concurrency=CONCURRENCY)
    # One event per item, around them start, result and finish of the loop.
    wanted = length + ours.PER_STEP + ours.ENDS
    return Pair(
        timed(ours.run_and_count, workflow, items, wanted),
        timed(floor.foreach, items, CONCURRENCY),
    )


def many_runs(runs: int) -> Pair:
    workflow = ours.chain_of([noop] * STEPS_OF_A_RUN)
    return Pair(
        timed(ours.many_runs, workflow, runs, STEPS_OF_A_RUN),
        timed(floor.many_chains, runs, floor_chain(STEPS_OF_A_RUN)),
    )


# ---------------------------------------------------------------- chunks
def chunks(number: int) -> Pair:
    return Pair(timed(ours.chunks, number, None), timed(floor.chunks, number, None))


def slow_chunks(number: int) -> Pair:
    return Pair(timed(ours.chunks, number, doze), timed(floor.chunks, number, doze))


async def doze(events: int) -> None:
    """Sleep 1 ms after each 100 events."""
    if events % 100 == 0:
        await trio.sleep(0.001)


# ---------------------------------------------------------------- moments
def first_event(repeats: int) -> Pair:
    return Pair(
        self_timed(ours.first_event, ours.chain_of([noop]), repeats),
        self_timed(floor.first_event, repeats),
    )


def cancel(around: int) -> Pair:
    """Cancel in the middle of a chain: a step with *around* before and after it hangs."""
    workflow = ours.chain_of([noop] * around + [hang] + [noop] * around)
    steps = [*floor_chain(around), ("hang", bodies.hang), *floor_chain(around)]
    # The step that hangs is closed like the others, and the run says that it was canceled.
    wanted = ours.PER_STEP * (around + 1) + 1 + ours.ENDS
    return Pair(
        self_timed(ours.cancel, workflow, wanted),
        self_timed(floor.cancel, steps),
    )


COUNTED = {
    "chain-1000": chain,
    "chain-1000-awaited": awaited_chain,
    "foreach-1000": foreach,
    "chunks-100000": chunks,
    "runs-1000": many_runs,
    "nested-1000": nested,
    "typed-1000": typed,
    "convert-1000": convert,
    "first-event": first_event,
}
"""The workloads whose instructions can be counted."""
