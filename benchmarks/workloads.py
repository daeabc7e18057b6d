"""Every workload by its id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from importlib.util import find_spec

import cattrs
import trio

from benchmarks import bodies, floor, ours
from benchmarks.imports import Imports
from benchmarks.measure import Pair, Workload, expect, self_timed, timed
from benchmarks.passes import Passes
from trioflow import Workflow, step

noop = step(bodies.noop)
move = step(bodies.move)
move_as_dict = step(bodies.move_as_dict)
hang = step(bodies.hang)

CONCURRENCY = 100
REPEATS = 50
"""How often one sample of a very short workload does its work."""
# A busy machine makes single samples twice as slow. Where a sample takes milliseconds,
# many of them keep the medians steady.


def floor_chain(length: int, body: floor.Body = bodies.noop) -> floor.Steps:
    return [(f"step{index}", body) for index in range(length)]


def chain(length: int, samples: int = 9) -> Pair:
    workflow = ours.chain_of([noop] * length)
    return Pair(
        f"chain-{length}",
        f"chain of {length:,} steps",
        timed(ours.run_and_count, workflow, 0, ours.PER_STEP * length + ours.ENDS),
        timed(floor.chain, floor_chain(length), 0),
        samples,
        per=length,
    )


def nested(depth: int = 5, length: int = 1000) -> Pair:
    workflow = ours.nested_chain(noop, depth, length)
    calls = length + depth - 1  # a nested workflow is a call too
    return Pair(
        f"nested-{length}",
        f"chain of {length:,} steps, {depth} workflows deep",
        timed(ours.run_and_count, workflow, 0, ours.PER_STEP * calls + ours.ENDS),
        timed(floor.chain, floor_chain(length), 0),
        samples=25,
        per=length,
    )


def typed(length: int = 1000) -> Pair:
    start = bodies.Position(0, 0)
    workflow = ours.chain_of([move] * length, input=bodies.Position, output=bodies.Position)
    return Pair(
        f"typed-{length}",
        f"chain of {length:,} steps, attrs in and out",
        timed(ours.run_and_count, workflow, start, ours.PER_STEP * length + ours.ENDS),
        timed(floor.chain, floor_chain(length, bodies.move), start),
        samples=25,
        per=length,
    )


def convert(length: int = 1000) -> Pair:
    start = bodies.Position(0, 0)
    workflow = ours.chain_of([move_as_dict] * length, input=bodies.Position)
    return Pair(
        f"convert-{length}",
        f"chain of {length:,} steps, dict to attrs at each",
        timed(ours.run_and_count, workflow, start, ours.PER_STEP * length + ours.ENDS),
        timed(floor.chain, floor_chain(length, bodies.move), start),
        samples=25,
        per=length,
    )


def structuring(length: int = 1000) -> Pair:
    """What the conversions of `convert` cost when cattrs does nothing else."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    structure = converter.get_structure_hook(bodies.Position)

    async def structure_all() -> None:
        positions = [structure({"x": x, "y": 0}, bodies.Position) for x in range(length)]
        expect("structured values", len(positions), length)

    return Pair(
        f"cattrs-{length}",
        f"{length:,} dicts to attrs with cattrs alone",
        timed(structure_all),
        timed(floor.chain, floor_chain(length, bodies.move), bodies.Position(0, 0)),
        samples=25,
        per=length,
    )


def foreach(length: int, samples: int = 9) -> Pair:
    items = list(range(length))
    workflow = Workflow("loop", input=list[int]).foreach(noop, concurrency=CONCURRENCY)
    # One event per item, around them start, result and finish of the loop.
    return Pair(
        f"foreach-{length}",
        f"foreach of {length:,} items, {CONCURRENCY} at a time",
        timed(ours.run_and_count, workflow, items, length + ours.PER_STEP + ours.ENDS),
        timed(floor.foreach, items, CONCURRENCY),
        samples,
        per=length,
    )


def chunks(
    id: str, title: str, pause: Callable[[int], Awaitable[None]] | None, samples: int
) -> Pair:
    number = 100_000
    return Pair(
        id,
        title,
        timed(ours.chunks, number, pause),
        timed(floor.chunks, number, pause),
        samples,
        per=number,
        memory=True,
    )


async def doze(events: int) -> None:
    """Sleep 1 ms after each 100 events."""
    if events % 100 == 0:
        await trio.sleep(0.001)


def many_runs(runs: int = 1000, length: int = 10) -> Pair:
    workflow = ours.chain_of([noop] * length)
    return Pair(
        f"runs-{runs}",
        f"{runs:,} runs of {length} steps at once",
        timed(ours.many_runs, workflow, runs, length),
        timed(floor.many_chains, runs, floor_chain(length)),
        per=runs,
    )


def first_event() -> Pair:
    return Pair(
        "first-event",
        "opening a stream to its first event",
        self_timed(ours.first_event, ours.chain_of([noop]), REPEATS),
        self_timed(floor.first_event, REPEATS),
        samples=15,
    )


def cancel(before: int = 20, after: int = 20) -> Pair:
    """Cancel in the middle of a chain: its step after *before* others hangs."""
    workflow = ours.chain_of([noop] * before + [hang] + [noop] * after)
    steps = [*floor_chain(before), ("hang", bodies.hang), *floor_chain(after)]
    # The step that hangs is closed like the others, and the run says that it was canceled.
    wanted = ours.PER_STEP * (before + 1) + 1 + ours.ENDS
    return Pair(
        "cancel",
        "cancel to joined, in the middle of a chain",
        self_timed(ours.cancel, workflow, wanted),
        self_timed(floor.cancel, steps),
        samples=51,
    )


def passes(length: int = 1000) -> Passes:
    workflow = ours.chain_of([noop] * length)
    return Passes(
        "passes",
        partial(ours.run_and_count, workflow, 0, ours.PER_STEP * length + ours.ENDS),
        partial(floor.chain, floor_chain(length), 0),
        length,
    )


WORKLOADS: dict[str, Callable[[], Workload]] = {
    "chain-10": lambda: chain(10, samples=51),
    "chain-1000": lambda: chain(1000, samples=51),
    "chain-10000": lambda: chain(10_000),
    "nested-1000": nested,
    "typed-1000": typed,
    "convert-1000": convert,
    "cattrs-1000": structuring,
    "foreach-1000": lambda: foreach(1000, samples=25),
    "foreach-10000": lambda: foreach(10_000),
    "chunks-100000": lambda: chunks("chunks-100000", "100,000 chunks, fast reader", None, 9),
    "chunks-slow": lambda: chunks("chunks-slow", "100,000 chunks, slow reader", doze, 5),
    "runs-1000": many_runs,
    "first-event": first_event,
    "cancel": cancel,
    "import": Imports,
    "passes": passes,
}
"""Made when asked for: the long chains take a moment to build."""

if find_spec("trioflow_sql") is not None:  # durable runs are measured where there is a disk store
    from benchmarks.durable import DURABLE

    WORKLOADS |= DURABLE
