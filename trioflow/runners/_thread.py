"""A runner that runs blocking bodies in Trio's worker threads."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

import attrs
import trio

from trioflow._signature import name_of
from trioflow.abc import Runner
from trioflow.context import StepContext
from trioflow.runners._blocking import check_blocking
from trioflow.runners._places import Place, Places
from trioflow.runners._timeouts import outside_timeout

CAPACITY = 40
"""Maximum number of concurrent threads; Trio's own default."""


class ThreadRunner(Runner):
    """Calls the function in a thread, with the context variables of the step.

    The body can call ``trio.from_thread.run(ctx.write, chunk)`` and similar functions. A free
    thread goes to the run that has the fewest, and waiting for one does not count towards the
    ``timeout``. A body that calls a tool in the same runner only waits, so the tool does not need
    a free thread.

    **Cancellation**: waits for the function to return, because a thread cannot be stopped. A
    long function should call ``trio.from_thread.check_cancelled()`` periodically. With
    *abandon_on_cancel*, the thread is abandoned instead: the run continues or finishes while
    the function still works. Its output is discarded, and its thread counts against the
    capacity until it returns. Use that only for functions without effects, such as a query:
    it breaks the promise of `Runner` that no body outlives `run`, and `check_runner` reports
    that.
    """

    def __init__(self, capacity: int = CAPACITY, *, abandon_on_cancel: bool = False) -> None:
        """Use Trio's threads, limited by this runner's own capacity.

        Args:
          capacity: Maximum number of functions that run at the same time; further ones wait.
            The limit covers all runs of one ``trio.run()`` that use this runner. Functions that
            wait for a tool in the same runner do not count.
          abandon_on_cancel: Whether cancellation abandons a running function.

        Raises:
          ValueError: if the capacity is not a whole number >= 1.
        """
        if type(capacity) is not int or capacity < 1:
            raise ValueError(f"capacity must be a whole number >= 1, not {capacity!r}")
        self._capacity = capacity
        self._abandon_on_cancel = abandon_on_cancel
        # Places belong to one event loop, and a runner may be used by several.
        self._places: trio.lowlevel.RunVar[Places] = trio.lowlevel.RunVar("places")

    def __repr__(self) -> str:
        return f"ThreadRunner({self._capacity}, abandon_on_cancel={self._abandon_on_cancel})"

    def check(self, fn: Callable[..., Any], where: str) -> None:
        check_blocking(fn, where, "in a thread")

    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        place = self._places_here().place(ctx.run_id, waits=True)
        with place.around():  # the thread gets a copy of the context variables
            return await trio.to_thread.run_sync(
                functools.partial(fn, *args, **kwargs),
                abandon_on_cancel=self._abandon_on_cancel,
                limiter=cast("trio.CapacityLimiter", _Limiter(place, ctx)),
                thread_name=f"{name_of(fn)} of step {ctx.step_id}",  # for debuggers, and leaks
            )

    def _places_here(self) -> Places:
        try:
            return self._places.get()
        except LookupError:
            places = Places(self._capacity)
            self._places.set(places)
            return places


@attrs.frozen(eq=False)
class _Limiter:
    """What Trio needs of a limiter. It gives the place back when the thread ends."""

    place: Place
    ctx: StepContext[Any]

    async def acquire_on_behalf_of(self, borrower: object) -> None:
        with outside_timeout(self.ctx):
            await self.place.take()

    def release_on_behalf_of(self, borrower: object) -> None:
        self.place.end()
