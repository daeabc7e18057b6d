"""Detects, from outside the event loop, that Trio runs one turn of a task for too long."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import trio

from trioflow.instruments._blocks import Block, Ledger, Report

LOOKS = 4
"""Number of looks in the time for which a task may block the loop."""
LATE = 2
"""A look counts as late if it comes after this many times the planned interval."""

Tell: TypeAlias = Callable[[str, Mapping[str, Any]], None]
"""Called with the message of a warning, and the attributes of its log record."""

logger = logging.getLogger("trioflow")


def log(text: str, attributes: Mapping[str, Any]) -> None:
    """Log a warning."""
    logger.warning(text, extra=attributes)


class Turn:
    """The part of a task that Trio runs from one schedule point to the next."""

    __slots__ = ("began", "ended", "task")

    def __init__(self, task: trio.lowlevel.Task, began: float) -> None:
        self.task = task
        self.began = began
        self.ended: float | None = None


class Turns(trio.abc.Instrument):
    """Keeps track of the running turn, or else the last one. An instrument of Trio."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.current: Turn | None = None

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        now = self._clock()
        self._end(now)
        self.current = Turn(task, now)

    # Not after_task_step: this hook is called once for all runnable tasks.
    def before_io_wait(self, timeout: float) -> None:
        self._end(self._clock())

    def _end(self, now: float) -> None:
        if self.current is not None and self.current.ended is None:
            self.current.ended = now


class Watchdog:
    """Warns of turns that are too long. Call `look` periodically, from any thread."""

    def __init__(
        self,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        worked: Callable[[], float] = time.process_time,
        tell: Tell = log,
    ) -> None:
        """Warn of turns of *seconds* or more.

        Args:
          clock: Returns the time in seconds.
          worked: Returns the processor time of the loop's thread, in seconds.
          tell: Called with each warning.
        """
        self.seconds = seconds
        self.interval = seconds / LOOKS
        """Seconds between two looks."""
        self.turns = Turns(clock)
        self._clock, self._worked, self._report = clock, worked, tell
        self._lock = threading.Lock()
        self._ledger = Ledger()
        self._last_look = clock(), worked()
        self._turn: Turn | None = None
        self._lost = 0.0
        """Seconds of the turn that do not count."""
        self._block: Block | None = None
        """The block to report about the turn, if it is too long."""
        self._is_closed = False

    def look(self) -> None:
        """Warn if the running turn is too long, and report the end of the previous block."""
        with self._lock:
            reports = [] if self._is_closed else [*self._look()]
        for report in reports:  # outside the lock, because logging may block
            self._report(*report)

    def close(self) -> None:
        """Report what has not been reported yet; nothing is reported afterwards."""
        with self._lock:
            self._is_closed = True
            reports = [*self._look(), *self._end_turn(self._clock()), *self._ledger.close()]
        for report in reports:
            self._report(*report)

    def _look(self) -> Iterable[Report]:
        now = self._clock()
        passed, counted = self._count(now)
        turn = self.turns.current
        if turn is not self._turn:
            yield from self._end_turn(now)
            self._turn = turn
            self._lost = 0.0 if turn is None else max(0.0, now - turn.began - counted)
        else:
            self._lost += passed - counted
        if turn is None:
            return
        if turn.ended is not None:
            yield from self._end_turn(now)
        elif self._block is None and self._seconds(turn, now) >= self.seconds:
            block = Block.by(turn.task)
            # If the turn ended meanwhile, the stack may be that of another turn.
            if block is not None and turn.ended is None:
                self._block = block
                yield from self._ledger.begin(block, self._seconds(turn, now), now)

    def _count(self, now: float) -> tuple[float, float]:
        """Return how many seconds have passed since the last look, and how many of them count.

        A look is late if the whole process was suspended or got no processor; that time does
        not count. It does count if the loop was working and held the interpreter, as a long
        regular expression search does.
        """
        (looked_at, had_worked), worked = self._last_look, self._worked()
        self._last_look = now, worked
        passed = now - looked_at
        return passed, min(passed, max(LATE * self.interval, worked - had_worked))

    def _end_turn(self, now: float) -> Iterable[Report]:
        turn, block, self._turn, self._block = self._turn, self._block, None, None
        if turn is not None and block is not None:
            yield from self._ledger.end(block, self._seconds(turn, now))

    def _seconds(self, turn: Turn, now: float) -> float:
        """Return how long a turn has blocked the loop."""
        return (now if turn.ended is None else turn.ended) - turn.began - self._lost
