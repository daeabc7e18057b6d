"""Start a run whose id may be taken: on disk first, so that only one of many attempts succeeds."""

from __future__ import annotations

from collections.abc import Sequence

from trioflow._engine.journal.durable_runs import DurableRuns, journal_of
from trioflow._engine.life.forking import begin_fork
from trioflow._engine.life.life import Life
from trioflow._engine.life.starting import after_start, begin_trace, first_event
from trioflow.abc import Entry, StoredRun
from trioflow.errors import JournalConflictError, StoreError


async def start_if_new(runs: DurableRuns, life: Life) -> StoredRun | None:
    """Start a run, writing its start to disk before anything else happens.

    If several processes start runs with one id at the same time, exactly one succeeds.

    Returns:
      The run that already has the id, in which case nothing was started; None if the run started.

    Raises:
      StoreError, JournalConflictError: if the start cannot be written.
    """
    taken = await _find(runs, life.run_id)
    if taken is not None:
        return taken
    if life.fork is not None:
        taken = await _write_first(runs, life, life.fork.entries, life.fork.deadline)
        if taken is None:
            begin_fork(life, is_stored=True)
        return taken
    begin_trace(life)
    event, journal = first_event(life), journal_of(life)
    taken = await _write_first(runs, life, journal.encode((event,)), event.deadline)
    if taken is not None:
        return taken
    assert life.journaled is not None  # it has a journal
    life.journaled.add_stored(event)
    life.move("start")
    after_start(life)
    return None


async def _write_first(
    runs: DurableRuns, life: Life, entries: Sequence[Entry], due_at: float | None
) -> StoredRun | None:
    """Write the first entries of a run; return the run that has its id, if any."""
    journal = journal_of(life)
    append = journal.first_append(entries, due_at)
    try:
        await runs.writer.append(append)
    except JournalConflictError:
        taken = await _find(runs, life.run_id)
        if taken is None:
            raise
        return taken
    journal.was_stored(append)
    journal.added = entries[-1].seq
    return None


async def _find(runs: DurableRuns, run_id: str) -> StoredRun | None:
    """Return a stored run, retrying for as long as a write is retried."""
    retries = runs.writer.retries()
    while True:
        try:
            return await runs.store.get(run_id)
        except StoreError as exc:
            if not await retries.again(exc):
                raise
