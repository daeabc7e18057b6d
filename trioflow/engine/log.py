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
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from trioflow.abc import Instrument
from trioflow.engine.stream import EventStream
from trioflow.errors import HistoryGap
from trioflow.events import Event
from trioflow.state import RunState

if TYPE_CHECKING:
    from trioflow.engine.journal import RunJournal

E = TypeVar("E", bound=Event)

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
        self.journal: RunJournal | None = None
        """Where the events are written, if the run is a durable one."""
        self._instruments = instruments
        self._history: deque[Event] = deque(maxlen=HISTORY)
        self._readers: list[EventStream] = []
        self._writers = trio.lowlevel.ParkingLot()
        self._epoch = 0.0

    def start_clock(self) -> None:
        """Tie Trio's clock to the calendar, once, so that event times follow the former."""
        # Time must not go back for a run that comes from another process, nor stand still
        # for one that was here before, if it is Trio's clock alone that has moved on.
        elapsed = trio.current_time()
        now = max(time.time(), self.at, _epoch.get(-math.inf) + elapsed)
        self._epoch = now - elapsed
        _epoch.set(self._epoch)

    def adopt(self, events: Sequence[Event]) -> None:
        """Take over the events of a journal as if they had been emitted here."""
        for event in events:
            self.state.apply(event)
            self._history.append(event)
            self.at = event.at

    def now(self) -> float:
        """Return the time: seconds since the epoch, on the run's clock."""
        return self._epoch + trio.current_time()

    def deadline(self, at: float) -> float:
        """Return the deadline on Trio's clock that lies at *at* seconds since the epoch."""
        return at - self._epoch

    def emit(self, event_type: type[E], **fields: Any) -> E:
        """Let an event have happened: number it, fold it, offer it to every reader."""
        self.at = self._epoch + trio.current_time()
        event = event_type(run_id=self.run_id, seq=self.state.next_seq, at=self.at, **fields)
        self.state.apply(event)
        self._history.append(event)
        for reader in self._readers:
            reader.offer(event)
        if self.journal is not None:
            self.journal.add(event)
        if self._instruments:
            self._tell_instruments(event)
        return event

    def end_part(self) -> None:
        """Close every reader's stream behind the last event; a next part has its own readers."""
        for reader in self._readers:
            reader.end()
        self._readers.clear()

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
        reader.offer_all(event for event in self._history if event.seq >= first_wanted)
        if self.state.ended_at is not None:
            reader.end()
        else:
            self._readers.append(reader)
            if self._instruments:
                reader.on_gap = self._tell_gap

    def holds(self, after: int | None) -> bool:
        """Tell whether all events with a ``seq`` above *after* are still held."""
        first_held = self._history[0].seq if self._history else self.state.next_seq
        return first_held <= (0 if after is None else after + 1)

    def history(self) -> list[Event]:
        """Return the events that are held."""
        return list(self._history)

    def make_room(self) -> None:
        """Forget readers that have closed, and wake a writer if there is room again."""
        if any(reader.closed for reader in self._readers):
            self._readers = [reader for reader in self._readers if not reader.closed]
        if not self.congested:
            self._writers.unpark()

    @property
    def congested(self) -> bool:
        """Whether a reader has as many events unread as its buffer may hold."""
        return any(reader.full for reader in self._readers)

    async def wait_for_room(self) -> None:
        """Wait until no reader's buffer is full.

        One writer is woken at low water and wakes the next one if there is still room, so
        that a crowd of writers neither stampedes nor is forgotten.

        **Checkpoints**: at least one if it has to wait, else none.
        """
        if self.congested:
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

    def _tell_instruments(self, event: Event) -> None:
        for instrument in self._instruments:
            try:
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
