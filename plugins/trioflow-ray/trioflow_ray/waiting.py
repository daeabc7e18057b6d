"""Wait for objects of Ray on Trio, without threads."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import trio


async def settle(ref: Any) -> Future[Any]:
    """Wait until an object is there, or its task has failed, and return its future.

    **Cancellation**: stops waiting; the task goes on.
    """
    future: Future[Any] = ref.future()
    done, token = trio.Event(), trio.lowlevel.current_trio_token()

    def wake(_: object) -> None:
        with suppress(trio.RunFinishedError):  # nobody waits any more
            token.run_sync_soon(done.set)

    future.add_done_callback(wake)
    await done.wait()
    return future
