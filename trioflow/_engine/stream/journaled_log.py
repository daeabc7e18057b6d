"""The log of a durable run: an event that cannot be written does not happen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import trio

from trioflow._engine.base.ports import Journal
from trioflow._engine.stream.log import RunLog
from trioflow.events import (
    Event,
    StepFinish,
    StepResult,
    StepStart,
    ToolCall,
    ToolCallStreamingStart,
)
from trioflow.record import REDUCERS

if TYPE_CHECKING:
    from trioflow._forms.form import Form
    from trioflow.abc import Entry

BEGINNINGS = frozenset({StepStart, ToolCall, ToolCallStreamingStart})
"""What begins is written, but nothing waits for it: a crash loses no output with it."""


class JournaledLog(RunLog):
    """A log that encodes events for a journal before they happen.

    Values are thus recorded as they are at that moment. `emit`, `add` and `add_end` raise
    NotSerializableError for an event that cannot be written; the event has then not happened.
    """

    journal: Journal
    """Where the events are written; set before the first event."""

    @trio.lowlevel.enable_ki_protection
    def add(self, event: Event) -> None:
        self._happen(event, self.journal.encode((event,)))

    @trio.lowlevel.enable_ki_protection
    def add_end(self, result: StepResult, finish: StepFinish) -> None:
        entries = self.journal.encode((result, finish))  # both happen, or neither
        before = self.record.next_seq
        try:
            self._happen(result, entries[:1])
        finally:
            if self.record.next_seq > before:
                if finish.seq == self.record.next_seq:
                    self._happen(finish, entries[1:])
                else:  # an instrument has emitted an event
                    self.add(self._renumbered(finish))

    def _happen(self, event: Event, entries: Sequence[Entry]) -> None:
        record, window = self.record, self._window
        REDUCERS[type(event)](record, event)
        record.next_seq += 1
        window.events.append(event)
        try:  # before it is visible, because a listener may emit the next event
            self.journal.add(entries, awaited=type(event) not in BEGINNINGS)
        except BaseException:
            self.journal.stop()  # nothing after a gap can be read
            raise
        if record.next_seq >= window.mark:
            self.readers.pass_mark((event,))
        if self._hearers:
            self._notify_hearers((event,))

    def add_stored(self, event: Event) -> None:
        """Record an event that is in the journal already."""
        super().add(event)

    @property
    def is_stopped(self) -> bool:
        return not self.journal.is_complete

    def stop(self) -> None:
        if not self.is_stopped:
            self._notify_all(lambda instrument: instrument.on_halt(self.run_id))
        self.journal.stop()
        self.readers.step_aside()

    async def prepare(self, form: Form, value: Any) -> None:
        await self.journal.prepare(form, value)

    def check(self, event_type: type[Event], **fields: Any) -> None:
        """Check that an event with these fields could happen.

        Raises:
          NotSerializableError: if it cannot be written.
        """
        self.journal.encode((event_type(run_id=self.run_id, seq=0, at=0.0, **fields),))
