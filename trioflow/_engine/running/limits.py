"""What stands around a body: its place in a limit, and its time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

import trio

from trioflow.errors import StepTimeoutError

_held: ContextVar[frozenset[trio.CapacityLimiter]] = ContextVar("held", default=frozenset())
"""The limits in which the code that runs has a place."""


@asynccontextmanager
async def in_limit(limiter: trio.CapacityLimiter | None) -> AsyncGenerator[None, None]:
    """Hold a place in *limiter*.

    Code that has a place there already, such as a tool that a step of the same limit
    calls, shares it: waiting for a second one could wait forever.
    """
    held = _held.get()
    if limiter is None or limiter in held:
        yield
        return
    place = object()  # not the task: one task may call several tools, each with its place
    await limiter.acquire_on_behalf_of(place)
    token = _held.set(held | {limiter})
    try:
        yield
    finally:
        _held.reset(token)
        limiter.release_on_behalf_of(place)


@contextmanager
def in_time(step: str, seconds: float | None) -> Generator[None, None, None]:
    """Cancel what is inside after so many seconds.

    Raises:
      StepTimeoutError: if it took longer, be it that it does not heed a cancellation.
    """
    if seconds is None:
        yield
        return
    with trio.move_on_after(seconds) as scope:
        yield
    if scope.cancelled_caught or trio.current_time() > scope.deadline:
        raise StepTimeoutError(step, seconds)
