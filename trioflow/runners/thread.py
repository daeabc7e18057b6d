"""Runs blocking bodies in Trio's worker threads."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import trio

from trioflow.abc import Runner


class ThreadRunner(Runner):
    """Calls the function in a thread, under Trio's default thread limiter.

    **Cancellation**: waits for the function to return, since a thread cannot be stopped;
    a long one should call ``trio.from_thread.check_cancelled()`` now and then.
    """

    async def run(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return await trio.to_thread.run_sync(functools.partial(fn, *args, **kwargs))
