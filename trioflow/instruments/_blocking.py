"""Warns when a step blocks the event loop.

While a task computes or waits without an ``await``, nothing else runs: no step, no timeout, no
reader. The loop cannot notice that itself, so a thread does: it checks periodically whether Trio
still runs the same turn of the same task, and identifies the step only if the turn takes too
long. The overhead is one clock reading per turn, and none per step.
"""

from __future__ import annotations

import functools
import math
import operator
import sys
import threading
import time
from collections.abc import Callable
from typing import Self

import trio

from trioflow.abc import Instrument
from trioflow.instruments._watchdog import Tell, Watchdog, log


class BlockWatch(Instrument):
    """Logs a warning, as logger ``trioflow``, when a task blocks the event loop for too long::

        async with open_engine(instruments=[BlockWatch(seconds=0.2)]) as engine: ...

    The warning is logged while the loop is blocked. It names the step (or the task, if it is
    not a step) and shows the stack from there on. A second warning reports the total duration.
    If a step blocks repeatedly, at most one block in ten seconds is reported in full; the others
    are counted. The log records have the attributes that `StepContextFilter` adds to records
    made in the step.

    Time in which the process is suspended, gets no processor, or is stopped by a debugger does
    not count. To fix a blocking step, make it a plain ``def``, which runs in a thread, or wrap
    the slow call in ``trio.to_thread.run_sync``.

    While an engine is open, all tasks of the program are watched, not only those of the engine.
    Without an engine, use ``async with BlockWatch():``. Several engines may share a watch if
    they are open in the same ``trio.run``.
    """

    def __init__(self, seconds: float = 0.5, tell: Tell = log) -> None:
        """Report blocks of *seconds* or more; they are noticed within 1.25 times that.

        Args:
          tell: Called with each warning instead of logging it, with the message and the
            attributes of its log record. May be called in any thread; must not block.

        Raises:
          ValueError: if *seconds* is not a finite number above 0.
        """
        if not 0 < seconds < math.inf:
            raise ValueError(f"seconds must be a finite number above 0, not {seconds!r}")
        self.seconds = seconds
        self.tell = tell
        self._engines = 0
        self._watchdog: Watchdog | None = None
        self._stop = threading.Event()

    async def __aenter__(self) -> Self:
        self._engines += 1
        if self._watchdog is None:
            worked = _work_of_this_thread()
            self._watchdog = Watchdog(self.seconds, worked=worked, tell=self.tell)
            self._stop = threading.Event()
            trio.lowlevel.add_instrument(self._watchdog.turns)
            watch = functools.partial(_watch, self._watchdog, self._stop)
            # Use one of Trio's threads: they are reused and do not keep the process alive.
            finish = operator.methodcaller("unwrap")
            trio.lowlevel.start_thread_soon(watch, finish, "Trio thread: BlockWatch")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._engines -= 1
        if self._engines == 0 and self._watchdog is not None:
            self._stop.set()
            trio.lowlevel.remove_instrument(self._watchdog.turns)
            self._watchdog.close()
            self._watchdog = None


def _work_of_this_thread() -> Callable[[], float]:
    """Return a clock of this thread's processor time, or else of the process's."""
    if sys.platform == "linux":
        return functools.partial(
            time.clock_gettime, time.pthread_getcpuclockid(threading.get_ident())
        )
    return time.process_time  # pragma: no cover


def _watch(watchdog: Watchdog, stop: threading.Event) -> None:
    while not stop.wait(watchdog.interval):
        watchdog.look()
