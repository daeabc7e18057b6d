"""How a workload is measured: two programs in one process, interleaved, medians.

A `Program` runs once and returns the seconds of the part that counts. The floor is the
program that somebody would write by hand with Trio alone; ours does the same work with
trioflow. Both take turns, and who goes first changes from sample to sample, so that a
machine that slows down meanwhile slows down both.
"""

from __future__ import annotations

import gc
import statistics
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import attrs
import trio

T = TypeVar("T")

Program = Callable[[], float]
"""Runs once; returns the seconds of the part that counts."""


@attrs.frozen(kw_only=True)
class Row:
    """One line of the table, one object of the JSON file."""

    id: str
    title: str
    unit: str
    """Of both medians and of *value*."""
    median: float
    floor_median: float
    samples: int
    """How many times each program was measured."""
    ratio: float | None = None
    """Ours by the floor's; None where *value* is what counts."""
    value: float | None = None
    growth: float | None = None
    """Cost of one by the cost of one in `chain-1000`, measured in the same turns."""
    per: int = 1
    """How many steps, items or chunks one program handles; to show the cost of one."""
    memory: int | None = None
    """Peak growth of the heap in bytes while ours ran; None if it was not measured."""
    floor_memory: int | None = None
    all_samples: tuple[float, ...] = ()
    all_floor_samples: tuple[float, ...] = ()


class UnavailableError(Exception):
    """Raised if something cannot be measured on this machine, and says why."""


class Workload(Protocol):
    """Something that can be measured."""

    def measure(self) -> list[Row]: ...


@attrs.frozen
class Comparison:
    """A workload that compares the running times of two programs."""

    id: str
    title: str
    ours: Program
    floor: Program
    samples: int = 9
    per: int = 1
    memory: bool = False
    """Whether the peak memory is measured too, in a run of its own."""
    base: Program | None = None
    """Ours at the size whose cost of one this one should have; returns the cost of one."""

    def measure(self) -> list[Row]:
        programs = [self.ours, self.floor, *([self.base] if self.base else [])]
        ours, floor, *base = take_turns(programs, self.samples)
        median, floor_median = statistics.median(ours), statistics.median(floor)
        return [
            Row(
                id=self.id,
                title=self.title,
                unit="s",
                median=median,
                floor_median=floor_median,
                samples=self.samples,
                ratio=median / floor_median,
                growth=self._growth(ours, base[0]) if base else None,
                per=self.per,
                memory=peak_growth(self.ours) if self.memory else None,
                floor_memory=peak_growth(self.floor) if self.memory else None,
                all_samples=tuple(ours),
                all_floor_samples=tuple(floor),
            )
        ]

    def _growth(self, ours: Sequence[float], base: Sequence[float]) -> float:
        # Turn by turn, since a busy machine changes more in a minute than within a turn.
        turns = zip(ours, base, strict=True)
        return statistics.median(long / self.per / cost for long, cost in turns)


def take_turns(programs: Sequence[Callable[[], T]], samples: int) -> list[list[T]]:
    """Run all programs *samples* times, after one run each that does not count."""
    results: list[list[T]] = [[] for _ in programs]
    for program in programs:
        program()
    for sample in range(samples):
        for turn in range(len(programs)):
            index = (sample + turn) % len(programs)  # who goes first changes
            gc.collect()
            results[index].append(programs[index]())
    return results


def peak_growth(program: Program) -> int:
    """Return by how many bytes the heap grows at most while *program* runs.

    Tracing allocations slows a program down a lot, so this is never a timed run.
    """
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        program()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before


def in_trio(main: Callable[[], Awaitable[float]]) -> Program:
    """Return a program that awaits ``main()`` in a run of Trio."""
    return lambda: trio.run(main)


def expect(what: str, got: int, wanted: int) -> None:
    """Fail if a program did not do its work: a benchmark of nothing is fast."""
    if got != wanted:
        raise RuntimeError(f"{what}: got {got}, expected {wanted}; this measurement is void")
