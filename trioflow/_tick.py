"""A tick of a schedule, and the id of its run."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import attrs

from trioflow._help import PlainHelp


@attrs.frozen
class Tick(metaclass=PlainHelp):
    """One of the times of a schedule."""

    schedule: str
    """Id of the schedule."""
    at: datetime
    """The time, in UTC. Jitter does not change it."""
    number_missed: int = 0
    """How many ticks directly before it were missed."""

    @property
    def run_id(self) -> str:
        """Id of the run of this tick."""
        return run_id_of(self.schedule, self.at)


def run_id_of(schedule: str, at: datetime) -> str:
    """Return the id of the run of a tick: ``"nightly@2026-11-30T01:30:00Z"``."""
    return f"{schedule}@{text_of(at)}"


def tick_of(recorded: Any) -> Tick | None:
    """Return the tick that the metadata of a run records; None if they are not ours."""
    match recorded:
        case {"id": str(id), "tick": str(at), "missed": int(missed)}:
            with suppress(ValueError):
                return Tick(id, datetime.fromisoformat(at), missed)
    return None


def text_of(at: datetime) -> str:
    """Return a time as in run ids: in UTC, with a fraction of the second only if there is one."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
