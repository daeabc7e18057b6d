"""Decide about ticks on request: one by hand, or all of a time that has passed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import get_args

import attrs

from trioflow.abc import StoredSchedule, TickRecord
from trioflow.errors import TickTakenError
from trioflow.schedules._book import Book
from trioflow.schedules._changing import get
from trioflow.schedules._cron import EARLIEST
from trioflow.schedules._deciding import Assignment, moment_of
from trioflow.schedules._passing import Passer
from trioflow.schedules._rules import MICROSECOND
from trioflow.schedules._schedule import Overlap, Schedule

MOST = 1000
"""How many ticks one call may backfill."""
TAKEN = ("started", "decided", "queued", "set-back")
"""What a tick must not be to be asked for."""


def check_overlap(given: object) -> None:
    """Check what is asked for in place of the overlap of a schedule.

    Raises:
      ValueError: if it is unknown.
    """
    known = get_args(Overlap)
    if given is not None and given not in known:
        raise ValueError(f"overlap must be one of {', '.join(known)}, not {given!r}")


@attrs.frozen(kw_only=True)
class Ask:
    """What is asked for."""

    book: Book
    id: str
    overlap: Overlap | None
    """Replaces that of the schedule."""
    by: str
    dry_run: bool = False

    async def trigger(self, at: datetime | None) -> TickRecord:
        """Decide about one tick; about a new one at this moment if *at* is None.

        Raises:
          UnknownNameError, TickTakenError, ValueError: as in `Schedules.trigger`.
        """
        while True:
            stored = await get(self.book, self.id)
            now = await self.book.store.now()
            if at is None:
                found = await self._found(now - 1, now)
                tick = _free(now, {record.at for record in found})
            else:
                tick = at.timestamp()
                _check(stored, tick, await self._found(tick, tick), now)
            records = await self._decide(stored, [tick], now)
            if records is not None:
                return records[0]

    async def backfill(self, since: datetime, until: datetime) -> Sequence[TickRecord]:
        """Decide about all ticks of a time that have no run.

        Raises:
          UnknownNameError, ValueError: as in `Schedules.backfill`.
        """
        while True:
            stored = await get(self.book, self.id)
            now = await self.book.store.now()
            if until.timestamp() > now:
                raise ValueError(f"until is {until}, in the future; no tick is decided ahead")
            if until < since:
                raise ValueError(f"until is {until}, before since, which is {since}")
            wanted = _ticks(self.book.show(stored), since, until)
            found = await self._found(wanted[0], wanted[-1]) if wanted else ()
            taken = {record.at for record in found if record.decision in TAKEN}
            free = [at for at in wanted if at not in taken and not _is_old(stored, at)]
            records = await self._decide(stored, free, now)
            if records is not None:
                return records

    async def _found(self, first: float, last: float) -> Sequence[TickRecord]:
        store = self.book.store
        return await store.list_ticks(self.id, None, after=first - 1e-3, before=last + 1e-3)

    async def _decide(
        self, stored: StoredSchedule, ticks: Sequence[float], now: float
    ) -> Sequence[TickRecord] | None:
        """Decide about ticks, and start what can be; None if another process was faster."""
        book, schedule = self.book, self.book.show(stored)
        open_records = await book.open_records(self.id)
        busy = await book.busy(schedule, open_records)
        waiting = next((each for each in open_records if each.decision == "queued"), None)
        assignment = Assignment(schedule, now, busy, waiting, self.by, self.overlap)
        assignment.add_all(ticks)
        records = assignment.records
        if records and not self.dry_run:
            if not await book.advance(stored, records):
                return None
            await self._begin(stored, records)
        ours = set(ticks)
        return tuple(record for record in records if record.at in ours)

    async def _begin(self, stored: StoredSchedule, records: Sequence[TickRecord]) -> None:
        book = self.book
        if book.is_kept or not book.can_start(stored):
            book.touch(stored.id)
            return
        schedule = book.read(stored)
        passer = Passer(book, lambda: records[0].decided_at, lambda: 0.0)
        for record in records:
            if record.decision == "decided":
                await passer.start(schedule, record)


def _ticks(schedule: Schedule, since: datetime, until: datetime) -> Sequence[float]:
    ticks = schedule.after(max(since, EARLIEST) - MICROSECOND)
    chosen = takewhile(lambda tick: tick <= until, ticks)
    found = [tick.timestamp() for tick in islice(chosen, MOST + 1)]
    if len(found) > MOST:
        raise ValueError(f"there are more than {MOST} ticks; backfill a shorter time at once")
    return found


def _free(now: float, taken: set[float]) -> float:
    """Return the first microsecond from now on backwards that no record has."""
    at = datetime.fromtimestamp(now, UTC)
    while at.timestamp() > now or at.timestamp() in taken:
        at -= MICROSECOND
    return at.timestamp()


def _check(stored: StoredSchedule, at: float, found: Sequence[TickRecord], now: float) -> None:
    if at > now:
        raise ValueError(f"{moment_of(at)} is in the future; no tick is decided ahead")
    if _is_old(stored, at):
        problem = "is so old that its record may have been removed"
        raise TickTakenError(stored.id, moment_of(at).isoformat(), problem)
    if any(record.at == at and record.decision in TAKEN for record in found):
        raise TickTakenError(stored.id, moment_of(at).isoformat())


def _is_old(stored: StoredSchedule, at: float) -> bool:
    """Return whether the record of a tick may have been removed."""
    return stored.kept_since is not None and at <= stored.kept_since
