"""Warns when a step blocks the event loop.

While one task computes or waits without an ``await``, nothing else goes on: no step, no
time-out, no reader. The loop cannot notice that itself, so a thread does. It looks now and
then whether Trio still runs the same turn of the same task, and only when that takes too
long it finds out which step it is. A turn costs a reading of a clock, a step nothing.
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
    """Warns, as logger ``trioflow``, when a task blocks the event loop for too long::

        async with open_engine(instruments=[BlockWatch(seconds=0.2)]) as engine: ...

    The warning comes while the loop is blocked. It names the step, or says that the task is
    not a step, and shows the stack from there on; a second one tells how long it was in the
    end. Of a step that blocks again and again only one block in ten seconds is told, and the
    number of the others. The log records have the attributes that `StepContextFilter` gives
    to those that are made in the step.

    Time in which the process is suspended, gets no processor, or is stopped by a debugger does
    not count. The remedy is a step that is a plain ``def``, since that runs in a thread, or
    ``trio.to_thread.run_sync`` around the call that takes so long.

    It works while an engine is open, for all tasks of the program and not only for those of
    the engine; and as ``async with BlockWatch():`` for as long as the block lasts. Several
    engines may share a watch if they are open in the same ``trio.run``.
    """

    def __init__(self, seconds: float = 0.5, tell: Tell = log) -> None:
        """Warn of blocks of *seconds* or more; they are noticed within 1.25 times that.

        Args:
          tell: Called with each warning instead of logging it: its text, and the attributes
            of its record. In any thread; must not block.

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
            # One of Trio's threads, since they are reused, and do not keep the process alive.
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
    """Return a clock of the processor time that this thread uses; of all if there is none."""
    if sys.platform == "linux":
        return functools.partial(
            time.clock_gettime, time.pthread_getcpuclockid(threading.get_ident())
        )
    return time.process_time  # pragma: no cover


def _watch(watchdog: Watchdog, stop: threading.Event) -> None:
    while not stop.wait(watchdog.interval):
        watchdog.look()
