"""Events without what differs between two equal runs: the calendar and object identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from trioflow import events
from trioflow.testing.strategies._specs import SleepSpec, WorkflowSpec, parts


def normalized(log: Sequence[events.Event], spec: WorkflowSpec) -> list[Any]:
    """Return the fields of all events of a run, moments counted from its start."""
    dates = {part.how for part in parts(spec) if isinstance(part, SleepSpec)}
    # A date is at another distance from the start in each run, and so is what follows it.
    moments = set() if "until far" in dates else {"at", "until", "seconds"}
    if "until past" in dates:
        moments.discard("until")
    return [(event.type, _fields(event, log[0].at, moments)) for event in log]


def _fields(event: events.Event, start: float, moments: set[str]) -> dict[str, Any]:
    fields = {name: getattr(event, name) for name in attrs.fields_dict(type(event))}
    for name in {"trace_id", "at", "until", "seconds"} & fields.keys():
        value = fields.pop(name)
        if name in moments and value is not None:
            fields[name] = round(value if name == "seconds" else value - start, 6)
    if isinstance(fields.get("error"), BaseException):
        fields["error"] = described(fields["error"])
    return fields


def described(error: BaseException) -> Any:
    """Return type and text of an exception, and of those in a group."""
    if isinstance(error, BaseExceptionGroup):
        return [described(inner) for inner in error.exceptions]
    return type(error).__name__, str(error)
