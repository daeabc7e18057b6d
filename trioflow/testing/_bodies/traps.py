"""Cancels a run at a chosen moment of its body, and measures how the body ends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Literal

import attrs
import trio

from trioflow import events as ev
from trioflow.testing._bodies.pace import Pace
from trioflow.testing._bodies.watching import Watch
from trioflow.testing._clock import VirtualClock, is_anybody_outside
from trioflow.testing._mirror import Mirror

Moment = Literal["wait", "turn"]
"""When to cancel: while the body waits, or just before it continues."""
By = Literal["cancel", "deadline"]
"""How to cancel: ``run.cancel()``, or a deadline of the run's caller."""

MOST_WAITS = 10_000
"""Number of waits after which a body counts as endless."""
MOST_TURNS = 1_000_000
"""Number of turns after which a body counts as endless."""


@attrs.frozen
class Point:
    """A moment of a body."""

    moment: Moment
    number: int
    """Number of the moment among those of its kind, counted from 1."""
    by: By = "cancel"

    def __str__(self) -> str:
        when = "during its" if self.moment == "wait" else "just before its"
        how = "its run was canceled" if self.by == "cancel" else "the deadline of its caller passed"
        return f"{how} {when} {_ordinal(self.number)} {self.moment}"


@attrs.define(eq=False)
class Trap:
    """Follows the body of one call, and cancels its run at one point of it."""

    watch: Watch
    pace: Pace
    point: Point | None
    counts: dict[Moment, int] = attrs.field(factory=lambda: {"wait": 0, "turn": 0})
    task: trio.lowlevel.Task | None = None
    """The task of the body while it is active."""
    canceled: tuple[float, float] | None = None
    """When its run was canceled: the virtual and the real time."""
    took: tuple[float, float] | None = None
    """How long the body continued after the cancellation, in virtual and real seconds."""
    is_resumed: bool = False
    """Whether the body was just about to continue after a wait when its run was canceled."""
    mark: int = -1
    """Index of the last event before the cancellation."""
    is_endless: bool = False
    cancel: Callable[[], None] = lambda: None
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    """Around the run."""

    def opens(self) -> None:
        """Handle the start of the call."""
        self.task = trio.lowlevel.current_task()
        self.pace.body_begins()

    def closes(self) -> None:
        """Handle the end of the call."""
        self.task = None
        self.pace.body_ends()
        if self.canceled is not None and self.took is None:
            now = trio.current_time(), time.perf_counter()
            self.took = max(0.0, now[0] - self.canceled[0]), now[1] - self.canceled[1]

    def passes(self, moment: Moment, deadline: float) -> bool:
        """Count a moment; return whether the run was canceled in it.

        Args:
          deadline: For a wait: the time at which it ends at the latest.
        """
        if self.task is None:
            return False
        self.counts[moment] += 1
        if self.point is not None and self.canceled is None:
            chosen = (self.point.moment, self.point.number)
            if chosen == (moment, self.counts[moment]):
                self._spring(self.point, deadline)
                return True
        too_many = self.counts["wait"] > MOST_WAITS or self.counts["turn"] > MOST_TURNS
        self.watch.gives_up |= too_many
        self.is_endless |= too_many
        return False

    def _spring(self, point: Point, deadline: float) -> None:
        now = trio.current_time()
        if point.by == "deadline":
            # In the middle of the wait, so that this deadline ends it.
            never = math.isinf(deadline) or is_anybody_outside()
            now = now if never else (now + deadline) / 2
            self.scope.deadline = now
        else:
            self.cancel()
        self.canceled = now, time.perf_counter()
        self.is_resumed = point.moment == "turn"

    def is_meant(self) -> bool:
        """Return whether a Cancelled that the body gets now comes from its run.

        The body's own cancel scopes also raise it, for example at the end of a sleep. But no
        such scope expires at the moment in which the run is canceled, unless it did so before.
        """
        if self.canceled is None:
            return False
        had_ended, self.is_resumed = self.is_resumed, False
        return not had_ended and trio.current_time() == self.canceled[0]

    def end_endless(self) -> bool:
        """End a body that waits forever; return whether there is one."""
        if self.task is None or self.is_endless:
            return False
        self.is_endless = self.watch.gives_up = True
        trio.lowlevel.reschedule(self.task)
        return True


@attrs.define(eq=False)
class TrapClock(VirtualClock):
    """Notifies a trap of each wait of the body."""

    trap: Trap

    def __attrs_post_init__(self) -> None:
        super().__init__()

    def deadline_to_sleep_time(self, deadline: float) -> float:
        if deadline > self.current_time():
            if self.trap.passes("wait", deadline):
                return 0.0
            if math.isinf(deadline) and not is_anybody_outside() and self.trap.end_endless():
                return 0.0
        return super().deadline_to_sleep_time(deadline)


@attrs.define(eq=False)
class Turns(trio.abc.Instrument):
    """Notifies a trap of each turn of the body's task."""

    trap: Trap

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self.trap.task:
            self.trap.passes("turn", math.inf)


class Follower(Mirror):
    """Notifies a trap when the call starts and ends, and keeps the events."""

    def __init__(self, trap: Trap, *, of_tool: bool) -> None:
        super().__init__()
        self._trap = trap
        self._opens, self._closes = TOOL if of_tool else STEP

    def on_event(self, event: ev.Event) -> None:
        super().on_event(event)
        if isinstance(event, self._opens):
            self._trap.opens()
        elif isinstance(event, self._closes):
            self._trap.closes()
        if self._trap.canceled is None:
            self._trap.mark = len(self.events) - 1


Bounds = tuple[type[ev.Event], tuple[type[ev.Event], ...]]
STEP: Bounds = ev.StepStart, (ev.StepResult, ev.StepSuspended)
TOOL: Bounds = ev.ToolCall, (ev.ToolResult, ev.ToolError)
"""The events that start and end a call."""


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ending}"
