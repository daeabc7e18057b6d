"""Which ticks are due, and which of those that came late still start.

However long nothing has looked, the work is bounded, and other tasks have turns meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import attrs
import trio

from trioflow.abc import StoredSchedule, TickRecord
from trioflow.schedules._deciding import moment_of, record_of
from trioflow.schedules._schedule import Schedule

GRACE = 60.0
"""Seconds by which a tick may always be late: load alone loses none."""
SHOWN = 100
"""How many missed ticks get records of their own. Older ones share one."""
COUNTED = 10_000
"""How many ticks are looked at one by one after a long time, before those that matter."""
TURN = 200
"""How many ticks are looked at without a turn for other tasks."""


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


class Known:
    """The ticks after the watermark that have records."""

    def __init__(self, stored: StoredSchedule, records: Sequence[TickRecord]) -> None:
        self._until = -float("inf") if stored.kept_since is None else stored.kept_since
        self._times = {record.at for record in records}
        self._long = [record for record in records if record.first is not None]

    def __contains__(self, at: float) -> bool:
        # A record up to this time may have been removed.
        return at <= self._until or at in self._times or any(each.covers(at) for each in self._long)


class Late:
    """Ticks that came while nothing looked. Only the newest are kept one by one."""

    def __init__(self, most: int) -> None:
        self.newest: deque[float] = deque(maxlen=most)
        self._merged = 0
        self._first = self._last = 0.0

    def add(self, at: float) -> None:
        """Add a tick, after all others."""
        if len(self.newest) == self.newest.maxlen:
            self._last = self.newest[0]
            self._first = self._first if self._merged else self._last
            self._merged += 1
        self.newest.append(at)

    def records(
        self, schedule: Schedule, now: float, reason: str, without: Collection[float] = ()
    ) -> list[TickRecord]:
        """Return the records of those that are missed, without those that start."""
        alone = [
            record_of(schedule, at, "missed", now, reason=reason)
            for at in self.newest
            if at not in without
        ]
        if not self._merged:
            return alone
        shared = record_of(schedule, self._last, "missed", now, reason=reason)
        first = self._first if self._merged > 1 else None
        return [attrs.evolve(shared, first=first, count=self._merged), *alone]


async def look(
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

    **Checkpoints**: if many ticks are due.
    """
    left = None if schedule.limit is None else schedule.limit - stored.starts
    found = _Found(schedule, stored, known, now, seen_since)
    coming = await found.see() if left is None or left > 0 else None
    caught = found.caught_up()
    start = sorted((*caught, *found.current))[:left]
    records = found.missed(caught)
    if left is not None and len(start) == left:
        coming = None
    missed = sum(record.count for record in records)
    return Due(tuple(start), tuple(records), found.to, coming, missed)


class _Found:
    """The ticks that are due, by what becomes of them."""

    def __init__(
        self,
        schedule: Schedule,
        stored: StoredSchedule,
        known: Sequence[TickRecord],
        now: float,
        seen_since: float,
    ) -> None:
        self.schedule, self.now, self.seen_since = schedule, now, seen_since
        self.known = Known(stored, known)
        self.window = max(schedule.catch_up, GRACE)
        self.most = max(SHOWN, schedule.limit_catch_up if schedule.missed == "all" else 0)
        self.to = stored.watermark
        self.too_old, self.past = Late(SHOWN), Late(self.most)
        self.current: list[float] = []

    async def see(self) -> float | None:
        """Look at all ticks that are due; return when the next one is."""
        ticks, number = self.schedule.after(moment_of(self.to)), 0
        while (tick := next(ticks, None)) is not None:
            due = tick.timestamp() + self.schedule.delay(tick)
            if due > self.now:
                return due
            self._add(tick.timestamp(), due)
            number += 1
            if number % TURN == 0:
                await trio.lowlevel.checkpoint()
            if number == COUNTED:
                ticks = self.schedule.after(await self._before_newest(tick))
        return None

    def _add(self, at: float, due: float) -> None:
        self.to = at
        if at in self.known:
            return
        if self.now - due > self.window:
            self.too_old.add(at)
        elif due < self.seen_since:
            self.past.add(at)
        else:
            self.current.append(at)

    async def _before_newest(self, tick: datetime) -> datetime:
        """Return a time after which enough ticks are due, or that of the given one."""
        end = moment_of(min(self.now, self.seen_since) - self.schedule.jitter)
        length = timedelta(seconds=1)
        while (since := end - length) > tick:
            if await self._has_enough(since, end):
                return since
            length *= 2
        return tick

    async def _has_enough(self, since: datetime, end: datetime) -> bool:
        """Return whether enough ticks of a time have no record."""
        enough = 0
        for number, tick in enumerate(self.schedule.after(since), 1):
            if tick > end:
                break
            enough += tick.timestamp() not in self.known
            if enough == self.most:
                return True
            if number % TURN == 0:
                await trio.lowlevel.checkpoint()
        return False

    def caught_up(self) -> Collection[float]:
        """Return the ticks that start although they came while nothing looked."""
        match self.schedule.missed:
            case "all":
                return list(self.past.newest)[-self.schedule.limit_catch_up :]
            case "last" if not self.current:
                return list(self.past.newest)[-1:]
        return ()

    def missed(self, caught: Collection[float]) -> list[TickRecord]:
        """Return the records of those that are missed."""
        reason = f"nothing could start it within {self.window:g} s"
        records = self.too_old.records(self.schedule, self.now, reason)
        what = f'missed="{self.schedule.missed}"'
        if self.schedule.missed == "all":
            what = f"only {self.schedule.limit_catch_up} are caught up"
        reason = f"nothing could start it then, and {what}"
        return records + self.past.records(self.schedule, self.now, reason, set(caught))
