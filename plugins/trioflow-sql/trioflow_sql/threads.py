"""Threads: one that writes for each open store, and those that read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

import outcome
import trio

T = TypeVar("T")

Job = tuple[Callable[[], object], trio.lowlevel.Task]


class NoThreadError(Exception):
    """Raised when no thread can be started. Nothing has been done then."""


class WriterThread:
    """Calls blocking functions one after the other, in the order in which they were given.

    `trio.to_thread.run_sync` with a limiter of one would do the same, in twice the time: there a
    thread has to be found, named and given a context for each call. A durable step waits for one
    call, most of which is the commit itself.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="trioflow-sql writer", daemon=True)
        self._token: trio.lowlevel.TrioToken | None = None
        self.waiting = 0
        """How many tasks wait for a call, the one that is being made included."""

    def start(self) -> None:
        """Start the thread, for tasks of the present run of Trio.

        Raises:
          NoThreadError: if the system has none.
        """
        self._token = trio.lowlevel.current_trio_token()
        try:
            self._thread.start()
        except RuntimeError as error:
            raise NoThreadError(str(error)) from error

    def stop(self) -> None:
        """End the thread, which must have nothing to do any more."""
        self._jobs.put(None)
        self._thread.join()

    @trio.lowlevel.enable_ki_protection  # or an answer could come to a task that does not wait
    async def run(self, function: Callable[[], T]) -> T:
        """Call a function in the thread; return what it returns, or raise what it raises.

        **Cancellation**: is noticed before, and then nothing is called. What was given is done.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        self.waiting += 1
        self._jobs.put((function, trio.lowlevel.current_task()))
        try:
            result: T = await trio.lowlevel.wait_task_rescheduled(_finish_first)
        finally:
            self.waiting -= 1
        return result

    def _work(self) -> None:
        assert self._token is not None
        while (job := self._jobs.get()) is not None:
            function, task = job
            done = outcome.capture(function)
            self._token.run_sync_soon(trio.lowlevel.reschedule, task, done)


def _finish_first(_: object) -> trio.lowlevel.Abort:
    return trio.lowlevel.Abort.FAILED


async def read_in_thread(work: Callable[[], T], limiter: trio.CapacityLimiter) -> T:
    """Call a function that reads, in some thread.

    Raises:
      NoThreadError: if there is none.
    """
    began = False

    def begin() -> T:
        nonlocal began
        began = True
        return work()

    try:
        return await trio.to_thread.run_sync(begin, limiter=limiter)
    except RuntimeError as error:
        if began:
            raise
        raise NoThreadError(str(error)) from error
