"""An instrument that keeps the events of every run of an engine, for tests to inspect."""

from __future__ import annotations

from typing import Any

from trioflow import events as ev
from trioflow.abc import Instrument
from trioflow.testing._grammar import check_events


class Recorder(Instrument):
    """Keeps all events of all runs, in the order in which they happen.

    Pass it to an engine, ``open_engine(instruments=[recorder])``, or use the fixture
    ``trioflow_recorder``, which the engine of the fixture ``trioflow_engine`` already has::

        async def test_the_city_is_fetched_twice(trioflow_engine, trioflow_recorder):
            await trioflow_engine.create_run(weather).start(City("Oslo"))

            assert trioflow_recorder.types("fetch_forecast") == [
                "step-start", "step-retry", "step-result", "step-finish"
            ]
    """

    def __init__(self) -> None:
        self.events: list[ev.Event] = []
        """The events of all runs."""

    def on_event(self, event: ev.Event) -> None:
        """Keep an event. The engine calls this."""
        self.events.append(event)

    @property
    def runs(self) -> dict[str, list[ev.Event]]:
        """The events of each run, by run id, in the order of the runs' first events."""
        runs: dict[str, list[ev.Event]] = {}
        for event in self.events:
            runs.setdefault(event.run_id, []).append(event)
        return runs

    def types(self, id: str | None = None) -> list[str]:
        """Return the types of the events, in order.

        Args:
          id: Only events of the step with this id.
        """
        return [event.type for event in self.events if id in (None, getattr(event, "id", None))]

    def check(self, workflow: Any = None) -> None:
        """Check that the events of all runs that finished or suspended follow the grammar.

        Args:
          workflow: The workflow of the runs; if given, the calls must match its nodes.

        Raises:
          EventOrderError: for the first event that breaks a rule.
        """
        for events in self.runs.values():
            if isinstance(events[0], ev.Start) and isinstance(events[-1], ev.Finish):
                check_events(events, workflow)
