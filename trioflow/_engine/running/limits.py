"""The limits and the time-out around a body."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

import trio

from trioflow._engine.base.outcome import Bailed, Suspended, outcome_of
from trioflow._engine.base.plan import FindLimiter, Limiter
from trioflow.errors import StepTimeoutError
from trioflow.runners._timeouts import Timer, is_timed, timed

_held: ContextVar[frozenset[Limiter]] = ContextVar("held", default=frozenset())
"""The limits in which the running code has a place."""


@asynccontextmanager
async def in_limit(find: FindLimiter | None) -> AsyncGenerator[None, None]:
    """Hold a place in a limit.

    Code that already has a place there, such as a tool called by a step with the same limit, shares
    it: waiting for a second one could take forever.
    """
    held = _held.get()
    limiter = None if find is None else find()
    if limiter is None or limiter in held:
        yield
        return
    place = object()  # not the task: one task may call several tools, each with its own place
    await limiter.acquire_on_behalf_of(place)
    token = _held.set(held | {limiter})
    try:
        yield
    finally:
        _held.reset(token)
        limiter.release_on_behalf_of(place)


@contextmanager
def in_time(call: object, id: str, seconds: float | None) -> Generator[None, None, None]:
    """Cancel the block, a body of a step call, after a number of seconds.

    A runner may stop the time with `outside_timeout`, for example until the body begins.

    Args:
      call: The step call.
      id: Id of the step or the tool, for the error.

    Raises:
      StepTimeoutError: if it took longer, even if it ignored the cancellation or then bails or
        suspends.
    """
    if seconds is None:
        if is_timed():
            with timed(None):  # the time-out of a step is not that of the tool that it calls
                yield
        else:
            yield
        return
    with trio.move_on_after(seconds) as scope:
        try:
            with timed(Timer(call, scope)):
                yield
        except BaseException as exc:
            if scope.cancel_called and isinstance(outcome_of(exc), Bailed | Suspended):
                raise StepTimeoutError(id, seconds) from None
            raise
    if scope.cancel_called:  # even if the body has caught its cancellation
        raise StepTimeoutError(id, seconds)
