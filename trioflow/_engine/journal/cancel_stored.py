"""Ending a stored run in which nothing runs, without the code of its workflow."""

from __future__ import annotations

import time
from collections.abc import Sequence

import trio

from trioflow import events as ev
from trioflow._engine.journal.codec import encode
from trioflow._engine.journal.durable_runs import UNFINISHED, DurableRuns
from trioflow.abc import Append, StoredRun
from trioflow.errors import NotResumableError, RunClaimedError, UnknownRunError


async def cancel_stored(runs: DurableRuns, run_id: str, reason: str | None) -> None:
    """Write the end of a run that waits, or whose process has died, into its journal.

    Only the journal is needed, so a run can be ended whose workflow has changed or is gone.
    The workflow's hooks are not called. Of two who end a run, or of one who ends it and one
    who goes on with it, exactly one succeeds.

    Raises:
      UnknownRunError: if the store does not have it.
      RunClaimedError: if it is going on.
      NotResumableError: if it is over.
      StoreError, JournalConflictError: if its end cannot be written.
    """
    store, owner = runs.store, runs.writer.owner
    if await store.get(run_id) is None:
        raise UnknownRunError(run_id)
    if not await store.claim(run_id, owner, runs.writer.claim_seconds):
        stored = await store.get(run_id)
        raise RunClaimedError(run_id, stored.owner if stored else None)
    try:
        await _write_end(runs, run_id, reason)
    finally:
        with trio.CancelScope(shield=True):
            await store.release(run_id, owner)


async def _write_end(runs: DurableRuns, run_id: str, reason: str | None) -> None:
    stored = await runs.store.get(run_id)  # as it is now that nobody else can go on with it
    if stored is None:
        raise UnknownRunError(run_id)
    if stored.status not in (*UNFINISHED, "suspended", "paused"):
        raise NotResumableError(run_id, stored.status, "there is nothing left to cancel")
    append = Append(
        run_id=run_id,
        entries=tuple(encode(event, runs.writer.converter) for event in _end(stored, reason)),
        after=stored.last_seq,
        status="canceled",
        owner=runs.writer.owner,
    )
    for conflict in await runs.store.append([append]):
        if conflict is not None:
            raise conflict


def _end(stored: StoredRun, reason: str | None) -> Sequence[ev.Event]:
    """Return the events that end a run; of one that was interrupted, the open calls are void."""
    run_id, seq = stored.header.run_id, stored.last_seq + 1
    at = max(time.time(), stored.updated_at)  # clocks of machines differ
    events: list[ev.Event] = []
    if stored.status in UNFINISHED:
        events.append(ev.Recover(run_id=run_id, seq=seq, at=at))
    events.append(ev.Canceled(run_id=run_id, seq=seq + len(events), at=at, reason=reason))
    events.append(ev.Finish(run_id=run_id, seq=seq + len(events), at=at, status="canceled"))
    return events
