"""Read journals from a store, including values that entries share with earlier ones."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import attrs

from trioflow import events as ev
from trioflow._engine.journal.codec import decode_entry, decode_recorded, references, resolved
from trioflow.abc import Codec, Entry, Store
from trioflow.errors import JournalFormatError

PAGE = 1000
"""How many entries are read at a time."""


@attrs.define(eq=False)
class JournalReader:
    """Returns the events of one run, for display: values are plain JSON types."""

    store: Store
    run_id: str
    codec: Codec | None = None
    _source: ev.Event | None = None
    """The event whose value was shared last."""
    _last: ev.Event | None = None
    """The last event of a step whose value others may share."""
    _last_tool: ev.Event | None = None
    """The same, of a tool."""

    async def events(self, after: int = -1) -> AsyncGenerator[ev.Event, None]:
        """Yield the events with a ``seq`` above *after* that are recorded so far.

        Raises:
          JournalFormatError: if the journal is damaged, after the events before the damage.
          StoreError: if the store cannot be read.
        """
        while True:
            entries = await self.store.read(self.run_id, after, PAGE)
            for entry in entries:
                yield await self.event(entry)
            if len(entries) < PAGE:
                return
            after = entries[-1].seq

    async def event(self, entry: Entry) -> ev.Event:
        """Return the event of the entry that follows the last one read.

        Raises:
          JournalFormatError: if it cannot be read.
          StoreError: if the store cannot be read.
        """
        event = decode_entry(self.run_id, entry, self.codec)
        for name, reference in references(event):
            source = await self._find(event, reference.seq)
            event = resolved(event, name, source, reference)
        if isinstance(event, ev.Start | ev.StepResult):
            self._last = event
        elif isinstance(event, ev.ToolResult):
            self._last_tool = event
        return event

    async def _find(self, event: ev.Event, seq: int) -> ev.Event:
        for known in (self._last, self._source, self._last_tool):
            if known is not None and known.seq == seq:
                self._source = known
                return known
        entry = await entry_at(self.store, event, seq)
        self._source = decode_entry(self.run_id, entry, self.codec)
        return self._source


async def sources_of(
    store: Store, events: Sequence[ev.Event], codec: Codec | None
) -> list[ev.Event]:
    """Return earlier events whose values these share, with the values as recorded.

    Raises:
      JournalFormatError: if they do not exist.
      StoreError: if the store cannot be read.
    """
    known = {event.seq for event in events}
    found: dict[int, ev.Event] = {}
    for event in events:
        for _, reference in references(event):
            if reference.seq not in known and reference.seq not in found:
                entry = await entry_at(store, event, reference.seq)
                (found[reference.seq],) = decode_recorded(event.run_id, [entry], codec)
    return list(found.values())


async def entry_at(store: Store, event: ev.Event, seq: int) -> Entry:
    """Return the entry that an event refers to.

    Raises:
      JournalFormatError: if it does not exist.
    """
    for entry in await store.read(event.run_id, seq - 1, 1):
        if entry.seq == seq:
            return entry
    raise JournalFormatError(event.run_id, seq, "there is no such entry")
