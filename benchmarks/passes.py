"""How often Trio's scheduler turns per step: a count, so exact and without noise."""

from __future__ import annotations

import statistics

import attrs
import trio

from benchmarks.measure import Row, take_turns
from benchmarks.pairs import Main, Pair


@attrs.define(eq=False)
class Turns(trio.abc.Instrument):
    """Counts the scheduler's passes and the steps of all tasks."""

    passes: int = 0
    task_steps: int = 0

    def before_io_wait(self, timeout: float) -> None:
        self.passes += 1  # once in each pass, whether there is anything to wait for or not

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.task_steps += 1


def count_turns(main: Main) -> Turns:
    """Run *main* and return how often the scheduler turned for it."""
    turns = Turns()
    trio.run(main, instruments=[turns])
    return turns


@attrs.frozen
class Passes:
    """Scheduler passes and task steps per step of a chain."""

    pair: Pair
    length: int
    samples: int = 9

    def measure(self) -> list[Row]:
        sides = take_turns(
            [lambda: count_turns(self.pair.ours), lambda: count_turns(self.pair.floor)],
            self.samples,
        )
        passes = [[turns.passes / self.length for turns in side] for side in sides]
        task_steps = [[turns.task_steps / self.length for turns in side] for side in sides]
        return [
            self._row("passes", "scheduler passes per step", *passes),
            self._row("task-steps", "task steps per step", *task_steps),
        ]

    def _row(self, id: str, title: str, ours: list[float], floor: list[float]) -> Row:
        median = statistics.median(ours)
        return Row(
            id=id,
            title=title,
            unit="per step",
            median=median,
            floor_median=statistics.median(floor),
            value=median,
            samples=self.samples,
            all_samples=tuple(ours),
            all_floor_samples=tuple(floor),
        )
