"""Runs blocking bodies in Trio's worker threads."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import trio

from trioflow._signature import name_of
from trioflow.abc import Runner
from trioflow.context import StepContext
from trioflow.runners._blocking import check_blocking

CAPACITY = 40
"""As many threads as Trio itself allows at the same time unless it is told otherwise."""


class ThreadRunner(Runner):
    """Calls the function in a thread, with the context variables of the step.

    The body can call ``trio.from_thread.run(ctx.write, chunk)`` and the like.

    **Cancellation**: waits for the function to return, since a thread cannot be stopped; a long
    one should call ``trio.from_thread.check_cancelled()`` now and then. With
    *abandon_on_cancel* it is left to itself instead: the run goes on, or ends, while the
    function still works, its result is thrown away, and its place is taken until it returns.
    Only for functions that nobody minds, such as a query that is answered or not: `Runner`
    promises that no body goes on, which does not hold then, as `check_runner` says.
    """

    def __init__(self, capacity: int = CAPACITY, *, abandon_on_cancel: bool = False) -> None:
        """Take threads from Trio, under a limit that nothing else has a share in.

        Args:
          capacity: How many functions may run at the same time; others wait for a place. It
            holds for all runs of one ``trio.run()`` that use this runner.
          abandon_on_cancel: Whether cancellation leaves a function to itself.

        Raises:
          ValueError: if the capacity is not a whole number >= 1.
        """
        if type(capacity) is not int or capacity < 1:
            raise ValueError(f"capacity must be a whole number >= 1, not {capacity!r}")
        self._capacity = capacity
        self._abandon_on_cancel = abandon_on_cancel
        # A limiter belongs to one event loop, and a runner may be used by several.
        self._limiter: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("limiter")

    def __repr__(self) -> str:
        return f"ThreadRunner({self._capacity}, abandon_on_cancel={self._abandon_on_cancel})"

    def check(self, fn: Callable[..., Any], where: str) -> None:
        check_blocking(fn, where, "in a thread")

    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        return await trio.to_thread.run_sync(
            functools.partial(fn, *args, **kwargs),
            abandon_on_cancel=self._abandon_on_cancel,
            limiter=self._places(),
            thread_name=f"{name_of(fn)} of step {ctx.step_id}",  # for debuggers, and leaks
        )

    def _places(self) -> trio.CapacityLimiter:
        try:
            return self._limiter.get()
        except LookupError:
            limiter = trio.CapacityLimiter(self._capacity)
            self._limiter.set(limiter)
            return limiter
