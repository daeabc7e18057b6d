"""Events without what differs between two equal runs: the calendar and object identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from trioflow import events
from trioflow.testing.strategies.specs import SleepSpec, WorkflowSpec, parts

CALENDAR = {"at", "until", "started_at", "seconds"}
"""Fields with moments, which count from the moment of the start."""


def normalized(log: Sequence[events.Event], spec: WorkflowSpec) -> list[Any]:
    """Return the fields of all events of a run."""
    # A moment of the calendar is at another distance from the start in each run.
    bound_to_calendar = any(
        isinstance(part, SleepSpec) and part.how == "until far" for part in parts(spec)
    )
    start = None if bound_to_calendar else log[0].at
    return [(event.type, _fields(event, start)) for event in log]


def _fields(event: events.Event, start: float | None) -> dict[str, Any]:
    fields = {name: getattr(event, name) for name in attrs.fields_dict(type(event))}
    fields.pop("trace_id", None)
    return {name: _field(name, value, start) for name, value in fields.items()}


def _field(name: str, value: Any, start: float | None) -> Any:
    if isinstance(value, BaseException):
        return described(value)
    if name in CALENDAR and value is not None:
        return None if start is None else round(value - (start if name != "seconds" else 0), 6)
    return value


def described(error: BaseException) -> Any:
    """Return type and text of an exception, and of those in a group."""
    if isinstance(error, BaseExceptionGroup):
        return [described(inner) for inner in error.exceptions]
    return type(error).__name__, str(error)
