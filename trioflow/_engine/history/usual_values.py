"""The events that hold one value of a user, as those of a usual step do.

Shortcut `usual-value`; the plain twin is what `trioflow._engine.history.restore` does with every
other event: it looks at each value by its description.
"""

from __future__ import annotations

from typing import Literal

from trioflow import events as ev
from trioflow._engine.history.event_values import ValueOf


def only_value(event: ev.Event) -> Literal["input", "output"] | None:
    """Return the name of the one value that an event holds; None if it is another event."""
    if type(event) is ev.StepStart:
        is_first = not event.resumed and event.resume_data is None
        is_usual = event.input is not None and type(event.input) is not ValueOf
        return "input" if is_first and is_usual else None
    if type(event) is ev.StepResult:
        is_usual = event.status == "success" and event.error is None and event.state_updates is None
        return "output" if is_usual and type(event.output) is not ValueOf else None
    return None
