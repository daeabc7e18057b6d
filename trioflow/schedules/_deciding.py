"""Which ticks are due, and what becomes of each: pure functions of what is stored and the time."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import attrs

from trioflow._tick import run_id_of
from trioflow.abc import Decision, StoredSchedule, TickRecord
from trioflow.schedules._schedule import Overlap, Schedule

GRACE = 60.0
"""Seconds by which a tick may always be late: load alone loses none."""
WRONG = 60.0
"""Seconds by which a watermark may be ahead of the clock; above that the clock was wrong."""
SHOWN = 100
"""How many missed ticks get records of their own. Older ones share one."""
COUNTED = 10_000
"""How many ticks are counted one by one after a long time."""


@attrs.frozen
class Due:
    """What a look at a schedule has found."""

    start: tuple[float, ...]
    """The ticks to start, oldest first, as far as earlier runs permit."""
    missed: tuple[TickRecord, ...]
    """The records of the others."""
    to: float
    """The new watermark: the last of these ticks."""
    next: float | None
    """When the next tick is due; None if there is none."""
    number_missed: int = 0
    """How many ticks were missed directly before the first that starts."""


@attrs.define
class _Late:
    """The ticks that came while nothing looked."""

    newest: deque[float] = attrs.field(factory=lambda: deque(maxlen=SHOWN))
    count: int = 0
    first: float = 0.0
    last_merged: float = 0.0

    def add(self, at: float) -> None:
        if not self.count:
            self.first = at
        if len(self.newest) == SHOWN:
            self.last_merged = self.newest[0]
        self.newest.append(at)
        self.count += 1


def moment_of(at: float) -> datetime:
    """Return a time of a store as a datetime in UTC."""
    return datetime.fromtimestamp(at, UTC)


def look(
    schedule: Schedule,
    stored: StoredSchedule,
    known: Sequence[TickRecord],
    now: float,
    seen_since: float,
) -> Due:
    """Return which ticks are due, and which of them start.

    Args:
      known: The records of ticks after the watermark.
      now: The time of the store.
      seen_since: Since when this process has looked without interruption. Ticks from before it
        came during downtime, or while the machine slept, and are caught up.
    """
    window = max(schedule.catch_up, GRACE)
    too_old, past, current = _Late(), [], []
    to, coming, counted = stored.watermark, None, 0
    left = None if schedule.limit is None else schedule.limit - stored.starts
    ticks = schedule.after(moment_of(stored.watermark)) if left is None or left > 0 else iter(())
    while (tick := next(ticks, None)) is not None:
        at = tick.timestamp()
        due = at + schedule.delay(tick)
        if due > now:
            coming = due
            break
        to = at
        counted += 1
        if _is_known(stored, known, at):
            continue
        if now - due > window:
            too_old.add(at)
            if counted == COUNTED:
                ticks = schedule.after(max(tick, moment_of(now - window) - timedelta(seconds=1)))
        elif due >= seen_since:
            current.append(at)
        else:
            past.append(at)
    caught = _caught_up(schedule, past, bool(current))
    start = sorted((*caught, *current))[:left]
    records = _missed(schedule, stored, too_old, now)
    reason = _why_not_caught_up(schedule)
    records += [
        record_of(schedule, at, "missed", now, reason=reason) for at in past if at not in caught
    ]
    missed = sum(record.count for record in records)
    if left is not None and len(start) == left:
        coming = None
    return Due(tuple(start), tuple(records), to, coming, missed)


def _is_known(stored: StoredSchedule, known: Sequence[TickRecord], at: float) -> bool:
    if stored.kept_since is not None and at <= stored.kept_since:
        return True  # its record may have been removed
    return any(record.covers(at) for record in known)


def _caught_up(schedule: Schedule, past: Sequence[float], is_late: bool) -> Collection[float]:
    match schedule.missed:
        case "all":
            return set(past[-schedule.limit_catch_up :])
        case "last" if not is_late:
            return set(past[-1:])
    return set()


def _why_not_caught_up(schedule: Schedule) -> str:
    if schedule.missed == "all":
        return f"nothing could start it then, and only {schedule.limit_catch_up} are caught up"
    return f'nothing could start it then, and missed="{schedule.missed}"'


def _missed(
    schedule: Schedule, stored: StoredSchedule, late: _Late, now: float
) -> list[TickRecord]:
    reason = f"nothing could start it within {max(schedule.catch_up, GRACE):g} s"
    merged = late.count - len(late.newest)
    records = []
    if merged:
        shared = record_of(schedule, late.last_merged, "missed", now, reason=reason)
        first = late.first if merged > 1 else None
        records.append(attrs.evolve(shared, first=first, count=merged))
    return records + [record_of(schedule, at, "missed", now, reason=reason) for at in late.newest]


def record_of(
    schedule: Schedule,
    at: float,
    decision: Decision,
    now: float,
    *,
    reason: str | None = None,
    by: str | None = None,
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
        number_missed=number_missed,
    )


@attrs.define
class Assignment:
    """Decides about ticks one after the other, as earlier runs permit."""

    schedule: Schedule
    overlap: Overlap
    now: float
    busy: list[str]
    """The runs that are unfinished, or decided and not started."""
    waiting: TickRecord | None = None
    """The tick that waits for them."""
    by: str | None = None
    records: list[TickRecord] = attrs.field(factory=list)

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
            number_missed=missed,
        )
        self.records.append(made)
