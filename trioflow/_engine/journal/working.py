"""Work: take the runs that others have enqueued, while there is room for more."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Collection
from typing import NoReturn
from weakref import WeakSet

import attrs
import trio

from trioflow._calendar import calendar_now
from trioflow._engine.base.nursery import open_owned_nursery
from trioflow._engine.base.reporting import report, reported
from trioflow._engine.journal.jobs import Job
from trioflow._engine.journal.looking import find_claimable
from trioflow._engine.journal.stored_runs import StoredRuns
from trioflow._engine.journal.taking_up import Taker
from trioflow._engine.journal.work_reports import WorkReporter
from trioflow._engine.life.ending import halt
from trioflow._engine.life.life import Life
from trioflow._retries import Retries
from trioflow.abc import Store, StoredRun
from trioflow.errors import StoreError

MOST = 20
"""Maximum number of runs that are taken at a time, so that other workers also get some."""
SHARE = 4
"""For the same reason, only this part of the room is filled at a time."""
SKIP = 1.0
SKIP_REFUSED = 60.0
"""Seconds for which a worker leaves a run that it could not take: another one may be able to."""
PAUSE = 1.0
"""Seconds between two tries to take runs from a store that is unavailable."""
UPKEEP = 60.0
"""Seconds between two searches for overdue runs that no worker can drive."""


@attrs.define(eq=False)
class Worker:
    """Takes runs for one engine, and stops them when it is canceled."""

    runs: StoredRuns
    job: Job
    reporter: WorkReporter
    _taker: Taker = attrs.field(init=False)
    _nursery: trio.Nursery = attrs.field(init=False)
    """The tasks that take up claimed runs."""
    _taking: set[str] = attrs.field(factory=set)
    """The runs that they take up."""
    _taken: WeakSet[Life] = attrs.field(factory=WeakSet)
    """The runs that were taken. Those that have ended are kept by the registry, for a while."""
    _skipped: dict[str, float] = attrs.field(factory=dict)
    """Runs that could not be taken, and until when they are left alone, on Trio's clock."""
    _is_unsure: bool = False
    """Whether the store may have claimed runs in a call that failed."""
    _upkeep_at: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._taker = Taker(self.runs)
        self._upkeep_at = trio.current_time() + self.job.poll

    @property
    def _store(self) -> Store:
        return self.runs.durable.store

    @property
    def _owner(self) -> str:
        return self.runs.durable.owner

    @property
    def _room(self) -> int:
        return self.job.capacity - self.runs.registry.driven - len(self._taking)

    async def work(self) -> NoReturn:
        """Take runs until this is canceled; then drain and halt them, and release their claims.

        Raises:
          StoreError: if the store can no longer be used.
        """
        try:
            async with open_owned_nursery(lambda: None) as self._nursery:
                while True:
                    if self._room <= 0:
                        await self.runs.registry.ended.park()
                    elif not await self._take_some():
                        await self.reporter.look(self._store)
                        await self._wait()
        finally:
            with trio.CancelScope(shield=True):
                await self._leave()

    # ------------------------------------------------------------ taking
    async def _take_some(self) -> bool:
        """Take as many runs as one look takes; return whether there may be more."""
        limit = min(MOST, max(1, self._room // SHARE))
        try:
            found = await self._claim_next(limit)
        except StoreError as exc:
            if not exc.transient:
                raise
            report("no runs could be taken: %s", exc, level=logging.WARNING)
            self._is_unsure = True
            await trio.sleep(PAUSE)
            return True
        for stored in found:
            self._taking.add(stored.header.run_id)
            self._nursery.start_soon(self._take, stored)
        self.reporter.report(len(found))
        return len(found) == limit

    async def _claim_next(self, limit: int) -> Collection[StoredRun]:
        now = trio.current_time()
        self._skipped = {run_id: at for run_id, at in self._skipped.items() if at > now}
        found = await self._store.claim_next(
            self._owner,
            self.runs.durable.writer.claim_seconds,
            workflows=self.job.workflows,
            queues=self.job.queues,
            now=calendar_now(),
            limit=limit,
            skipped=tuple(self._skipped),
            held=[*self.runs.held(), *self._taking] if self._is_unsure else None,
        )
        self._is_unsure = False
        return found

    async def _take(self, stored: StoredRun) -> None:
        run_id, life = stored.header.run_id, None
        pause = SKIP_REFUSED
        try:
            with trio.CancelScope(shield=True):  # what is claimed must be driven or released
                life = await self._taker.take_claimed(stored)
        except StoreError as exc:
            report("run %s could not be taken: %s", run_id, exc, level=logging.WARNING)
            self._is_unsure, pause = True, SKIP
        finally:
            self._taking.discard(run_id)
            self.runs.registry.ended.unpark_all()  # there may be room again
        if life is None:
            self._skipped[run_id] = trio.current_time() + pause
        else:
            self._taken.add(life)

    # ------------------------------------------------------------ waiting
    async def _wait(self) -> None:
        """Wait until there may be something to take."""
        if trio.current_time() >= self._upkeep_at:
            self._upkeep_at = trio.current_time() + UPKEEP
            with reported("overdue runs could not be searched"):
                await self._end_overdue()
        # Not longer than *poll*, and not all workers at the same time.
        with trio.move_on_after(self.job.poll * random.uniform(0.75, 1.0)):
            with reported("the store could not be watched for new runs"):
                await self._store.wait_runs(self._owner)
                return
            await trio.sleep_forever()

    async def _end_overdue(self) -> None:
        """End overdue runs that this worker does not know; it takes those that it knows."""
        for stored in await find_claimable(self._store, Retries(-math.inf)):
            is_due = stored.due_at is not None and stored.due_at <= calendar_now()
            if is_due and stored.header.workflow_id not in self.job.workflows:
                await self._taker.end_overdue(stored)

    # ------------------------------------------------------------ the end
    async def _leave(self) -> None:
        """Let running bodies end, halt all runs that were taken, and wait for their release."""
        lives = [life for life in self._taken if life.is_driven_here]
        for life in lives:
            life.core.pacer.hold()
        with trio.move_on_after(self.job.drain):
            for life in lives:
                await life.core.wait_idle()
        for life in lives:
            halt(life)
        for life in lives:
            await life.wait_for_rest()
