"""Leave a run to workers: its start is on disk, and no engine has claimed it."""

from __future__ import annotations

import attrs

from trioflow._engine.journal.durable_runs import DurableRuns, journal_of
from trioflow._engine.life.life import Life
from trioflow._engine.life.starting import first_event
from trioflow.abc import Append
from trioflow.errors import DuplicateRunError, JournalConflictError


async def enqueue(runs: DurableRuns, life: Life, queue: str, priority: int) -> None:
    """Write the start of a run that a worker will drive. On disk when this returns.

    Nothing is driven here, and instruments do not see the run: they do where it is driven.

    Raises:
      DuplicateRunError: if its id is taken.
      StoreError, JournalConflictError: if it cannot be written.
    """
    journal = journal_of(life)
    life.trace.leave(life.core.tracing_context)
    journal.header = attrs.evolve(journal.header, queue=queue, priority=priority)
    event = first_event(life)
    first = journal.first_append(journal.encode((event,)), event.deadline)
    append = attrs.evolve(first, status="pending", owner=None, claim_seconds=0.0)
    await journal.mark_values()
    try:
        await runs.writer.append(append)
    except JournalConflictError:
        if await _is_ours(runs, append):
            return
        if await runs.store.get(life.run_id) is None:
            raise
        raise DuplicateRunError(life.run_id) from None


async def _is_ours(runs: DurableRuns, append: Append) -> bool:
    """Return whether it was written though the reply was lost; a worker may have begun it."""
    entries = await runs.store.read(append.run_id, -1, len(append.entries))
    return tuple(entries) == append.entries
