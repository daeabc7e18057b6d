"""Take up runs that are free; an error of one run does not affect the others."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import attrs
import trio

from trioflow._calendar import calendar_now
from trioflow._engine.base.outcome import must_pass
from trioflow._engine.base.reporting import report, reported
from trioflow._engine.journal.codec import decode_entry
from trioflow._engine.journal.end_stored import End, end_stored
from trioflow._engine.journal.stored_runs import StoredRuns
from trioflow._engine.life.life import Life
from trioflow._retries import Retries
from trioflow.abc import StoredRun
from trioflow.errors import (
    JournalFormatError,
    NotResumableError,
    RunClaimedError,
    RunTimeoutError,
)
from trioflow.events import Start
from trioflow.wire._shown import message_of


@attrs.frozen(eq=False)
class Taker:
    """Takes up free runs for one engine."""

    runs: StoredRuns

    async def try_to_take_up(self, stored: StoredRun, retries: Retries) -> Life | None:
        """Take up a run if possible; return it if there was something to do."""
        run_id = stored.header.run_id
        async with self.runs.registry.lock(run_id):
            try:
                return await retries.run(partial(self.runs.take_up, run_id))
            except (NotResumableError, RunClaimedError):
                return None  # another engine was faster
            except BaseException as exc:  # structuring values calls user code
                await self._refuse(stored, exc)
                return None

    async def take_claimed(self, stored: StoredRun) -> Life | None:
        """Take up a run that `WorkStore.claim_next` has claimed; return it if it is driven here.

        A run that is not driven here is released.

        Raises:
          StoreError: if the store fails; the run may still be claimed.
        """
        run_id = stored.header.run_id
        async with self.runs.registry.lock(run_id):
            try:
                await self.runs.take_up(run_id, stored)
            except (NotResumableError, RunClaimedError):
                pass
            except BaseException as exc:
                await self._refuse(stored, exc)
            life = self.runs.registry.find(run_id)
            if life is not None and life.is_driven_here:
                return life
            await self.runs.durable.store.release(run_id, self.runs.durable.owner)
            return None

    async def _refuse(self, stored: StoredRun, exc: BaseException) -> None:
        """Report a run that cannot be driven here, unless it is overdue: then end it."""
        if must_pass(exc):
            raise exc
        if await self.end_overdue(stored):
            return
        run_id = stored.header.run_id
        if self.runs.is_news(run_id, stored.last_seq):
            report("run %s cannot be recovered: %s", run_id, message_of(exc))

    async def end_overdue(self, stored: StoredRun) -> bool:
        """End a run that cannot be read or driven here, if its deadline has passed."""
        run_id = stored.header.run_id
        with (
            reported("the deadline of run %s could not be checked", run_id),
            suppress(JournalFormatError),  # whoever needs more of it reports that
        ):
            for entry in await self.runs.durable.store.read(run_id, -1, 1):
                start = decode_entry(run_id, entry)
                deadline = start.deadline if isinstance(start, Start) else None
                if deadline is not None and deadline <= calendar_now():
                    error = RunTimeoutError(run_id, stored.header.workflow_id, deadline)
                    await end_stored(self.runs.durable, run_id, End(error=error))
                    return True
        await trio.lowlevel.checkpoint()
        return False
