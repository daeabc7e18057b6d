"""Shortcuts in how journals are written and read."""

from __future__ import annotations

from benchmarks.shortcuts.shortcut import Shortcut, Work
from benchmarks.shortcuts.stage import chain, patched, started_call, stored_plan_of
from trioflow import events as ev
from trioflow._engine.history import restore as restoring
from trioflow._engine.history.restore import restore
from trioflow._engine.journal.codec import decode_recorded
from trioflow._engine.journal.encoding import encode, encode_any
from trioflow._engine.journal.usual_events import UsualEvents
from trioflow._engine.running import fast_events


def _events() -> list[ev.Event]:
    """Return those of a usual step."""
    call = started_call()
    call.attempt = 1
    start = fast_events.step_start(call, 1, None)
    return [start, *fast_events.step_end(call, 0.0, "success", 1, None, None)]


def usual_entry(number: int) -> tuple[Work, Work]:
    plan = stored_plan_of(chain(1))
    events = _events()

    def fast() -> None:
        for _ in range(number):
            for event in events:
                encode(event, plan)

    def slow() -> None:
        for _ in range(number):
            for event in events:
                encode_any(event, plan, {}, None, None)

    return fast, slow


def usual_event(number: int) -> tuple[Work, Work]:
    plan, events = stored_plan_of(chain(1)), _events()
    entries = [encode(event, plan) for event in events] * number
    run_id = events[0].run_id

    def fast() -> None:
        decode_recorded(run_id, entries, None)

    return fast, patched(fast, (UsualEvents, "read", lambda self, entry: None))


def usual_value(number: int) -> tuple[Work, Work]:
    plan, events = stored_plan_of(chain(1)), _events() * number

    def fast() -> None:
        restore(plan, events)

    return fast, patched(fast, (restoring, "only_value", lambda event: None))


SHORTCUTS = (
    Shortcut(
        "usual-entry",
        where="_engine/journal/usual_entries.py",
        fast="one function for each event of a usual step writes its entry",
        plain="a function writes the attributes of any event, as they are described",
        per="step",
        make=usual_entry,
    ),
    Shortcut(
        "usual-event",
        where="_engine/journal/usual_events.py",
        fast="entries of usual events are known by their shape, and the events filled in one go",
        plain="a function reads the attributes of any event, as they are described",
        per="step",
        make=usual_event,
    ),
    Shortcut(
        "usual-value",
        where="_engine/history/usual_values.py",
        fast="the one value of an event of a usual step is structured",
        plain="each value of any event is structured, as it is described",
        per="step",
        make=usual_value,
    ),
)
