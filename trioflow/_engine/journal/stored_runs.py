"""The runs of a store for one engine: loaded once, and taken up if they have something to do."""

from __future__ import annotations

import logging
import time
from contextlib import suppress

import attrs
import trio

from trioflow._engine.base.reporting import reported
from trioflow._engine.journal.attending import Attendant
from trioflow._engine.journal.durable_runs import DurableRuns, journal_of
from trioflow._engine.journal.end_stored import End, end_stored
from trioflow._engine.life.due import begin_due
from trioflow._engine.life.life import Life
from trioflow._engine.life.recovering import open_recovery, recover_claimed
from trioflow._engine.life.registry import RunRegistry
from trioflow._phases import Phase
from trioflow.abc import StoredRun
from trioflow.errors import CrashLoopError, JournalConflictError, RunClaimedError, StoreError
from trioflow.record import crashes_after

logger = logging.getLogger("trioflow")


@attrs.define(eq=False)
class StoredRuns:
    """Finds the runs of a store for one engine, and makes one life of each."""

    durable: DurableRuns
    registry: RunRegistry
    max_recoveries: int
    """How many consecutive crashes a run survives while it runs together with others."""
    _reported: dict[str, int] = attrs.field(factory=dict)
    """Runs that could not be recovered, and where their journals ended."""
    attendant: Attendant = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.attendant = Attendant(self.durable, self.registry, self.take_up_at_rest)
        self.durable.attend_claimed = self.attend_claimed

    # ------------------------------------------------------------ one run
    async def load(self, run_id: str, stored: StoredRun | None = None) -> Life:
        """Return the one life of a run in this engine, from its journal unless it is driven here.

        The caller holds the run's lock (`RunRegistry.lock`).

        Args:
          stored: What the store has of it, if that was read after this engine claimed the run.

        Raises: what `DurableRuns.load` raises.
        """
        life = self.registry.find(run_id)
        if life is not None and life.phase is Phase.PENDING and await self.is_stored(run_id):
            life = None  # it was created here, but another run has its id
        if life is not None and life.phase in (Phase.WAITING, Phase.ELSEWHERE):
            await self.durable.catch_up(life)
        if life is not None and (not life.is_lost or life.phase is Phase.ELSEWHERE):
            return life
        if life is not None and journal_of(life).in_flight:
            raise RunClaimedError(run_id)  # what it wrote may reach the disk at any moment
        life = await self.durable.load(run_id, stored)
        self.registry.add(life)
        self.registry.own(life)
        return life

    def find(self, run_id: str) -> Life | None:
        """Return the run with that id if it is in memory, else None."""
        return self.registry.find(run_id)

    def lock(self, run_id: str) -> trio.Lock:
        """Return the lock to hold while looking up a run and adding it."""
        return self.registry.lock(run_id)

    def add(self, life: Life) -> None:
        """Register a run for as long as it is referenced."""
        self.registry.add(life)

    async def is_stored(self, run_id: str) -> bool:
        """Return whether the store has a run with that id."""
        return await self.durable.store.get(run_id) is not None

    def is_news(self, run_id: str, last_seq: int) -> bool:
        """Return whether it has not been reported that a run with this journal is not recovered."""
        is_reported = self._reported.get(run_id) == last_seq
        self._reported[run_id] = last_seq
        return not is_reported

    def held(self) -> list[str]:
        """Return the ids of the runs that are driven here."""
        return [life.run_id for life in self.registry.known() if life.is_driven_here]

    async def take_up(self, run_id: str, claimed: StoredRun | None = None) -> Life | None:
        """Recover a run if it is interrupted, and apply its requests; None if there were none.

        The caller holds the run's lock.

        Args:
          claimed: What the store had of it when `WorkStore.claim_next` claimed it.

        Raises: whatever prevents it. The claim is then released.
        """
        known = self.registry.find(run_id)
        if known is not None and known.is_driven_here:
            return None
        life = await self.load(run_id, claimed)
        if life.unreadable is not None:
            raise life.unreadable
        if life.phase is Phase.ELSEWHERE:
            return await self._recover(life, claimed)
        if life.phase is Phase.WAITING:
            return await self._attend_waiting(life, claimed)
        return None

    async def take_up_at_rest(self, life: Life) -> None:
        """Apply requests that came while this engine was releasing a run."""
        with reported("requests for run %s could not be applied", life.run_id):
            await life.wait_for_rest()
            with suppress(RunClaimedError):  # its new owner applies them
                async with self.lock(life.run_id):
                    await self.take_up(life.run_id)

    async def attend_claimed(self, life: Life) -> None:
        """Apply the requests for a waiting run that was just claimed; see `Keeper.attend`.

        Raises:
          StoreError: if they cannot be read. The claim is then released.
        """
        is_attended = False
        try:
            await self.attendant.attend([life.run_id])
            is_attended = True
        finally:
            if life.is_driven_here:  # an answer has begun a part
                self.registry.own(life)
                self.registry.start_soon(life)
            elif not is_attended:
                with trio.CancelScope(shield=True):
                    await self.durable.release(life)
        if life.phase is Phase.FINISHED:
            await self.durable.wait_stored(life)

    async def _recover(self, life: Life, claimed: StoredRun | None) -> Life | None:
        # Then it is known whether its process has died.
        await self.durable.claim(life, claimed)
        crashes = crashes_after(life.record, time.time()) if life.has_crashed else 0
        if crashes > self.max_recoveries:
            await self._end_crash_loop(life, crashes)
            return None
        if claimed is None:
            await open_recovery(life)
        else:
            await recover_claimed(life)
        if claimed is not None and claimed.status == "pending":
            await self._save_begin(life)
        if crashes == self.max_recoveries:
            self.durable.begin(life)  # its first turn may come late
            self.registry.start_alone(life)
        else:
            self.registry.start_soon(life)
        return life

    async def _save_begin(self, life: Life) -> None:
        """Wait until it is on disk that a run has begun, before a body of it can crash."""
        self.durable.claims.add(life.run_id, journal_of(life))
        with suppress(StoreError, JournalConflictError):  # the run is broken off
            await self.durable.wait_stored(life)

    async def _end_crash_loop(self, life: Life, crashes: int) -> None:
        error = CrashLoopError(life.run_id, crashes)
        logger.error("%s", error)
        await end_stored(self.durable, life.run_id, End(error=error, crashed=True))
        await self.durable.catch_up(life)

    async def _attend_waiting(self, life: Life, claimed: StoredRun | None) -> Life | None:
        """Apply the requests for a waiting run; it may end, run or continue to wait."""
        async with life.resuming:
            if life.phase is not Phase.WAITING:  # an answer came first, and is driven
                return None
            await self.durable.claim(life, claimed)
            try:
                await self.attendant.attend([life.run_id])
                if life.phase is Phase.WAITING:
                    begin_due(life)
            finally:
                if not life.is_driven_here:
                    with trio.CancelScope(shield=True):
                        try:
                            await self.durable.wait_stored(life)
                        finally:
                            if not life.is_driven_here:  # or an answer came in the meantime
                                await self.durable.release(life)
        if life.is_driven_here:
            self.registry.start_soon(life)
        return life
