"""Keep this process's view of a run up to date while another process drives it."""

from __future__ import annotations

import logging
import weakref
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import attrs
import trio

from trioflow._engine.base.nursery import open_owned_nursery
from trioflow._engine.base.outcome import must_pass
from trioflow._engine.journal.durable_runs import DurableRuns, journal_of
from trioflow._engine.journal.observing import POLL
from trioflow._engine.life.ending import give_up
from trioflow._engine.life.life import Life
from trioflow._engine.life.registry import RunRegistry
from trioflow._phases import Phase
from trioflow.errors import RunStateError, StoreError, UnknownRunError

logger = logging.getLogger("trioflow")


@attrs.define(eq=False)
class Followers:
    """Takes over the events of runs that other processes drive, with one task per run."""

    durable: DurableRuns
    registry: RunRegistry
    nursery: trio.Nursery | None = None
    """The nursery of these tasks; None while the engine is not open."""

    def follow(self, life: Life) -> None:
        """Follow what other processes write of a run, until it finishes, waits or is driven here.

        Raises:
          RunStateError: if the engine is closed.
        """
        if self.nursery is None:
            raise _closed(life)
        self.nursery.start_soon(self._follow, weakref.ref(life))

    async def _follow(self, followed: weakref.ref[Life]) -> None:
        # Held only while it looks: a run without other references need not be followed.
        try:
            while (life := followed()) is not None and await self._look(life):
                readers = life.core.readers
                del life
                await readers.wait_for_room()
                await trio.sleep(POLL)
        finally:
            life = followed()
            if life is not None:
                _leave(life)

    async def _look(self, life: Life) -> bool:
        """Take over what is new; return whether there may be more."""
        try:
            async with self.registry.lock(life.run_id):
                await self._catch_up(life)
        except BaseException as exc:
            if must_pass(exc):
                raise
            if isinstance(exc, StoreError) and exc.transient:
                logger.warning("run %s could not be followed: %s", life.run_id, exc)
            else:
                give_up(life, exc)
        return life.phase is Phase.ELSEWHERE and life.failure is None

    async def _catch_up(self, life: Life) -> None:
        if life.phase is not Phase.ELSEWHERE:
            return
        stored = await self.durable.store.get(life.run_id)
        if stored is None:
            raise UnknownRunError(life.run_id)
        if stored.last_seq > journal_of(life).stored:
            await self.durable.catch_up(life)


def _leave(life: Life) -> None:
    """End all waits for events that will no longer be taken over."""
    life.is_followed = False
    if life.phase is Phase.ELSEWHERE and life.failure is None:
        give_up(life, _closed(life))


def _closed(life: Life) -> RunStateError:
    problem = "it is driven in another process, and the engine that followed it is closed"
    return RunStateError(life.run_id, life.record.status, problem)


@asynccontextmanager
async def open_followers(followers: Followers) -> AsyncGenerator[None, None]:
    """Follow runs while the block runs."""

    def close() -> None:
        followers.nursery = None
        nursery.cancel_scope.cancel()

    async with open_owned_nursery(close) as nursery:
        followers.nursery = nursery
        yield
