"""Look for free runs that have something to do, once or for as long as an engine is open."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import attrs
import trio

from trioflow._calendar import calendar_now
from trioflow._engine.base.nursery import open_owned_nursery
from trioflow._engine.base.reporting import reported
from trioflow._engine.journal.durable_runs import DurableRuns, journal_of
from trioflow._engine.journal.followers import Followers, open_followers
from trioflow._engine.journal.stored_runs import StoredRuns
from trioflow._engine.journal.taking_up import Taker
from trioflow._engine.life.life import Life
from trioflow._engine.life.registry import RunRegistry
from trioflow._retries import Retries
from trioflow.abc import Store, StoredRun
from trioflow.events import ACTIVE_STATUSES

LOOK = 1.0
"""Seconds between two searches for runs whose process has died; no event announces a death."""
PAGE = 100
"""How many runs one search takes from the store at a time."""


@attrs.define(eq=False)
class _Search:
    """Finds free runs in a store, and takes them up."""

    runs: StoredRuns
    taker: Taker
    broken: set[str] = attrs.field(factory=set)
    """Runs of this engine that were interrupted because the store was unavailable."""
    _interrupted: trio.Event = attrs.field(factory=trio.Event)
    """Set when there is such a run."""

    @property
    def durable(self) -> DurableRuns:
        return self.runs.durable

    @property
    def registry(self) -> RunRegistry:
        return self.runs.registry

    async def recover(self, retries: Retries) -> list[Life]:
        """Take up all free runs that have something to do; return those that run."""
        self.durable.check_writable()
        taken = []
        for stored in await find_claimable(self.durable.store, retries):
            if is_for_workers(stored):
                continue
            life = await self.taker.try_to_take_up(stored, retries)
            if life is not None:
                taken.append(life)
        return taken

    async def look_forever(self, always: bool) -> None:
        """Take up runs for as long as the engine is open.

        Args:
          always: Whether to search for runs of dead processes; otherwise, only for runs of this
            engine that were interrupted because the store was unavailable.
        """
        while True:
            if not (always or self.broken):
                self._interrupted = trio.Event()
                await self._interrupted.wait()
            await trio.sleep(LOOK * random.uniform(0.8, 1.2))  # so that engines do not look in step
            with reported("the store could not be searched for runs to recover"):
                if always:
                    await self.recover(Retries(-math.inf))  # it searches again soon
                elif self.broken:
                    await self._recover_broken()

    def interrupt(self, run_id: str) -> None:
        """Search for a run of this engine that was interrupted."""
        self.broken.add(run_id)
        self._interrupted.set()

    async def _recover_broken(self) -> None:
        await self.durable.claims.renew()  # otherwise they could expire again
        for run_id in tuple(self.broken):
            life = self.registry.find(run_id)
            if life is not None and journal_of(life).in_flight:
                continue
            stored = await self.durable.store.get(run_id)
            if (
                stored is None
                or stored.status not in ACTIVE_STATUSES
                or await self.taker.try_to_take_up(stored, Retries(-math.inf)) is not None
            ):
                self.broken.discard(run_id)


async def find_claimable(store: Store, retries: Retries) -> list[StoredRun]:
    """Return all free runs that have something to do.

    Raises:
      StoreError: if the store cannot be read.
    """
    found: list[StoredRun] = []
    look = partial(store.list_claimable, limit=PAGE)
    cursor = None
    while True:
        page = await retries.run(partial(look, now=calendar_now(), cursor=cursor))
        found += page
        if len(page) < PAGE:
            return found
        cursor = page[-1].cursor


def is_for_workers(stored: StoredRun) -> bool:
    """Return whether a run is enqueued and not overdue: only workers begin it."""
    is_overdue = stored.due_at is not None and stored.due_at <= calendar_now()
    return stored.status == "pending" and not is_overdue


async def recover(runs: StoredRuns) -> list[Life]:
    """Take up all free runs that have something to do; return those that run.

    Retries what may succeed later, for as long as writers do.

    Raises:
      StoreError: if the store cannot be read or written.
    """
    return await _Search(runs, Taker(runs)).recover(runs.durable.writer.retries())


@asynccontextmanager
async def open_stored_runs(stored: StoredRuns, always: bool) -> AsyncGenerator[None, None]:
    """Search for runs and requests in the background while the block runs."""
    search = _Search(stored, Taker(stored))
    stored.durable.on_begin = stored.attendant.attend_soon
    stored.durable.on_broken = search.interrupt
    stored.durable.on_duplicate = stored.registry.forget
    stored.durable.journals.find = stored.registry.find
    stored.durable.journals.closing = stored.registry.closing
    followers = Followers(stored.durable, stored.registry)
    stored.durable.on_followed = followers.follow
    tasks = trio.CancelScope()

    async def work() -> None:
        with tasks:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(search.look_forever, always)
                nursery.start_soon(stored.attendant.attend_forever)

    async with open_followers(followers), open_owned_nursery(tasks.cancel) as nursery:
        if not stored.durable.store.is_read_only:
            nursery.start_soon(work)
        yield
