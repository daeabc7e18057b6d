"""Threads: one writer for each open store, and the readers."""

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
    """Raised when no thread can be started. The call then had no effect."""


class WriterThread:
    """Calls blocking functions one at a time, in the order of submission.

    `trio.to_thread.run_sync` with a limiter of one would do the same in twice the time: it
    acquires and names a thread and copies a context for each call. A durable step waits for
    one call, most of which is the commit itself.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="trioflow-sql writer", daemon=True)
        self._token: trio.lowlevel.TrioToken | None = None
        self.waiting = 0
        """Number of tasks that wait for a call, including the one in progress."""

    def start(self) -> None:
        """Start the thread for tasks of the current Trio run.

        Raises:
          NoThreadError: if the system cannot start a thread.
        """
        self._token = trio.lowlevel.current_trio_token()
        try:
            self._thread.start()
        except RuntimeError as error:
            raise NoThreadError(str(error)) from error

    def stop(self) -> None:
        """Stop the thread, which must be idle."""
        self._jobs.put(None)
        self._thread.join()

    @trio.lowlevel.enable_ki_protection  # or a task that no longer waits could be rescheduled
    async def run(self, function: Callable[[], T]) -> T:
        """Call a function in the thread; return or raise its outcome.

        **Cancellation**: noticed only before the function is submitted. A submitted function
        is always called.
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
    """Call a function in a reader thread.

    Raises:
      NoThreadError: if no thread can be started.
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
