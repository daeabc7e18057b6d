"""Read a run from its journal where this process does not hold its events.

Values are plain JSON types there, and chunks are absent unless ``journal_chunks`` keeps them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs
import trio

from trioflow._engine.journal.reading import JournalReader
from trioflow._engine.life.life import Life
from trioflow._engine.life.observing import begin_behind
from trioflow._engine.stream.channel import Readers
from trioflow._engine.stream.reader import Reader, Until
from trioflow._phases import Phase
from trioflow._retries import Retries
from trioflow.abc import Codec, Store, StoredRun
from trioflow.errors import JournalFormatError, RunStateError, UnknownRunError
from trioflow.events import ACTIVE_STATUSES, FINISHED_STATUSES, Event

POLL = 0.2
"""Seconds between the first two looks at a journal without new entries."""
LONGEST_POLL = 2.0
"""The maximum; the pause doubles each time."""


def _no_life(run_id: str) -> None:
    """Find no life: no engine is open."""


@attrs.define(eq=False)
class Journals:
    """The journals of one store, for observers of runs."""

    store: Store
    codec: Codec | None = None
    find: Callable[[str], Life | None] = _no_life
    """Finds the life of a run in this process."""
    retries: Callable[[], Retries] | None = None
    """Creates the retries of a read; None if it is tried once."""
    closing: trio.Event = attrs.field(factory=trio.Event)
    """Set when the engine closes: observers then end."""
    is_closed: bool = False
    """Whether the store is closed."""

    def source(self, run_id: str) -> JournalSource:
        """Return a source for one observer of a run."""
        return JournalSource(self, run_id, JournalReader(self.store, run_id, self.codec))

    async def get(self, run_id: str) -> StoredRun | None:
        """Return what the store knows about a run."""
        look = partial(self.store.get, run_id)
        return await look() if self.retries is None else await self.retries().run(look)


@attrs.define(eq=False)
class JournalSource:
    """Where one observer of a run continues: in the run itself if this process knows what follows,
    else in the journal."""

    journals: Journals
    run_id: str
    _journal: JournalReader

    async def fetch(self, reader: Reader, end: object) -> None:
        """Wait until the reader has something to read, sees the run again, or is complete.

        Raises:
          UnknownRunError: if the run was deleted.
          JournalFormatError: if the journal is damaged directly after what the reader has.
          RunStateError: if the engine is closed.
          StoreError: if the store cannot be read.
        """
        assert reader.fetching is not None  # the reader that calls this
        pause, closing = POLL, self.journals.closing
        while True:
            is_closing, after = closing.is_set(), reader.fetching.after
            stored = await self._look()
            life = None if is_closing else self._up_to_date(after, stored)
            if life is not None:
                life.core.log.add_reader(reader, after)
                if life.phase is Phase.WAITING and reader.stays:
                    await self._wait_in(life, reader, end, pause)
                if reader.unread or not reader.is_behind:
                    return
            elif await self._read_on(reader, stored):
                return
            elif is_closing or self._is_over(reader, stored):
                reader.complete()
                return
            else:
                with trio.move_on_after(pause):
                    await closing.wait()
            pause = min(2 * pause, LONGEST_POLL)

    async def _look(self) -> StoredRun | None:
        if self.journals.is_closed:
            problem = "its engine is closed; observe it with another one"
            raise RunStateError(self.run_id, "not known", problem)
        return await self.journals.get(self.run_id)

    def _up_to_date(self, after: int, stored: StoredRun | None) -> Life | None:
        """Return the run if this process holds it and knows what follows *after*."""
        life = self.journals.find(self.run_id)
        if life is None or life.core.log.is_stopped:
            return None
        if life.phase is Phase.ELSEWHERE:
            life.follow()
        elif life.is_lost:
            return None
        waits = life.phase is Phase.WAITING
        if waits and stored is not None and stored.last_seq >= life.record.next_seq:
            return None  # it continues in another process
        return life if life.core.readers.holds(after) else None

    async def _wait_in(self, life: Life, reader: Reader, end: object, pause: float) -> None:
        """Wait until a waiting run continues here; other processes may continue it elsewhere."""
        try:
            if not reader.unread:
                with trio.move_on_after(pause):
                    await reader.sleep(end)
        finally:
            if life.phase is Phase.WAITING and not reader.is_complete:
                life.core.readers.remove(reader)
                reader.step_aside()

    async def _read_on(self, reader: Reader, stored: StoredRun | None) -> bool:
        """Give the reader the next events of the journal; return False if there are none."""
        assert reader.fetching is not None  # the reader that calls this
        after = reader.fetching.after
        if stored is None or stored.last_seq <= after:
            return False
        entries = await self.journals.store.read(self.run_id, after, reader.max_buffer_size)
        events: list[Event] = []
        for entry in entries:
            try:
                events.append(await self._journal.event(entry))
            except JournalFormatError:
                if not events:
                    raise
                break  # the earlier ones come first
        if events:
            reader.give(events)
        return bool(events)

    def _is_over(self, reader: Reader, stored: StoredRun | None) -> bool:
        """Return whether nothing follows what the reader has, and all of it is stored."""
        life = self.journals.find(self.run_id)
        if stored is None and life is None:
            raise UnknownRunError(self.run_id)
        if stored is None or (life is not None and life.is_driven_here):
            return False  # not all of it is stored yet
        if stored.status in ACTIVE_STATUSES:
            return False
        return stored.status in FINISHED_STATUSES or not reader.stays


async def open_stored(
    journals: Journals, run_id: str, after: int | None, max_buffer_size: int, until: Until
) -> Reader:
    """Return a reader of a run that only the store has.

    Raises:
      UnknownRunError: if the store does not have it.
      JournalFormatError: if its journal is damaged from the first requested event on.
    """
    stored = await journals.get(run_id)
    if stored is None:
        raise UnknownRunError(run_id)
    reader = Reader(max_buffer_size, Readers(), "journal", until, journals.source(run_id))
    await begin_behind(reader, after, stored.last_seq)
    return reader
