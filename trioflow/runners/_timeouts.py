"""The time-out of a body, which a runner stops while the body waits for the runner."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import trio

from trioflow.context import StepContext

_timer: ContextVar[Timer | None] = ContextVar("timer", default=None)
"""The time-out around the running code, if it is around a body."""


class Timer:
    """The time-out of one body."""

    def __init__(self, call: object, scope: trio.CancelScope) -> None:
        """Count the time until the deadline of *scope*, for the body of a step call."""
        self.call = call
        self._scope = scope
        self._stops = 0
        self._left = 0.0

    def stop(self) -> None:
        """Let no time pass until `release` was called as often."""
        if self._stops == 0:
            self._left = self._scope.deadline - trio.current_time()
            self._scope.deadline = math.inf
        self._stops += 1

    def release(self) -> None:
        self._stops -= 1
        if self._stops == 0:
            self._scope.deadline = trio.current_time() + self._left


def is_timed() -> bool:
    """Return whether there is a time-out around the running code."""
    return _timer.get() is not None


@contextmanager
def timed(timer: Timer | None) -> Generator[None, None, None]:
    """Make *timer* the time-out of the body that runs inside the block."""
    token = _timer.set(timer)
    try:
        yield
    finally:
        _timer.reset(token)


@contextmanager
def outside_timeout(ctx: StepContext[Any]) -> Generator[bool, None, None]:
    """Say that a body waits inside the block, for runners whose bodies do not begin at once.

    Use it in `Runner.run` around everything that happens before the body begins, such as waiting
    for a free worker. Then a ``timeout`` counts from the beginning of the body, which is also
    recorded (`trioflow.events.StepBegin`), so that timelines show waiting apart from working::

        with outside_timeout(ctx):
            worker = await self._free_worker()
        return await worker.call(fn, *args, **kwargs)

    It also works in tasks that ``run`` starts, and several blocks may overlap. It does not stop the
    timeouts of other bodies, such as the step that calls a tool, nor those of workflows. Blocks
    after the first one only stop the timeout. It yields whether it matters when the block ends.

    Args:
      ctx: The context that ``run`` was given.
    """
    timer, call = _timer.get(), ctx._call
    if timer is not None and timer.call is not call:
        timer = None
    waits: bool = getattr(call, "is_awaited", False)
    if timer is not None:
        timer.stop()
    try:
        yield timer is not None or waits
    except BaseException:
        waits = False  # the body will not begin
        raise
    finally:
        if timer is not None:
            timer.release()
        if waits:
            call.begin_body()  # type: ignore[attr-defined]
