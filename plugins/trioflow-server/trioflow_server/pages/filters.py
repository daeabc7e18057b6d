"""The filters of the list of runs, as they are in its address."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, get_args

import attrs

from trioflow.events import RunStatus
from trioflow_server.calls import Call

STATUSES: tuple[RunStatus, ...] = get_args(RunStatus)
FIELDS = ("workflow", "status", "resource", "tags", "since", "before")
"""Names of the fields, in the order of the form."""


@attrs.define
class Filters:
    """Which runs to list."""

    texts: dict[str, str]
    """What was given, by field."""
    problems: list[str] = attrs.field(factory=list)
    chosen: dict[str, Any] = attrs.field(factory=dict)
    """The filters for the engine."""

    @property
    def is_any(self) -> bool:
        """Whether something is filtered."""
        return any(self.texts.values())


def read_filters(call: Call) -> Filters:
    """Return the filters of a request."""
    given = {name: (call.query.text(name) or "").strip() for name in FIELDS}
    found = Filters(given)
    if given["status"] and given["status"] not in STATUSES:
        found.problems.append(f"Status: use one of {', '.join(STATUSES)}")
    else:
        found.chosen["status"] = given["status"] or None
    found.chosen["workflow"] = given["workflow"] or None
    found.chosen["resource_id"] = given["resource"] or None
    found.chosen["tags"] = [tag for tag in map(str.strip, given["tags"].split(",")) if tag]
    for name, label in (("since", "Created since"), ("before", "Created before")):
        try:
            found.chosen[name] = moment_of(given[name])
        except ValueError:
            found.problems.append(f"{label}: give a date and a time, such as 2026-01-31T12:00")
    return found


def moment_of(text: str) -> float | None:
    """Return a date, with or without a time, as seconds since the epoch; UTC unless it says so.

    Raises:
      ValueError: if it is none.
    """
    if not text:
        return None
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    try:
        seconds = found.timestamp()
    except OverflowError as exc:
        raise ValueError(text) from exc
    if not math.isfinite(seconds):
        raise ValueError(text)
    return seconds
