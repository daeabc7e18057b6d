"""The one place where things come to have happened: number, fold, hand out.

`RunLog.emit` is synchronous and has no checkpoint in it, so the state and every reader
always agree, and the last events of a cancelled step are delivered like any other.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import trio

from trioflow.abc import Instrument
from trioflow.engine.stream import EventStream
from trioflow.errors import HistoryGap
from trioflow.events import Event
from trioflow.state import RunState

if TYPE_CHECKING:
    from trioflow.engine.journal import RunJournal

E = TypeVar("E", bound=Event)

CLOCK_ERROR = 0.001
"""Seconds by which the times of events may be behind the calendar before they follow it again.
They never go back, and never stand still if it is Trio's clock alone that moves on."""
HISTORY = 1024
"""How many events a run holds for observers that come late."""

_epoch: trio.lowlevel.RunVar[float] = trio.lowlevel.RunVar("epoch")
"""What to add to Trio's clock to get seconds since the epoch, as the last run had it."""

logger = logging.getLogger("trioflow")


class RunLog:
    """Numbers, folds and hands out the events of one run."""

    def __init__(self, run_id: str, instruments: tuple[Instrument, ...]) -> None:
        self.run_id = run_id
        self.state = RunState(run_id=run_id)
        self.at = 0.0
        """Time of the last event: seconds since the epoch, on the run's clock."""
        self._instruments = instruments
        self._history: deque[Event] = deque(maxlen=HISTORY)
        self._readers: list[EventStream] = []
        self._journal: RunJournal | None = None
        self._hearers: tuple[Callable[[Sequence[Event]], None], ...] = ()
        self._is_watched = False
        if instruments:
            self._gather_hearers()
        self.congested = False
        """Whether a reader has had as many events unread as its buffer may hold, and still has
        more than half of them."""
        self._writers: trio.lowlevel.ParkingLot | None = None
        """Where those park who wait for room. Made for the first one: few runs ever need it."""
        self._clock: trio.abc.Clock | None = None
        self._epoch = 0.0

    @property
    def journal(self) -> RunJournal | None:
        """Where the events are written, if the run is a durable one."""
        return self._journal

    @journal.setter
    def journal(self, journal: RunJournal | None) -> None:
        self._journal = journal
        self._gather_hearers()

    def _gather_hearers(self) -> None:
        """Gather all that hear of an event, so that what is not there is not even looked at."""
        hearers: list[Callable[[Sequence[Event]], None]] = [
            reader.offer for reader in self._readers
        ]
        if self._journal is not None:
            hearers.append(self._journal.add)
        watching = [
            partial(self._tell_instrument, instrument)
            for instrument in self._instruments
            if type(instrument).on_event is not Instrument.on_event
        ]
        self._is_watched = bool(watching)
        self._hearers = (*hearers, *watching)

    # ------------------------------------------------------------ time
    def start_clock(self) -> None:
        """Tie Trio's clock to the calendar, once, so that event times follow the former."""
        self._clock = trio.lowlevel.current_clock()
        elapsed = trio.current_time()
        known = epoch = _epoch.get(-math.inf)
        calendar = time.time() - elapsed
        if calendar > known + CLOCK_ERROR:
            epoch = calendar
        # Time must not go back for a run that comes from another process.
        self._epoch = epoch = max(epoch, self.at - elapsed)
        if epoch > known:
            _epoch.set(epoch)

    def adopt(self, events: Sequence[Event]) -> None:
        """Take over the events of a journal as if they had been emitted here."""
        self.state.apply_all(events)
        self._history.extend(events)
        self.at = events[-1].at if events else self.at

    def now(self) -> float:
        """Return the time: seconds since the epoch, on the run's clock."""
        return self._epoch + trio.current_time()

    def deadline(self, at: float) -> float:
        """Return the deadline on Trio's clock that lies at *at* seconds since the epoch."""
        return at - self._epoch

    def tick(self) -> float:
        """Return the time, for the events that happen now."""
        # The clock itself: trio.current_time() finds it anew each time, for 0.1 µs more.
        self.at = at = self._epoch + self._clock.current_time()  # type: ignore[union-attr]
        return at

    # ------------------------------------------------------------ events
    def emit(self, event_type: type[E], **fields: Any) -> E:
        """Let an event have happened: number it, fold it, offer it to every reader."""
        event = event_type(run_id=self.run_id, seq=self.state.next_seq, at=self.tick(), **fields)
        self.add(event)
        return event

    def add(self, *events: Event) -> None:
        """Let events have happened that bear the next numbers already.

        What belongs together comes together: two events at once take 0.2 µs less than one
        after the other.
        """
        if self._is_watched and len(events) > 1:
            # Instruments find the state as each event has left it.
            for event in events:
                self.add(self._renumbered(event))
            return
        self.state.apply_all(events)
        self._history.extend(events)
        for hear in self._hearers:
            hear(events)

    def _renumbered(self, event: Event) -> Event:
        """Return an event with the next number, which it lacks if an instrument has sent an
        event to the run when it heard of the one before."""
        if event.seq == self.state.next_seq:
            return event
        return attrs.evolve(event, seq=self.state.next_seq, at=self.at)

    def end_part(self) -> None:
        """Close every reader's stream behind the last event; a next part has its own readers."""
        for reader in self._readers:
            reader.end()
        self._readers.clear()
        self._gather_hearers()
        self.review_room()  # the next part must not wait for them

    # ------------------------------------------------------------ readers
    def add_reader(self, reader: EventStream, after: int | None) -> None:
        """Give a reader every event with a ``seq`` above *after*, past ones first.

        Raises:
          HistoryGap: if some of the past events are no longer held.
        """
        first_wanted = 0 if after is None else after + 1
        first_held = self._history[0].seq if self._history else self.state.next_seq
        if first_wanted < first_held:
            raise HistoryGap(first_held)
        if first_wanted < self.state.next_seq:
            reader.offer_past(event for event in self._history if event.seq >= first_wanted)
        if self.state.ended_at is not None:
            reader.end()
        else:
            self._readers.append(reader)
            if self._instruments:
                reader.on_gap = self._tell_gap
            self._gather_hearers()
            self.congested = self.congested or reader.full

    def holds(self, after: int | None) -> bool:
        """Tell whether all events with a ``seq`` above *after* are still held."""
        first_held = self._history[0].seq if self._history else self.state.next_seq
        return first_held <= (0 if after is None else after + 1)

    def history(self) -> list[Event]:
        """Return the events that are held."""
        return list(self._history)

    def review_room(self) -> None:
        """Look again which readers are full or have closed, and wake a writer if none is full."""
        if any(reader.closed for reader in self._readers):
            self._readers = [reader for reader in self._readers if not reader.closed]
            self._gather_hearers()
        self.congested = any(reader.full for reader in self._readers)
        if not self.congested and self._writers is not None:
            self._writers.unpark()

    @property
    def has_unread(self) -> bool:
        """Whether a reader has not read everything yet."""
        return any(reader.unread for reader in self._readers)

    async def let_read(self) -> None:
        """Let every reader that waits for an event see those that have happened.

        **Checkpoints**: always.
        """
        await trio.lowlevel.checkpoint()
        if any(reader.roused for reader in self._readers):
            # Trio runs the tasks of a batch in any order, and this one came before a reader's.
            await trio.lowlevel.checkpoint()

    async def wait_for_room(self) -> None:
        """Wait until no reader's buffer is full.

        One writer is woken at low water and wakes the next one if there is still room, so
        that a crowd of writers neither stampedes nor is forgotten.

        **Checkpoints**: at least one if it has to wait, else none.
        """
        if self.congested:
            if self._writers is None:
                self._writers = trio.lowlevel.ParkingLot()
            began = trio.current_time()
            try:
                while self.congested:
                    await self._writers.park()
            finally:
                if self._instruments:
                    self._tell_blocked(trio.current_time() - began)
            self._writers.unpark()

    # ------------------------------------------------------------ instruments
    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """Those that watch this run and have not failed."""
        return self._instruments

    def switch_off(self, instrument: Instrument, error: Exception) -> None:
        """Leave out an instrument that has raised *error*, for the rest of the run."""
        # An observer must not break what it observes; it is heard of, and left out.
        logger.error("instrument %r failed and is switched off", instrument, exc_info=error)
        self._instruments = tuple(i for i in self._instruments if i is not instrument)
        self._gather_hearers()

    def _tell_instrument(self, instrument: Instrument, events: Sequence[Event]) -> None:
        try:
            for event in events:
                instrument.on_event(event)
        except Exception as exc:
            self.switch_off(instrument, exc)

    def _tell_gap(self, event: Event) -> None:
        self._tell(lambda instrument: instrument.on_gap(event))

    def _tell_blocked(self, seconds: float) -> None:
        self._tell(lambda instrument: instrument.on_blocked(self.run_id, seconds))

    def _tell(self, what: Callable[[Instrument], None]) -> None:
        for instrument in self._instruments:
            try:
                what(instrument)
            except Exception as exc:
                self.switch_off(instrument, exc)
