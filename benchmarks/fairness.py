"""How long others wait while a chain runs: another task, and the reader of its events.

Every figure is the 99th percentile of a sample, and of nine samples the median. The floor
is F0 doing the same: the schedule point at each of its sends makes it as fair as can be.
Times are the process's own, so that no figure tells how busy the machine is.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

import attrs
import trio

from benchmarks import burning, pairs
from benchmarks.burning import BusyChain
from benchmarks.clocks import OwnTimeClock
from benchmarks.measure import Program, Row, take_turns

PERIOD = 0.001
"""Seconds between two ticks of the timer."""
LONG, SHORT = 0.020, 0.0003
"""Seconds that the steps of the busy chains burn."""


def percentile(figures: Sequence[float], percent: float = 99) -> float:
    """Return the smallest figure that so many percent of all do not exceed."""
    return sorted(figures)[math.ceil(len(figures) * percent / 100) - 1]


def timer(work: pairs.Main, ticks: int) -> Program:
    """Return a program that tells how late a timer goes off while *work* is done."""
    return lambda: trio.run(_late_ticks, work, ticks, clock=OwnTimeClock())


def busy_chain(run: burning.Run) -> Callable[[], BusyChain]:
    """Return a program that runs a chain and returns what was seen of it."""
    return lambda: trio.run(run, clock=OwnTimeClock())


async def _late_ticks(work: pairs.Main, ticks: int) -> float:
    async def work_on() -> None:
        while True:
            await work()

    late = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(work_on)
        for _ in range(ticks):
            due = trio.current_time() + PERIOD
            await trio.sleep_until(due)
            late.append(trio.current_time() - due)
        nursery.cancel_scope.cancel()
    return percentile(late)


@attrs.frozen
class Fairness:
    """Lateness of a timer and of events, in chains of no-op steps and of busy ones."""

    samples: int = 9
    ticks: int = 300
    length: int = 100_000
    """Of the chain of no-op steps: one run of it should outlast the ticks."""
    pauses: int = 20
    """How many steps burn CPU for long; a no-op step is before each."""
    busy: int = 400
    """How many steps of the busy chain burn CPU for a short while."""

    def measure(self) -> list[Row]:
        idle, busy = pairs.chain(self.length), burning.pair([SHORT] * self.busy)
        burns = {
            ("fairness-event", "fairness-start"): ("20 ms", [0.0, LONG] * self.pauses),
            ("fairness-busy-event", "fairness-busy-start"): ("0.3 ms", [SHORT] * self.busy),
        }
        rows = [
            self._timer("fairness", "chain of no-op steps", idle),
            self._timer("fairness-busy", "steps that burn 0.3 ms", busy),
        ]
        for ids, (text, each) in burns.items():
            rows += self._events(ids, text, each)
        return rows

    def _timer(self, id: str, title: str, pair: pairs.Pair) -> Row:
        programs = [timer(pair.ours, self.ticks), timer(pair.floor, self.ticks)]
        ours, floor = take_turns(programs, self.samples)
        return self._row(id, "late 1 ms timer, " + title, ours, floor)

    def _events(self, ids: tuple[str, str], text: str, burns: Sequence[float]) -> list[Row]:
        """Measure how late the reader sees that a step is over, and that one has begun."""
        programs = [busy_chain(burning.ours(burns)), busy_chain(burning.floor(burns))]
        ours, floor = take_turns(programs, self.samples)
        ends = [[percentile(chain.late_ends()) for chain in side] for side in (ours, floor)]
        starts = [[percentile(chain.late_starts()) for chain in side] for side in (ours, floor)]
        return [
            self._row(ids[0], f"late end of a step, {text} of CPU next", *ends),
            self._row(ids[1], f"late start of a step, {text} of CPU in it", *starts),
        ]

    def _row(self, id: str, title: str, ours: list[float], floor: list[float]) -> Row:
        median = statistics.median(ours)
        return Row(
            id=id,
            title=title,
            unit="s",
            median=median,
            floor_median=statistics.median(floor),
            samples=self.samples,
            value=median,
            all_samples=tuple(ours),
            all_floor_samples=tuple(floor),
        )
