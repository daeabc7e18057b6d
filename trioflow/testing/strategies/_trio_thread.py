"""Runs Trio in its own thread, for state machines whose rules are plain functions."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

import attrs
import trio

from trioflow.abc import Store

T = TypeVar("T")

OpenStore = Callable[[], AbstractAsyncContextManager[Store]]


class TrioThread:
    """Runs Trio in its own thread, so that stores stay open between rules."""

    def __init__(self) -> None:
        started: SimpleQueue[tuple[trio.lowlevel.TrioToken, trio.Nursery]] = SimpleQueue()

        async def wait_for_the_end() -> None:
            async with trio.open_nursery() as nursery:
                started.put((trio.lowlevel.current_trio_token(), nursery))
                await trio.sleep_forever()

        self._thread = threading.Thread(target=trio.run, args=[wait_for_the_end], daemon=True)
        self._thread.start()
        self._token, self._nursery = started.get()

    def run(self, function: Callable[[], Awaitable[T]]) -> T:
        return trio.from_thread.run(function, trio_token=self._token)

    def open(self, open_store: OpenStore) -> OpenedStore:
        opened: OpenedStore = self.run(partial(self._nursery.start, _keep_open, open_store))
        return opened

    def stop(self) -> None:
        trio.from_thread.run_sync(self._nursery.cancel_scope.cancel, trio_token=self._token)
        self._thread.join()


@attrs.frozen
class OpenedStore:
    store: Store
    closing: trio.Event = attrs.field(factory=trio.Event)
    closed: trio.Event = attrs.field(factory=trio.Event)

    async def close(self) -> None:
        self.closing.set()
        await self.closed.wait()


async def _keep_open(
    open_store: OpenStore, task_status: trio.TaskStatus[OpenedStore] = trio.TASK_STATUS_IGNORED
) -> None:
    """Open a store and close it in the same task, as stores with a nursery require."""
    async with open_store() as store:
        opened = OpenedStore(store)
        task_status.started(opened)
        await opened.closing.wait()
    opened.closed.set()
