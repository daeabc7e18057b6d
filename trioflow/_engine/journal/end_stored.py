"""Ending a stored run in which nothing runs, without the code of its workflow."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import attrs
import trio

from trioflow import events as ev
from trioflow._engine.journal.durable_runs import DurableRuns
from trioflow._engine.journal.encoding import encode
from trioflow.abc import Append, StoredRun
from trioflow.errors import NotResumableError, UnknownRunError
from trioflow.events import ACTIVE_STATUSES, WAITING_STATUSES, RunStatus

ENDABLE = (*ACTIVE_STATUSES, *WAITING_STATUSES)


@attrs.frozen(kw_only=True)
class End:
    """How a run is to end."""

    reason: str | None = None
    """Why it is canceled."""
    by: str | None = None
    """Who cancels it."""
    error: Exception | None = None
    """Why it has failed, if it has."""
    crashed: bool = False
    """Whether its process has died."""

    @property
    def status(self) -> RunStatus:
        return "canceled" if self.error is None else "failed"


async def end_stored(runs: DurableRuns, run_id: str, end: End) -> None:
    """Write the end of a run that waits, or whose process has died, into its journal.

    Only the journal is needed, so a run can be ended that cannot be read, or whose workflow has
    changed or is gone. The workflow's hooks are not called. Of two who end a run, or of one who
    ends it and one who resumes it, exactly one succeeds.

    Raises:
      UnknownRunError: if the store does not have it.
      RunClaimedError: if it is running.
      NotResumableError: if it has finished.
      StoreError, JournalConflictError: if its end cannot be written.
    """
    async with claimed(runs, run_id) as stored:
        if stored.status not in ENDABLE:
            raise NotResumableError(run_id, stored.status, "there is nothing left to cancel")
        append = Append(
            run_id=run_id,
            entries=tuple(encode(event, codec=runs.writer.codec) for event in _events(stored, end)),
            after=stored.last_seq,
            status=end.status,
            owner=runs.owner,
        )
        await runs.writer.append(append)


@asynccontextmanager
async def claimed(runs: DurableRuns, run_id: str) -> AsyncGenerator[StoredRun, None]:
    """Hold the claim on a run that nobody else has; yields the run as it is then.

    Raises:
      UnknownRunError: if the store does not have it.
      RunClaimedError: if it is running.
    """
    if not await runs.store.claim(run_id, runs.owner, runs.writer.claim_seconds):
        raise await runs.claimed_elsewhere(run_id)
    try:
        stored = await runs.store.get(run_id)
        if stored is None:
            raise UnknownRunError(run_id)
        yield stored
    finally:
        with trio.CancelScope(shield=True):
            await runs.store.release(run_id, runs.owner)


def _events(stored: StoredRun, end: End) -> Sequence[ev.Event]:
    """Return the events that end a run; of one that was interrupted, the open calls are void."""
    run_id, seq = stored.header.run_id, stored.last_seq + 1
    at = max(time.time(), stored.updated_at)  # clocks of machines differ
    events: list[ev.Event] = []
    if stored.last_seq < 0:  # it is only registered
        events.append(
            ev.Start(
                run_id=run_id, seq=seq, at=at, workflow_id=stored.header.workflow_id, input=None
            )
        )
    elif stored.status in ACTIVE_STATUSES:
        events.append(ev.Recover(run_id=run_id, seq=seq, at=at, crashed=end.crashed))
    if end.error is None:
        seq_of_end = seq + len(events)
        events.append(
            ev.Canceled(run_id=run_id, seq=seq_of_end, at=at, reason=end.reason, by=end.by)
        )
    events.append(
        ev.Finish(run_id=run_id, seq=seq + len(events), at=at, status=end.status, error=end.error)
    )
    return events
