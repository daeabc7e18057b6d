"""Start a run whose id may be taken: on disk first, so that only one of many attempts succeeds."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from trioflow._engine.journal.durable_runs import DurableRuns, journal_of
from trioflow._engine.life.forking import begin_fork
from trioflow._engine.life.life import Life
from trioflow._engine.life.starting import after_start, begin_trace, first_event
from trioflow.abc import Entry, StoredRun
from trioflow.errors import JournalConflictError, StoreError


async def start_if_new(
    runs: DurableRuns, life: Life, tick: tuple[str, float] | None = None
) -> StoredRun | None:
    """Start a run, writing its start to disk before anything else happens.

    If several processes start runs with one id at the same time, exactly one succeeds. A run that
    is only registered is started, with the resource and the tags that it was registered with.

    Args:
      tick: The tick of a schedule that the run is of, see ``Append.tick``.

    Returns:
      The run that already has the id, in which case nothing was started; None if the run started.

    Raises:
      StoreError, JournalConflictError: if the start cannot be written.
    """
    taken = await _find(runs, life.run_id)
    if taken is not None and (tick is not None or not await _take_over(runs, life, taken)):
        return taken
    if life.fork is not None:
        taken = await _write_first(runs, life, life.fork.entries, life.fork.deadline)
        if taken is None:
            begin_fork(life, is_stored=True)
        return taken
    begin_trace(life)
    event, journal = first_event(life), journal_of(life)
    taken = await _write_first(runs, life, journal.encode((event,)), event.deadline, tick)
    if taken is not None:
        return taken
    assert life.journaled is not None  # it has a journal
    life.journaled.add_stored(event)
    life.move("start")
    after_start(life)
    return None


async def _write_first(
    runs: DurableRuns,
    life: Life,
    entries: Sequence[Entry],
    due_at: float | None,
    tick: tuple[str, float] | None = None,
) -> StoredRun | None:
    """Write the first entries of a run; return the run that has its id, if any."""
    journal = journal_of(life)
    append = journal.first_append(entries, due_at)
    if tick is not None:
        append = attrs.evolve(append, tick=tick)
    await journal.mark_values()
    try:
        await runs.writer.append(append)
    except JournalConflictError:
        if append.header is None:  # it was registered, and claimed to be started
            await runs.store.release(life.run_id, runs.owner)
        taken = await _find(runs, life.run_id)
        if taken is None:
            raise
        return taken
    journal.was_stored(append)
    journal.added = entries[-1].seq
    return None


async def _take_over(runs: DurableRuns, life: Life, stored: StoredRun) -> bool:
    """Claim a registered run to start it here; return False if that is not possible."""
    header = stored.header
    is_registered = stored.status == "pending" and stored.last_seq < 0
    if not is_registered or life.fork is not None or header.workflow_id != life.plan.id:
        return False
    if not await runs.store.claim(life.run_id, runs.owner, runs.writer.claim_seconds):
        return False
    life.resource_id, life.tags = header.resource_id, header.tags
    journal_of(life).take_over(header)
    return True


async def _find(runs: DurableRuns, run_id: str) -> StoredRun | None:
    """Return a stored run, retrying for as long as a write is retried."""
    retries = runs.writer.retries()
    while True:
        try:
            return await runs.store.get(run_id)
        except StoreError as exc:
            if not await retries.again(exc):
                raise
