"""How often Trio's scheduler turns per step: a count, so exact and without noise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import trio

from benchmarks.measure import Row


@attrs.define(eq=False)
class Turns(trio.abc.Instrument):
    """Counts the scheduler's passes and the steps of all tasks."""

    passes: int = 0
    task_steps: int = 0

    def before_io_wait(self, timeout: float) -> None:
        self.passes += 1  # once in each pass, whether there is anything to wait for or not

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.task_steps += 1


Main = Callable[[], Awaitable[Any]]


def count_turns(main: Main) -> Turns:
    """Run *main* and return how often the scheduler turned for it."""
    turns = Turns()
    trio.run(main, instruments=[turns])
    return turns


@attrs.frozen
class Passes:
    """Scheduler passes and task steps per step of a chain."""

    id: str
    ours: Main
    floor: Main
    length: int

    def measure(self) -> list[Row]:
        ours, floor = count_turns(self.ours), count_turns(self.floor)
        return [
            self._row("passes", "scheduler passes per step", ours.passes, floor.passes),
            self._row("task-steps", "task steps per step", ours.task_steps, floor.task_steps),
        ]

    def _row(self, id: str, title: str, ours: int, floor: int) -> Row:
        return Row(
            id=id,
            title=title,
            unit="per step",
            median=ours / self.length,
            floor_median=floor / self.length,
            value=ours / self.length,
            samples=1,
        )
