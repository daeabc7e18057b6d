"""Wait for objects of Ray on Trio, without threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import trio


def when_settled(ref: Any, call: Callable[[Future[Any]], object]) -> None:
    """Call a function in this event loop when an object is there, or its task has failed."""
    future: Future[Any] = ref.future()
    token = trio.lowlevel.current_trio_token()

    def wake(settled: Future[Any]) -> None:
        with suppress(trio.RunFinishedError):  # nobody waits any more
            token.run_sync_soon(call, settled)

    future.add_done_callback(wake)


async def settle(ref: Any) -> Future[Any]:
    """Wait until an object is there, or its task has failed, and return its future.

    **Cancellation**: stops waiting; the task goes on.
    """
    done = trio.Event()
    settled: list[Future[Any]] = []

    def end(future: Future[Any]) -> None:
        settled.append(future)
        done.set()

    when_settled(ref, end)
    await done.wait()
    return settled[0]
