"""The event loop of a worker, shared by all its bodies so that they can share resources."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import TypeVar

import outcome
import trio
from trio._threads import PARENT_TASK_DATA

from trioflow.runners import OpenResource, Resources

T = TypeVar("T")


class WorkerLoop:
    """Runs Trio in a thread of its own, while bodies run in the main thread.

    A resource belongs to the event loop that opened it, so bodies that share it share the loop.
    """

    def __init__(self) -> None:
        self.openers: dict[str, OpenResource] = {}
        """The openers of the resources that bodies have requested so far."""
        self.resources = Resources(self.openers)
        self._ready = threading.Event()
        self._token: trio.lowlevel.TrioToken | None = None
        self._closing: trio.Event | None = None
        self._thread = threading.Thread(target=trio.run, args=(self._serve,), daemon=True)

    def start(self) -> None:
        """Start the loop, and let this thread use it: ``trio.from_thread.run(ctx.write, chunk)``.

        Trio does the same for the threads that it starts, but has no function for others.
        """
        self._thread.start()
        self._ready.wait()
        assert self._token is not None
        PARENT_TASK_DATA.token = self._token
        PARENT_TASK_DATA.abandon_on_cancel = True
        PARENT_TASK_DATA.cancel_register = [None]
        PARENT_TASK_DATA.task_register = [None]

    def run(self, fn: Callable[[], Awaitable[T]]) -> T:
        """Await *fn* in the loop, with the context variables of this thread.

        An interrupt of this thread cancels it, and is raised when it has ended.
        """
        assert self._token is not None
        done = Future[outcome.Outcome[T]]()
        scope = trio.CancelScope()

        async def work() -> None:
            with scope:
                done.set_result(await outcome.acapture(fn))

        spawn = partial(trio.lowlevel.spawn_system_task, work, context=copy_context())
        self._token.run_sync_soon(spawn)
        try:
            result = done.result()
        except KeyboardInterrupt:
            self._token.run_sync_soon(scope.cancel)
            done.result()
            raise
        return result.unwrap()

    def close(self) -> None:
        """Close the resources and stop the loop."""
        if self._token is not None and self._closing is not None:
            self._token.run_sync_soon(self._closing.set)
            self._thread.join()

    async def _serve(self) -> None:
        self._closing = trio.Event()
        async with self.resources.open():
            self._token = trio.lowlevel.current_trio_token()
            self._ready.set()
            await self._closing.wait()


LOOP = WorkerLoop()
"""The loop of this process, if it is a worker."""


@contextmanager
def open_loop() -> Iterator[None]:
    """Run the loop of this process, which bodies need to await something.

    When the block is left, the resources of bodies are closed.
    """
    LOOP.start()
    yield
    LOOP.close()
