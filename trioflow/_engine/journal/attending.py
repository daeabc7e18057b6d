"""Apply the requests that other processes make of the runs of an engine."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection

import attrs
import trio

from trioflow._engine.base.outcome import must_pass
from trioflow._engine.base.reporting import report, reported
from trioflow._engine.journal.applying import apply, is_early
from trioflow._engine.journal.durable_runs import DurableRuns, journal_of
from trioflow._engine.life.life import Life
from trioflow._engine.life.registry import RunRegistry
from trioflow.wire._shown import message_of

PAUSE = 1.0
"""Seconds between two attempts to read requests from a store that is unavailable."""


@attrs.define(eq=False)
class Attendant:
    """Takes the requests for the runs that an engine has claimed, and applies them."""

    durable: DurableRuns
    registry: RunRegistry
    take_up_at_rest: Callable[[Life], Awaitable[None]]
    """Applies the requests for a run when the end of its part is on disk."""

    async def attend(self, run_ids: Collection[str] | None) -> None:
        """Apply all requests for these runs, or for all runs of the engine.

        Raises:
          StoreError: if they cannot be read.
        """
        after = 0
        early: set[Life] = set()
        while True:
            requests = await self.durable.store.take_requests(
                self.durable.owner, run_ids=run_ids, after=after
            )
            for request in requests:
                life = self.registry.find(request.run_id)
                if life is None or life.is_lost:
                    continue
                journal = journal_of(life)
                if life in early or is_early(life, journal, request):
                    early.add(life)
                # The store may have claimed a run for this engine that is still being taken up;
                # its requests are applied afterwards.
                elif journal.claimed:
                    apply(life, journal, request, self.registry.nursery)
            if not requests:
                break
            after = requests[-1].id
        for life in early:
            self.registry.nursery.start_soon(self.take_up_at_rest, life)

    async def attend_forever(self) -> None:
        """Apply what other processes request of the runs that are driven here."""
        while True:
            with reported("requests could not be read"):
                await self.durable.store.wait_requests(self.durable.owner)
                await self.attend(None)
                continue
            await trio.sleep(PAUSE)

    def attend_soon(self, run_id: str) -> None:
        """Apply requests made to a run before it was driven here."""
        self.registry.nursery.start_soon(self._attend_quietly, run_id)

    async def _attend_quietly(self, run_id: str) -> None:
        """Apply the requests of a run. No further notification comes, so this must not give up."""
        is_reported = False
        while True:
            try:
                return await self.attend([run_id])
            except BaseException as exc:
                if must_pass(exc):
                    raise
                if not is_reported:
                    message = "requests for run %s could not be read: %s"
                    report(message, run_id, message_of(exc), level=logging.WARNING)
                is_reported = True
            await trio.sleep(PAUSE)
            life = self.registry.find(run_id)
            if life is None or not life.is_driven_here:
                return None
