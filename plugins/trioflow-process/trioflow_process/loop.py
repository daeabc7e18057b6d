"""The event loop of a worker, shared by all its jobs so that they can share resources."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from multiprocessing import util
from typing import Any, TypeVar

import trio

from trioflow.runners import OpenResource, Resources

T = TypeVar("T")

FIRST = 100
"""Priority of the exit finalizer; those of multiprocessing have at most 10 and run later."""


class WorkerLoop:
    """Runs Trio in a dedicated thread, from the first job until the process exits.

    A resource belongs to the event loop that opened it, so jobs that share it share the loop.
    """

    def __init__(self) -> None:
        self.openers: dict[str, OpenResource] = {}
        """The openers of the resources that jobs have requested so far."""
        self.resources = Resources(self.openers)
        self._ready = threading.Event()
        self._token: trio.lowlevel.TrioToken | None = None
        self._closing: trio.Event | None = None
        self._thread = threading.Thread(target=trio.run, args=(self._serve,), daemon=True)

    def run(self, fn: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Run an async function in the loop, and return its value. Blocks the thread."""
        if self._token is None:
            self._thread.start()
            self._ready.wait()
            util.Finalize(None, self.close, exitpriority=FIRST)
        return trio.from_thread.run(fn, *args, trio_token=self._token)

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
