"""Information about runs in lists, and filters that select runs."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypedDict

import attrs

from trioflow._help import PlainHelp
from trioflow.errors import TrioflowError
from trioflow.events import RunStatus

Moment: TypeAlias = datetime | timedelta | float
"""A point in time: a datetime with a time zone, a timedelta (how long ago), or seconds since the
epoch."""


@attrs.frozen(kw_only=True)
class RunInfo(metaclass=PlainHelp):
    """A run in a list. Its journal is not read."""

    run_id: str
    workflow_id: str
    status: RunStatus
    resource_id: str | None = None
    tags: tuple[str, ...] = ()
    created_at: float
    """Seconds since the epoch."""
    updated_at: float
    """Time of the last event, or of creation if there is none: seconds since the epoch."""
    input: Any
    """The input of the run: plain JSON types if a store has the run. ``MISSING`` if it has not
    started, or if its input is too long for a list."""
    due_at: float | None = None
    """When the engine must act on the run: seconds since the epoch."""
    owner: str | None = None
    """The engine that drives the run, or that drove it when its process died. Known in a store."""
    held_for: float = attrs.field(default=0.0, eq=False)
    """Seconds until the owner's claim expires unless it is renewed. 0: the run is not claimed, and
    any engine may continue it."""

    @property
    def cursor(self) -> str:
        """A cursor for listing the runs after this one."""
        return f"{self.created_at!r}:{self.run_id}"


@attrs.frozen
class BulkResult(metaclass=PlainHelp):
    """The result of an operation on many runs."""

    done: tuple[str, ...]
    """Ids of the runs for which it succeeded."""
    refused: Mapping[str, TrioflowError]
    """The errors of the other runs, by id."""


class RunFilters(TypedDict, total=False):
    """Filters that select runs: those that match all given filters."""

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
      now: The time that a timedelta is subtracted from: seconds since the epoch.

    Raises:
      ValueError: for a datetime without a time zone, or a value that is not a moment.
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
        f"{moment!r} is not a point in time; give a datetime with a time zone, a timedelta (how "
        "long ago), or seconds since the epoch"
    )
