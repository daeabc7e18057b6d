"""The event loop of a worker, shared by all its bodies so that they can share resources."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import Context, copy_context
from typing import Generic, TypeVar

import outcome
import trio
from trio._threads import PARENT_TASK_DATA

from trioflow.runners import OpenResource, Resources
from trioflow.runners.remote._bell import Bell

T = TypeVar("T")

INTERVAL = 0.02
"""Seconds after which a thread that waits for an async body looks for interrupts, if it is not the
main thread: no bell tells it of them."""


class _Body(Generic[T]):
    """An async body in the loop. Its methods are called there."""

    def __init__(self, fn: Callable[[], Awaitable[T]], context: Context) -> None:
        self.done = Future[outcome.Outcome[T]]()
        self._fn = fn
        self._context = context
        self._scope = trio.CancelScope()
        self._has_begun = False

    def begin(self) -> None:
        if not self.done.done():  # it was canceled before
            self._has_begun = True
            trio.lowlevel.spawn_system_task(self._run, context=self._context)

    def cancel(self) -> None:
        self._scope.cancel()
        if not self._has_begun:
            self.done.set_result(outcome.Error(KeyboardInterrupt()))

    async def _run(self) -> None:
        with self._scope:
            self.done.set_result(await outcome.acapture(self._fn))


class WorkerLoop:
    """Runs Trio in a thread of its own, while bodies run in the main thread.

    A resource belongs to the event loop that opened it, so bodies that share it share the loop.
    """

    def __init__(self) -> None:
        self.openers: dict[str, OpenResource] = {}
        """The openers of the resources that bodies have requested so far."""
        self.resources = Resources(self.openers)
        self._ready = threading.Event()
        self._bell: Bell | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._closing: trio.Event | None = None
        self._thread = threading.Thread(target=trio.run, args=(self._serve,), daemon=True)

    def start(self) -> None:
        """Start the loop, and let this thread use it: ``trio.from_thread.run(ctx.write, chunk)``.

        Trio does the same for the threads that it starts, but has no function for others.
        """
        self._bell = Bell()
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
        assert self._bell is not None
        body = _Body(fn, copy_context())
        body.done.add_done_callback(self._bell.ring)
        try:
            with self._bell.rung_by_signals():
                self._token.run_sync_soon(body.begin)
                while not body.done.done():
                    self._bell.wait(INTERVAL)
        except KeyboardInterrupt:
            self._token.run_sync_soon(body.cancel)  # also if it has not begun
            body.done.exception()  # waits
            raise
        return body.done.result().unwrap()

    def close(self) -> None:
        """Close the resources and stop the loop."""
        if self._token is not None and self._closing is not None:
            self._token.run_sync_soon(self._closing.set)
            self._thread.join()
        if self._bell is not None:
            self._bell.close()

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
