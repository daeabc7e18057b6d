"""Every workload by its id."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from statistics import mean
from typing import Any

import attrs
import cattrs

from benchmarks import bodies, pairs
from benchmarks.fairness import Fairness
from benchmarks.measure import Comparison, Program, Row, Workload, expect, in_trio
from benchmarks.memory import Memory
from benchmarks.pairs import Pair
from benchmarks.passes import Passes
from benchmarks.startup import Help, Imports

REPEATS = 50
"""How often one sample of a very short workload does its work."""
# A busy machine makes single samples twice as slow. Where a sample takes milliseconds,
# many of them keep the medians steady.


def compare(
    id: str, title: str, pair: Pair, samples: int = 9, per: int = 1, **options: Any
) -> Comparison:
    return Comparison(id, title, in_trio(pair.ours), in_trio(pair.floor), samples, per, **options)


def chain(length: int, samples: int = 9) -> Comparison:
    base = None if length == 1000 else cost_of_a_step(repeats=min(max(1, length // 1000), 20))
    title = f"chain of {length:,} steps"
    return compare(f"chain-{length}", title, pairs.chain(length), samples, length, base=base)


def awaited_chain(length: int) -> Comparison:
    title = f"the same, {length:,} steps, each event awaited"
    return compare(f"chain-{length}-awaited", title, pairs.awaited_chain(length), 51, length)


def cost_of_a_step(repeats: int) -> Program:
    """Return a program that gives the cost of a step in a chain of 1,000, over some runs."""
    program = in_trio(pairs.chain(1000).ours)
    return lambda: mean(program() for _ in range(repeats)) / 1000


@attrs.frozen
class Convert:
    """Conversions at every step, and what they cost when cattrs does nothing else."""

    length: int = 1000

    def measure(self) -> list[Row]:
        length, pair = self.length, pairs.convert(self.length)
        title = f"chain of {length:,} steps, dict to attrs at each"
        chain = compare(f"convert-{length}", title, pair, samples=25, per=length)
        title = f"{length:,} dicts to attrs with cattrs alone"
        pair = attrs.evolve(pair, ours=pairs.timed(structure_all, length))
        alone = compare(f"cattrs-{length}", title, pair, samples=25, per=length)
        return [*chain.measure(), *alone.measure()]


async def structure_all(length: int) -> None:
    converter = cattrs.Converter(forbid_extra_keys=True)
    structure = converter.get_structure_hook(bodies.Position)
    positions = [structure({"x": x, "y": 0}, bodies.Position) for x in range(length)]
    expect("structured values", len(positions), length)


def foreach(length: int, samples: int) -> Comparison:
    title = f"foreach of {length:,} items, {pairs.CONCURRENCY} at a time"
    return compare(f"foreach-{length}", title, pairs.foreach(length), samples, length)


def chunks(id: str, title: str, make: Callable[[int], Pair]) -> Comparison:
    number = 100_000
    return compare(id, title, make(number), per=number, memory=True)


def nested() -> Comparison:
    title = f"chain of 1,000 steps, {pairs.NESTING} workflows deep"
    return compare("nested-1000", title, pairs.nested(1000), samples=25, per=1000)


def typed() -> Comparison:
    title = "chain of 1,000 steps, attrs in and out"
    return compare("typed-1000", title, pairs.typed(1000), samples=25, per=1000)


def many_runs() -> Comparison:
    title = f"1,000 runs of {pairs.STEPS_OF_A_RUN} steps at once"
    return compare("runs-1000", title, pairs.many_runs(1000), per=1000)


def first_event() -> Comparison:
    title = "opening a stream to its first event"
    return compare("first-event", title, pairs.first_event(REPEATS), samples=15)


def cancel() -> Comparison:
    title = "cancel to joined, in the middle of a chain"
    return compare("cancel", title, pairs.cancel(20), samples=51)


WORKLOADS: dict[str, Callable[[], Workload]] = {
    "chain-10": lambda: chain(10, samples=51),
    "chain-1000": lambda: chain(1000, samples=51),
    "chain-1000-awaited": lambda: awaited_chain(1000),
    "chain-10000": lambda: chain(10_000),
    "chain-100000": lambda: chain(100_000),
    "foreach-1000": lambda: foreach(1000, samples=25),
    "foreach-10000": lambda: foreach(10_000, samples=9),
    "chunks-100000": lambda: chunks("chunks-100000", "100,000 chunks, fast reader", pairs.chunks),
    "chunks-slow": lambda: chunks("chunks-slow", "100,000 chunks, slow reader", pairs.slow_chunks),
    "runs-1000": many_runs,
    "nested-1000": nested,
    "typed-1000": typed,
    "convert-1000": Convert,
    "first-event": first_event,
    "cancel": cancel,
    "fairness": Fairness,
    "import": Imports,
    "help": Help,
    "passes": lambda: Passes(pairs.chain(1000), 1000),
    "memory": Memory,
}
"""Made when asked for: the long chains take a moment to build."""

if find_spec("trioflow_sql") is not None:  # durable runs are measured where there is a disk store
    from benchmarks.durable.workloads import DURABLE

    WORKLOADS |= DURABLE
