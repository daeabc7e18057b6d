"""End a stored run that is not running, without the code of its workflow."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from trioflow import events as ev
from trioflow._engine.journal.codec import decode_entry
from trioflow._engine.journal.durable_runs import DurableRuns
from trioflow._engine.journal.encoding import encode
from trioflow.abc import Append, Store, StoredRun
from trioflow.errors import JournalFormatError, RunFinishedError, UnknownRunError
from trioflow.events import ACTIVE_STATUSES, WAITING_STATUSES, RunStatus

ENDABLE = (*ACTIVE_STATUSES, *WAITING_STATUSES)


@attrs.frozen(kw_only=True)
class End:
    """How a run ends."""

    reason: str | None = None
    """Why it is canceled."""
    by: str | None = None
    """Who cancels it."""
    error: Exception | None = None
    """Why it failed, if it did."""
    crashed: bool = False
    """Whether its process died."""

    @property
    def status(self) -> RunStatus:
        return "canceled" if self.error is None else "failed"


async def end_stored(runs: DurableRuns, run_id: str, end: End) -> None:
    """Write the end of a run that waits, or whose process has died, into its journal.

    Only the journal is needed, so a run can be ended even if it cannot be read, or if its workflow
    has changed or is missing. A run that was canceled before ends as canceled, whatever *end*
    contains. The workflow's hooks are not called. If several callers end or resume a run at the
    same time, exactly one succeeds.

    Raises:
      UnknownRunError: if the store does not have it.
      RunClaimedError: if it is running.
      RunFinishedError: if it has finished.
      StoreError, JournalConflictError: if its end cannot be written.
    """
    async with claimed(runs, run_id) as stored:
        if stored.status not in ENDABLE:
            raise RunFinishedError(run_id, stored.status, "there is nothing left to cancel")
        is_ending = await _is_ending(runs.store, stored)
        end = End() if is_ending else end
        events = _events(stored, end, is_ending)
        append = Append(
            run_id=run_id,
            entries=tuple(encode(event, codec=runs.writer.codec) for event in events),
            after=stored.last_seq,
            status=end.status,
            owner=runs.owner,
        )
        await runs.writer.append(append)


@asynccontextmanager
async def claimed(runs: DurableRuns, run_id: str) -> AsyncGenerator[StoredRun, None]:
    """Claim a run that no other process has claimed, and yield the run as it is then.

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


async def _is_ending(store: Store, stored: StoredRun) -> bool:
    """Return whether a run is canceled and only its last event is missing."""
    run_id, after = stored.header.run_id, stored.last_seq
    while after >= 0:
        after -= 1
        for entry in await store.read(run_id, after, 1):
            try:
                event = decode_entry(run_id, entry)
            except JournalFormatError:
                return False
            if not isinstance(event, ev.EventReceived):  # it may be sent while the run ends
                return isinstance(event, ev.Canceled)
    return False


def _events(stored: StoredRun, end: End, is_ending: bool) -> Sequence[ev.Event]:
    """Return the events that end a run; open calls of an interrupted run are discarded."""
    at = max(time.time(), stored.updated_at)  # clocks of machines differ
    events: list[ev.Event] = []

    def add(event_type: type[ev.Event], **fields: Any) -> None:
        seq = stored.last_seq + 1 + len(events)
        events.append(event_type(run_id=stored.header.run_id, seq=seq, at=at, **fields))

    if stored.last_seq < 0:  # it is only registered
        header = stored.header
        add(ev.Start, workflow_id=header.workflow_id, input=None, resource_id=header.resource_id)
    elif stored.status in ACTIVE_STATUSES and not is_ending:
        add(ev.Recover, crashed=end.crashed)
    elif end.status == "failed" and not is_ending:
        add(ev.Resume)  # a waiting run cannot fail
    if end.status == "canceled" and not is_ending:
        add(ev.Canceled, reason=end.reason, by=end.by)
    add(ev.Finish, status=end.status, error=end.error)
    return events
