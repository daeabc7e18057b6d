"""A schedule as an engine sees it: what it says, where it is, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

import attrs

from trioflow._help import PlainHelp
from trioflow.abc import StoredSchedule, TickRecord
from trioflow.errors import UnreadableScheduleError
from trioflow.schedules._book import Book
from trioflow.schedules._deciding import moment_of
from trioflow.schedules._schedule import Schedule
from trioflow.schedules._words import in_words


@attrs.frozen(kw_only=True)
class ScheduleInfo(metaclass=PlainHelp):
    """A schedule as an engine sees it."""

    id: str
    workflow: str
    """Id of the workflow whose runs it starts."""
    _schedule: Schedule | None
    error: UnreadableScheduleError | None = None
    """Why this program cannot read it, and so never starts it; None if it can."""
    is_declared: bool
    """Whether it comes from the code of a program."""
    is_orphaned: bool
    """Whether it was declared, and this program does not declare it. It is never started here."""
    is_paused: bool
    reason: str | None
    """Why it is paused."""
    starts: int
    """How many ticks of its rule were decided to start."""
    since: datetime
    """When it was created or its rule changed, or it was resumed."""
    words: str
    """Its rule in words; empty if it cannot be read."""
    watermark: datetime
    """All ticks up to this time are decided."""
    next: datetime | None
    """The next tick; None if there is none, or it is paused or orphaned."""
    last: TickRecord | None
    """The record of the last tick, if there is one."""

    @property
    def schedule(self) -> Schedule:
        """What it says. The input is that of the engine that declares it, or the JSON of a stored
        one.

        Raises:
          UnreadableScheduleError: if it cannot be read here; see `ScheduleInfo.error`.
        """
        if self._schedule is None:
            assert self.error is not None
            raise self.error.with_traceback(None)
        return self._schedule


async def info_of(book: Book, stored: StoredSchedule, now: float) -> ScheduleInfo:
    """Return what an engine knows of a schedule.

    Raises:
      StoreError: if the store fails.
    """
    schedule, error = _read(book, stored)
    is_orphaned = book.is_orphaned(stored)
    ticks = [] if schedule is None else next_ticks(schedule, stored, now, 1)
    last = await book.store.list_ticks(stored.id, 1)
    return ScheduleInfo(
        id=stored.id,
        workflow=stored.workflow_id,
        schedule=schedule,
        error=error,
        is_declared=stored.is_declared,
        is_orphaned=is_orphaned,
        is_paused=stored.is_paused,
        reason=stored.reason,
        starts=stored.starts,
        since=moment_of(stored.since),
        words="" if schedule is None else in_words(schedule.rules),
        watermark=moment_of(stored.watermark),
        next=ticks[0] if ticks and not (stored.is_paused or is_orphaned) else None,
        last=last[0] if last else None,
    )


def _read(
    book: Book, stored: StoredSchedule
) -> tuple[Schedule | None, UnreadableScheduleError | None]:
    try:
        return book.show(stored), None
    except UnreadableScheduleError as error:
        return None, error


def next_ticks(
    schedule: Schedule, stored: StoredSchedule, now: float, count: int
) -> Sequence[datetime]:
    """Return the next ticks of a schedule as its rule has them now, paused or not."""
    left = count if schedule.limit is None else schedule.limit - stored.starts
    after = moment_of(now if stored.is_paused else max(now, stored.watermark))
    return tuple(islice(schedule.after(after), max(0, min(count, left))))
