"""Runs as lists tell of them, and which of them are meant."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypedDict

import attrs

from trioflow.errors import TrioflowError
from trioflow.events import RunStatus

Moment: TypeAlias = datetime | timedelta | float
"""A point in time: a datetime with a time zone, how long ago it is, or seconds since the epoch."""


@attrs.frozen(kw_only=True)
class RunInfo:
    """What a list tells of a run; no journal was read for it."""

    run_id: str
    workflow_id: str
    status: RunStatus
    resource_id: str | None = None
    tags: tuple[str, ...] = ()
    created_at: float
    """Seconds since the epoch."""
    updated_at: float
    """Time of the last event, or of the creation if there is none: seconds since the epoch."""
    input: Any
    """What the run was given: plain JSON types if a store has the run. `MISSING` if it has not
    started, or its input is longer than a list should be."""
    due_at: float | None = None
    """When the run has something to do by itself: seconds since the epoch."""
    owner: str | None = None
    """The engine that drives the run, or did so when its process died. It is known in a store."""
    held_for: float = attrs.field(default=0.0, eq=False)
    """For how many seconds the owner's claim still holds unless it is renewed. 0: the run is
    free, and any engine may continue it."""

    @property
    def cursor(self) -> str:
        """Where this run is in the order of lists, to list those that follow it."""
        return f"{self.created_at!r}:{self.run_id}"


@attrs.frozen
class BulkResult:
    """What became of many runs for which the same was asked."""

    done: tuple[str, ...]
    """Ids of the runs for which it was done."""
    refused: Mapping[str, TrioflowError]
    """Why it was not done, by the ids of the other runs."""


class RunFilters(TypedDict, total=False):
    """Which runs are meant: those to which everything applies that is given."""

    status: RunStatus | Collection[RunStatus] | None
    """This status, or any of these."""
    workflow: str | None
    """Runs of the workflow with this id."""
    resource_id: str | None
    """Runs of this resource."""
    tags: Collection[str]
    """Runs with all of these tags."""
    since: Moment | None
    """Created then or later."""
    before: Moment | None
    """Created earlier than that."""


def seconds_of(moment: Moment, now: float) -> float:
    """Return a moment as seconds since the epoch.

    Args:
      now: What a timedelta is counted back from.

    Raises:
      ValueError: for a datetime without time zone, and what is no moment at all.
    """
    match moment:
        case datetime(tzinfo=None):
            raise ValueError(f"{moment!r} has no time zone; give it one, such as datetime.UTC")
        case datetime():
            return moment.timestamp()
        case timedelta():
            return now - moment.total_seconds()
        case bool():
            pass
        case int() | float() if math.isfinite(moment):
            return float(moment)
    raise ValueError(
        f"{moment!r} is no point in time; give a datetime with a time zone, a timedelta (how "
        "long ago), or seconds since the epoch"
    )
