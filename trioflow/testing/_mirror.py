"""A second fold beside the run's own, compared with it at each event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trioflow import events as ev
from trioflow.abc import Instrument
from trioflow.hookspecs import hookimpl
from trioflow.record import RunRecord


class Mirror(Instrument):
    """A plugin that keeps the events of one run and checks the run's state against them.

    Being an instrument it hears of each event before anyone else, in the moment in which it
    happens; so no prefix of the events escapes it, also when the run is canceled.
    """

    def __init__(self) -> None:
        self.events: list[ev.Event] = []
        self.faults: list[str] = []
        """Where fold and state differed. (What an instrument raises is only logged.)"""
        self._state = RunRecord()
        self.watched: Any = None
        """The run."""

    @hookimpl
    def trioflow_instruments(self) -> Iterable[Instrument]:
        return [self]

    def watch(self, run: Any) -> None:
        """Compare with the state of this run. Call it before the run starts."""
        self.watched = run
        self._state.run_id = run.run_id

    def on_event(self, event: ev.Event) -> None:
        self.events.append(event)
        self._state.apply(event)
        if self._state != self.watched.record:
            self.faults.append(f"fold and state differ after event {event.seq}, {event.type}")

    def check(self) -> None:
        """Raise what was found.

        Raises:
          AssertionError: if fold and state differed after some event.
        """
        assert not self.faults, "; ".join(self.faults)
