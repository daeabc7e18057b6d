"""The one place where events happen: number, fold, distribute.

`RunLog.emit` is synchronous and has no checkpoint, so the record and every reader always agree, and
the last events of a cancelled step are delivered like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import trio

from trioflow._calendar import epoch_now
from trioflow._engine.base.outcome import must_pass
from trioflow._engine.base.reporting import report
from trioflow._engine.stream.channel import Readers
from trioflow._engine.stream.drafts import DRAFTS
from trioflow._engine.stream.reader import Reader
from trioflow.abc import Instrument
from trioflow.events import FINISHED_STATUSES, WAITING_STATUSES, Event, StepFinish, StepResult
from trioflow.record import REDUCERS, RunRecord, fold_end

if TYPE_CHECKING:
    from trioflow._forms.form import Form

E = TypeVar("E", bound=Event)


class RunLog:
    """Numbers, folds and distributes the events of one run."""

    def __init__(self, run_id: str, instruments: tuple[Instrument, ...]) -> None:
        self.run_id = run_id
        self.record = RunRecord(run_id=run_id)
        self.at = 0.0
        """Time of the last event: seconds since the epoch, on the run's clock."""
        self._instruments = instruments
        self._hearers: tuple[Callable[[Sequence[Event]], None], ...] = ()
        self.readers = Readers()
        self._window = self.readers.window
        if instruments:
            self.readers.on_gap = self._notify_gap
            self.readers.on_blocked = self._notify_blocked
            self._gather_hearers()
        self.calendar_epoch = 0.0
        """The offset from Trio's clock to calendar time."""
        self.epoch = 0.0
        """The offset from Trio's clock to event time."""
        self.clock: trio.abc.Clock
        """Trio's clock, kept from the start: `trio.current_time` looks it up each time (shortcut
        `own-clock`)."""

    def _gather_hearers(self) -> None:
        """Collect everything that receives each event, so that absent receivers cost nothing."""
        self._hearers = tuple(
            partial(self._notify_instrument, instrument)
            for instrument in self._instruments
            if type(instrument).on_event is not Instrument.on_event
        )

    # ------------------------------------------------------------ time
    def start_clock(self) -> None:
        """Relate Trio's clock to the calendar, so that event times follow Trio's clock.

        When called again, it detects that the calendar was changed or that the machine slept.
        """
        self.clock = trio.lowlevel.current_clock()
        elapsed = self.clock.current_time()
        # The clock of the process that recorded this run may have been ahead. The run's own time
        # must not go back; other runs follow the calendar.
        self.calendar_epoch = epoch_now(elapsed)
        self.epoch = max(self.calendar_epoch, self.at - elapsed)

    def adopt(self, events: Sequence[Event]) -> None:
        """Take over the events of a journal as if they had been emitted here."""
        self.record.apply_all(events)
        self.readers.adopt(events)
        self.at = events[-1].at if events else self.at

    def now(self) -> float:
        """Return the time: seconds since the epoch, on the run's clock."""
        return self.epoch + trio.current_time()

    def tick(self) -> float:
        """Return the time for events that happen now."""
        self.at = at = self.epoch + self.clock.current_time()
        return at

    # ------------------------------------------------------------ events
    def emit(self, event_type: type[E], **fields: Any) -> E:
        """Emit an event: number it, fold it, offer it to every reader."""
        event = self.next_event(event_type, fields)
        self.add(event)
        return event

    def next_event(self, event_type: type[E], fields: Mapping[str, Any]) -> E:
        """Return an event that is to happen now, see `add`."""
        draft = DRAFTS[event_type]
        event: E = draft(run_id=self.run_id, seq=self.record.next_seq, at=self.tick(), **fields)
        event.__class__ = event_type
        return event

    @trio.lowlevel.enable_ki_protection
    def add(self, event: Event) -> None:
        """Record an event that has the next number already.

        If this raises, ``record.next_seq`` shows whether the event has happened: it has if the
        error occurred later, while readers and instruments were notified.
        """
        record, window = self.record, self._window
        # As RunRecord.apply does, without checks that always pass here (shortcut `fold-event`).
        REDUCERS[type(event)](record, event)
        record.next_seq += 1
        window.events.append(event)
        if record.next_seq >= window.mark:
            self.readers.pass_mark((event,))
        if self._hearers:
            self._notify_hearers((event,))

    async def prepare(self, form: Form, value: Any) -> None:
        """Prepare an event with this output; each part of the output has a form.

        **Checkpoints**: some if the run is durable and the value large, else none.
        """

    @trio.lowlevel.enable_ki_protection
    def add_end(self, result: StepResult, finish: StepFinish) -> None:
        """End a call: does the work of `_add_each`, both events at once (shortcut `add-end`)."""
        if self._hearers:
            self._add_each(result, finish)
            return
        record, window = self.record, self._window
        fold_end(record, result, finish)
        window.events += (result, finish)
        if record.next_seq >= window.mark:
            self.readers.pass_mark((result, finish))

    @trio.lowlevel.enable_ki_protection
    def _add_each(self, result: StepResult, finish: StepFinish) -> None:
        """Do the work of `add_end`, so that instruments see the record after each event."""
        before = self.record.next_seq
        try:
            self.add(result)
        finally:
            if self.record.next_seq > before:  # otherwise the result event did not happen
                self.add(self._renumbered(finish))

    def _notify_hearers(self, events: Sequence[Event]) -> None:
        for hear in self._hearers:
            hear(events)

    def _renumbered(self, event: Event) -> Event:
        """Return an event with the next number.

        An instrument may have sent an event to the run while it was notified of the one before.
        """
        if event.seq == self.record.next_seq:
            return event
        return attrs.evolve(event, seq=self.record.next_seq, at=self.at)

    @property
    def is_stopped(self) -> bool:
        """Whether the run continues from its journal, whatever happens here from now on."""
        return False

    def stop(self) -> None:
        """Write no further event: the run is halted. Does nothing if events are not written."""

    def add_reader(self, reader: Reader, after: int | None) -> None:
        """Give a reader every event with a ``seq`` above *after*, past ones first.

        Raises:
          HistoryGap: if some of the past events are no longer held.
        """
        self.readers.add(reader, after)
        has_ended = self.record.status in FINISHED_STATUSES
        if has_ended or (self.record.status in WAITING_STATUSES and not reader.stays):
            self.readers.end_reader(reader, has_ended)

    def history(self) -> Sequence[Event]:
        """Return the events that are held."""
        return tuple(self._window.events)

    # ------------------------------------------------------------ instruments
    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The instruments that watch this run and have not failed."""
        return self._instruments

    def switch_off(self, instrument: Instrument, error: BaseException) -> None:
        """Switch off an instrument that has raised *error* for the rest of the run."""
        # An observer must not break what it observes; the failure is reported and it is left out.
        report("instrument %r failed and is switched off", instrument, error=error)
        self._instruments = tuple(i for i in self._instruments if i is not instrument)
        self._gather_hearers()

    def _notify_instrument(self, instrument: Instrument, events: Sequence[Event]) -> None:
        try:
            for event in events:
                instrument.on_event(event)
        except BaseException as exc:
            if must_pass(exc):
                raise
            self.switch_off(instrument, exc)

    def _notify_gap(self, event: Event) -> None:
        self._notify_all(lambda instrument: instrument.on_gap(event))

    def _notify_blocked(self, seconds: float) -> None:
        self._notify_all(lambda instrument: instrument.on_blocked(self.run_id, seconds))

    def _notify_all(self, what: Callable[[Instrument], None]) -> None:
        for instrument in self._instruments:
            try:
                what(instrument)
            except BaseException as exc:
                if must_pass(exc):
                    raise
                self.switch_off(instrument, exc)
