"""The log of a durable run: what cannot be written does not happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trioflow._engine.base.ports import Journal
from trioflow._engine.stream.log import RunLog
from trioflow.events import Event, StepFinish, StepResult

if TYPE_CHECKING:
    from trioflow._forms.form import Form


class JournaledLog(RunLog):
    """A log whose events are encoded for a journal before they happen.

    So values are recorded as they are at that moment, and `emit`, `add` and `add_end` raise
    NotSerializableError for an event that cannot be written. Then it has not happened.
    """

    journal: Journal
    """Where the events are written; set before the first one."""

    def add(self, event: Event) -> None:
        entries = self.journal.encode((event,))
        hearers, self._hearers = self._hearers, ()
        try:
            super().add(event)
        finally:
            self._hearers = hearers
        self.journal.add(entries)  # first of all: who hears of it may emit the next event
        if hearers:
            self._tell_hearers((event,))

    async def prepare(self, form: Form, value: Any) -> None:
        await self.journal.prepare(form, value)

    def add_end(self, result: StepResult, finish: StepFinish) -> None:
        self._add_each(result, finish)

    def check(self, event_type: type[Event], **fields: Any) -> None:
        """Check that an event with these fields could happen.

        Raises:
          NotSerializableError: if it cannot be written.
        """
        self.journal.encode((event_type(run_id=self.run_id, seq=0, at=0.0, **fields),))
