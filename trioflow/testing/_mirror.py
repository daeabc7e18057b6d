"""A second fold of a run's events, compared with the run's own at each event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trioflow import events as ev
from trioflow.abc import Instrument
from trioflow.hookspecs import hookimpl
from trioflow.record import RunRecord


class Mirror(Instrument):
    """A plugin that keeps the events of one run and checks the run's record against them.

    As an instrument it receives each event first, as it happens. It therefore checks every
    prefix of the events, even if the run is canceled.
    """

    def __init__(self) -> None:
        self.events: list[ev.Event] = []
        self.faults: list[str] = []
        """Where fold and record differed. (Exceptions of instruments are only logged.)"""
        self._state = RunRecord()
        self.watched: Any = None
        """The run."""

    @hookimpl
    def trioflow_instruments(self) -> Iterable[Instrument]:
        return [self]

    def watch(self, run: Any) -> None:
        """Set the run to compare with. Call this before the run starts."""
        self.watched = run
        self._state.run_id = run.run_id

    def on_event(self, event: ev.Event) -> None:
        self.events.append(event)
        self._state.apply(event)
        if self._state != self.watched.record:
            self.faults.append(f"fold and record differ after event {event.seq}, {event.type}")

    def check(self) -> None:
        """Check that fold and record never differed.

        Raises:
          AssertionError: if they differed after some event.
        """
        assert not self.faults, "; ".join(self.faults)
