"""Reading what a journal holds, page by page."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from trioflow._engine.journal.codec import decode
from trioflow.abc import Store
from trioflow.events import Event

PAGE = 1000
"""How many entries are read at a time."""


async def read_events(store: Store, run_id: str, after: int = -1) -> AsyncGenerator[Event, None]:
    """Yield the events with a ``seq`` above *after* that are recorded by now.

    Raises:
      JournalFormatError: if the journal is damaged, after the events before the damage.
    """
    while True:
        entries = await store.read(run_id, after, PAGE)
        for event in decode(run_id, entries):
            yield event
        if len(entries) < PAGE:
            return
        after = entries[-1].seq
