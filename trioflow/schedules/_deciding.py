"""What becomes of each tick, as earlier runs permit: pure functions of what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import attrs

from trioflow._tick import run_id_of
from trioflow.abc import Decision, TickRecord
from trioflow.schedules._schedule import Overlap, Schedule

WRONG = 60.0
"""Seconds by which a watermark may be ahead of the clock; above that the clock was wrong."""


def moment_of(at: float) -> datetime:
    """Return a time of a store as a datetime in UTC."""
    return datetime.fromtimestamp(at, UTC)


def record_of(
    schedule: Schedule,
    at: float,
    decision: Decision,
    now: float,
    *,
    reason: str | None = None,
    by: str | None = None,
    overlap: Overlap | None = None,
    number_missed: int = 0,
) -> TickRecord:
    """Return the record of a decision."""
    has_run = decision in ("decided", "queued")
    return TickRecord(
        schedule=schedule.id,
        at=at,
        decision=decision,
        decided_at=now,
        run_id=run_id_of(schedule.id, moment_of(at)) if has_run else None,
        reason=reason,
        by=by,
        overlap=overlap,
        number_missed=number_missed,
    )


def overlap_of(record: TickRecord, schedule: Schedule) -> str:
    """Return what holds for a tick: what was asked for, or what its schedule says."""
    return record.overlap or schedule.overlap


@attrs.define
class Assignment:
    """Decides about ticks one after the other, as earlier runs permit."""

    schedule: Schedule
    now: float
    busy: list[str]
    """The runs that are unfinished, or decided and not started."""
    waiting: TickRecord | None = None
    """The tick that waits for them."""
    by: str | None = None
    asked: Overlap | None = None
    """Replaces the overlap of the schedule."""
    records: list[TickRecord] = attrs.field(factory=list)

    @property
    def overlap(self) -> Overlap:
        """What happens to ticks while an earlier run is unfinished."""
        return self.asked or self.schedule.overlap

    def add_all(self, ticks: Sequence[float], number_missed: int = 0) -> None:
        """Decide about ticks, oldest first."""
        for index, at in enumerate(ticks):
            if self.overlap == "cancel" and index + 1 < len(ticks):
                self._record(at, "missed", "a later tick cancels it", number_missed)
            else:
                self.add(at, number_missed)
            number_missed = 0

    def add(self, at: float, number_missed: int) -> None:
        """Decide about a tick."""
        if self.overlap == "allow" or not (self.busy or self.waiting):
            self._record(at, "decided", None, number_missed)
            self.busy.append(run_id_of(self.schedule.id, moment_of(at)))
        elif self.overlap == "skip":
            other = self.busy[0] if self.busy else f"of the tick at {self._waiting_at()}"
            self._record(at, "skipped", f"run {other} is unfinished", number_missed)
        else:
            self._replace_waiting()
            verb = "is canceled" if self.overlap == "cancel" else "is unfinished"
            other = self.busy[0] if self.busy else "before it"
            self._record(at, "queued", f"run {other} {verb}", number_missed)
            self.waiting = self.records[-1]

    def _waiting_at(self) -> str:
        return "" if self.waiting is None else str(moment_of(self.waiting.at))

    def _replace_waiting(self) -> None:
        if self.waiting is not None:
            replaced = attrs.evolve(
                self.waiting,
                decision="missed",
                run_id=None,
                decided_at=self.now,
                reason="a later tick waits in its place",
            )
            self.records = [each for each in self.records if each.at != replaced.at]
            self.records.append(replaced)

    def _record(self, at: float, decision: Decision, reason: str | None, missed: int) -> None:
        made = record_of(
            self.schedule,
            at,
            decision,
            self.now,
            reason=reason,
            by=self.by,
            overlap=self.asked,
            number_missed=missed,
        )
        self.records.append(made)
