"""How a workload is measured: two programs in one process, interleaved, medians.

A `Program` runs once and returns the seconds of the part that counts. The floor is the
program that somebody would write by hand with Trio alone; ours does the same work with
trioflow. Both take turns, and who goes first changes from sample to sample, so that a
machine that slows down meanwhile slows down both.
"""

from __future__ import annotations

import gc
import statistics
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import attrs
import trio

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

    @property
    def id(self) -> str: ...
    def measure(self) -> list[Row]: ...


@attrs.frozen
class Pair:
    """A workload that compares the running times of two programs."""

    id: str
    title: str
    ours: Program
    floor: Program
    samples: int = 9
    per: int = 1
    memory: bool = False
    """Whether the peak memory is measured too, in a run of its own."""

    def measure(self) -> list[Row]:
        ours, floor = take_turns(self.ours, self.floor, self.samples)
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
                per=self.per,
                memory=peak_growth(self.ours) if self.memory else None,
                floor_memory=peak_growth(self.floor) if self.memory else None,
                all_samples=tuple(ours),
                all_floor_samples=tuple(floor),
            )
        ]


def take_turns(ours: Program, floor: Program, samples: int) -> tuple[list[float], list[float]]:
    """Run both programs *samples* times, after one run each that does not count."""
    results: dict[Program, list[float]] = {ours: [], floor: []}
    ours()
    floor()
    for sample in range(samples):
        for program in (ours, floor) if sample % 2 else (floor, ours):
            gc.collect()
            results[program].append(program())
    return results[ours], results[floor]


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


def timed(fn: Callable[..., Awaitable[Any]], *args: Any) -> Program:
    """Return a program that awaits ``fn(*args)``; the start of Trio does not count."""

    async def main() -> float:
        started = time.perf_counter()
        await fn(*args)
        return time.perf_counter() - started

    return lambda: trio.run(main)


def self_timed(fn: Callable[..., Awaitable[float]], *args: Any) -> Program:
    """Return a program that awaits ``fn(*args)``, which measures itself."""
    return lambda: trio.run(fn, *args)


def expect(what: str, got: int, wanted: int) -> None:
    """Fail if a program did not do its work: a benchmark of nothing is fast."""
    if got != wanted:
        raise RuntimeError(f"{what}: got {got}, expected {wanted}; this measurement is void")
