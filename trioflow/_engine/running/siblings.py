"""Calls that run at the same time, and the policy of what a failure does to the others."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import attrs
import trio

from trioflow import outcomes
from trioflow._engine.base.outcome import Bailed, Failed, Outcome, Success, Suspended
from trioflow.nodes import OnError
from trioflow.record import RunRecord

Collect: TypeAlias = Callable[[Any, Outcome], Any]
"""Receives the key of a sibling and its outcome."""


@attrs.define(eq=False)
class Siblings:
    """Collects the outcomes of calls that run in one nursery."""

    nursery: trio.Nursery
    on_error: OnError
    outcomes: dict[Any, Outcome] = attrs.field(factory=dict)
    stopped: bool = False
    """Whether one has failed or bailed, so that no further item should start."""
    waiting: bool = False
    """Whether one waits for an answer."""

    def start(self, key: Any, run: Callable[..., Awaitable[Outcome]], *args: Any) -> None:
        """Start one sibling; its outcome is kept under *key*."""
        self.nursery.start_soon(self._run, key, run, args)

    def record(self, key: Any, outcome: Outcome) -> None:
        """Keep an outcome, and cancel the others if it ends all siblings."""
        self.outcomes[key] = outcome
        if isinstance(outcome, Suspended):
            self.waiting = True
        elif not isinstance(outcome, Success) and not self._is_collected(outcome):
            self.stopped = True
            if self.on_error == "cancel":
                self.nursery.cancel_scope.cancel()

    def join(self, order: Iterable[Any], collect: Collect) -> Outcome:
        """Return the combined outcome of all siblings; its value is ``{key: value}``.

        Canceled siblings have no outcome and do not count. A failure wins over a bail, which wins
        over a suspension; all errors are kept.

        Args:
          collect: Returns the placeholder for an outcome, with ``"collect"``.
        """
        outcomes = {key: self.outcomes[key] for key in order if key in self.outcomes}
        if self.on_error == "collect":
            errors = []
        else:
            errors = [o.error for o in outcomes.values() if isinstance(o, Failed)]
        if errors:
            return Failed(errors[0] if len(errors) == 1 else several(errors))
        for outcome in outcomes.values():
            if isinstance(outcome, Bailed):
                return outcome
        suspended = {k: o.payload for k, o in outcomes.items() if isinstance(o, Suspended)}
        if suspended:
            one = len(suspended) == 1
            return Suspended(next(iter(suspended.values())) if one else suspended)
        if self.on_error == "collect":
            return Success({key: collect(key, o) for key, o in outcomes.items()})
        return Success({key: o.value for key, o in outcomes.items() if isinstance(o, Success)})

    def _is_collected(self, outcome: Outcome) -> bool:
        return self.on_error == "collect" and isinstance(outcome, Failed)

    async def _run(
        self, key: Any, run: Callable[..., Awaitable[Outcome]], args: tuple[Any, ...]
    ) -> None:
        self.record(key, await run(*args))


@asynccontextmanager
async def open_siblings(on_error: OnError) -> AsyncGenerator[Siblings, None]:
    """Open a nursery for siblings; leaving the block waits for all of them."""
    async with trio.open_nursery() as nursery:
        yield Siblings(nursery, on_error)


def collected(outcome: Outcome, record: RunRecord, address: str) -> Any:
    """Return the value of ``on_error="collect"`` for the call at *address*, which has ended."""
    if isinstance(outcome, Failed):
        return outcomes.Failed(outcome.error, record.calls[address].attempts, address)
    assert isinstance(outcome, Success)  # other outcomes decide for all
    return outcomes.Ok(outcome.value)


def several(errors: list[BaseException]) -> BaseExceptionGroup[BaseException]:
    """Return one error for several; an ExceptionGroup if all of them are an Exception."""
    return BaseExceptionGroup(f"{len(errors)} steps failed", errors)
