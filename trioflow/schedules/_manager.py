"""What users do with the schedules of an engine: ``engine.schedules``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

import attrs
import trio

from trioflow._constructor import NoPublicConstructor
from trioflow._help import PlainHelp
from trioflow.abc import StoredSchedule, TickRecord
from trioflow.errors import DefinitionError, TickTakenError, UnknownNameError
from trioflow.schedules._book import Book, next_due, stored_of
from trioflow.schedules._deciding import Assignment, moment_of
from trioflow.schedules._loop import Loop
from trioflow.schedules._passing import Passer
from trioflow.schedules._rules import need_zone
from trioflow.schedules._schedule import Overlap, Schedule
from trioflow.schedules._words import in_words

MOST = 1000
"""How many ticks one call may backfill."""
OBSERVED = 1000
"""How many records an observer may be behind."""


@attrs.frozen(kw_only=True)
class ScheduleInfo(metaclass=PlainHelp):
    """A schedule as an engine sees it."""

    schedule: Schedule
    """What it says. The input is that of the engine that declares it, or the JSON of a stored
    one."""
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
    """Its rule in words."""
    watermark: datetime
    """All ticks up to this time are decided."""
    next: datetime | None
    """The next tick; None if there is none, or it is paused or orphaned."""
    last: TickRecord | None
    """The record of the last tick, if there is one."""

    @property
    def id(self) -> str:
        """Id of the schedule."""
        return self.schedule.id


class Schedules(metaclass=NoPublicConstructor):
    """The schedules that an engine keeps in its store."""

    _source = "engine.schedules"

    def __init__(self, book: Book) -> None:
        self._book = book

    # ------------------------------------------------------------ changing
    async def put(self, schedule: Schedule) -> ScheduleInfo:
        """Create or replace a schedule. All engines of the store whose loop runs keep it.

        If its rule has changed, the past is not started: the next tick is after now. Otherwise it
        continues where it was, paused or not.

        Raises:
          DefinitionError: if its input is a function, which only a declared schedule may have.
          NotSerializableError: if its input cannot be stored.
          StoreError: if the store fails.

        **Checkpoints**: always.
        """
        if callable(schedule.input):
            remedy = "give a value, or declare it with open_engine(schedules=...)"
            raise DefinitionError(f"schedule {schedule.id!r}", "its input is a function", remedy)
        text = self._book.engine.encode_input(schedule.input)
        await self._put(schedule, text, is_declared=False)
        return await self.get(schedule.id)

    async def _declare(self) -> None:
        for schedule in self._book.declared.values():
            await self._put(schedule, None, is_declared=True)

    async def _put(self, schedule: Schedule, input: str | None, *, is_declared: bool) -> None:
        store = self._book.store
        while True:
            known = await store.get_schedule(schedule.id)
            now = await store.now()
            fresh = stored_of(schedule, now, input=input, is_declared=is_declared, wake_at=None)
            if known is not None:
                fresh = _continued(fresh, known)
            if known is not None and fresh == attrs.evolve(known, wake_at=fresh.wake_at):
                return
            wake_at = None if fresh.is_paused else next_due(schedule, fresh)
            version = None if known is None else known.version
            fresh = attrs.evolve(fresh, wake_at=wake_at)
            if await store.put_schedule(fresh, if_version=version):
                self._book.touch(schedule.id)
                return

    async def pause(self, id: str, reason: str | None = None) -> None:
        """Pause a schedule: no tick of its rule starts until it is resumed.

        Runs continue. A tick that waits for an earlier run is given up.

        Raises:
          UnknownNameError: if there is no such schedule.
          StoreError: if the store fails.

        **Checkpoints**: always.
        """

        async def change(known: StoredSchedule) -> StoredSchedule:
            await trio.lowlevel.checkpoint()
            return attrs.evolve(known, is_paused=True, reason=reason, wake_at=None)

        await self._change(id, change)

    async def resume(self, id: str) -> None:
        """Resume a paused schedule. The ticks of the pause are not started.

        Raises:
          UnknownNameError: if there is no such schedule.
          StoreError: if the store fails.

        **Checkpoints**: always.
        """

        async def change(known: StoredSchedule) -> StoredSchedule:
            now = await self._book.store.now()
            if not known.is_paused:
                return known
            fresh = attrs.evolve(
                known, is_paused=False, reason=None, watermark=max(now, known.watermark), since=now
            )
            return attrs.evolve(fresh, wake_at=next_due(self._book.read(fresh), fresh))

        await self._change(id, change)

    async def delete(self, id: str) -> None:
        """Delete a schedule and its records. Runs are kept, and continue.

        A declared one returns when an engine that declares it opens.

        Raises:
          UnknownNameError: if there is no such schedule.
          StoreError: if the store fails.

        **Checkpoints**: always.
        """
        if not await self._book.store.delete_schedule(id):
            raise await self._unknown(id)
        self._book.touch(id)

    async def _change(
        self, id: str, change: Callable[[StoredSchedule], Awaitable[StoredSchedule]]
    ) -> None:
        while True:
            known = await self._stored(id)
            fresh = await change(known)
            if fresh == known:
                return
            if await self._book.store.put_schedule(fresh, if_version=known.version):
                self._book.touch(id)
                return

    # ------------------------------------------------------------ starting by hand
    async def trigger(
        self,
        id: str,
        at: datetime | None = None,
        *,
        overlap: Overlap | None = None,
        by: str | None = None,
    ) -> TickRecord:
        """Decide about a tick now, whether the rule has it or not; a paused schedule, too.

        The run starts here if this engine knows the workflow, otherwise in an engine that does.

        Args:
          at: The time that the run is named after; default: now. It must not be in the future.
          overlap: Replaces the schedule's own.
          by: Who asks, for the record.

        Returns:
          The record: ``"decided"``, ``"queued"`` or ``"skipped"``.

        Raises:
          UnknownNameError: if there is no such schedule.
          TickTakenError: if the tick has started or will start.
          ValueError: if *at* has no time zone or is in the future.
          StoreError: if the store fails.

        **Checkpoints**: always.
        """
        if at is not None:
            need_zone(at)
        [record] = await self._ask(
            id, None if at is None else [at.timestamp()], overlap, by or "trigger"
        )
        return record

    async def backfill(
        self,
        id: str,
        since: datetime,
        until: datetime,
        *,
        overlap: Overlap | None = None,
        dry_run: bool = False,
        by: str | None = None,
    ) -> Sequence[TickRecord]:
        """Decide about all past ticks of a time that have no run, oldest first.

        Ticks that have started or will start are left out, and so are ticks whose records may have
        been removed.

        Args:
          since, until: The first and the last possible tick; datetimes with a time zone.
          overlap: Replaces the schedule's own; ``"allow"`` starts all of them at once.
          dry_run: Whether to return what would be decided, and decide nothing.
          by: Who asks, for the records.

        Raises:
          UnknownNameError: if there is no such schedule.
          ValueError: if a time has no time zone or is in the future, or there are too many ticks.
          StoreError: if the store fails.

        **Checkpoints**: always.
        """
        need_zone(since)
        need_zone(until)
        stored = await self._stored(id)
        now = await self._book.store.now()
        if until.timestamp() > now:
            raise ValueError(f"until is {until}, in the future; no tick is decided ahead")
        schedule = self._book.read(stored)
        ticks = takewhile(
            lambda tick: tick <= until, schedule.after(since - timedelta(microseconds=1))
        )
        found = [tick.timestamp() for tick in islice(ticks, MOST + 1)]
        if len(found) > MOST:
            raise ValueError(f"there are more than {MOST} ticks; backfill a shorter time at once")
        return await self._ask(
            id, found, overlap, by or "backfill", is_backfill=True, dry_run=dry_run
        )

    async def _ask(
        self,
        id: str,
        wanted: Sequence[float] | None,
        overlap: Overlap | None,
        by: str,
        *,
        is_backfill: bool = False,
        dry_run: bool = False,
    ) -> Sequence[TickRecord]:
        book = self._book
        while True:
            stored = await self._stored(id)
            schedule = book.read(stored)
            now = await book.store.now()
            taken = await self._taken(stored, wanted, now)
            ticks = [_free(now, taken)] if wanted is None else wanted
            if not is_backfill:
                _check_asked(id, ticks[0], taken, now, stored.kept_since)
            open_records = await book.open_records(id)
            busy = await book.busy(schedule, open_records)
            waiting = next((each for each in open_records if each.decision == "queued"), None)
            asked = overlap or schedule.overlap
            assignment = Assignment(schedule, asked, now, busy, waiting, by)
            kept_since = stored.kept_since
            assignment.add_all(
                [at for at in ticks if at not in taken and (kept_since is None or at > kept_since)]
            )
            records = assignment.records
            if dry_run or not records or await book.advance(stored, records):
                break
        if not dry_run:
            await self._begin(stored, schedule, records)
        ours = set(ticks)
        return tuple(record for record in records if record.at in ours)

    async def _taken(
        self, stored: StoredSchedule, wanted: Sequence[float] | None, now: float
    ) -> set[float]:
        """Return the ticks that have started, or will start, or any at this moment."""
        first = min(wanted) if wanted else now - 1
        last = max(wanted) if wanted else now
        found = await self._book.store.list_ticks(
            stored.id, None, after=first - 1e-3, before=last + 1e-3
        )
        final = ("started", "decided", "queued", "set-back")
        return {each.at for each in found if wanted is None or each.decision in final}

    async def _begin(
        self, stored: StoredSchedule, schedule: Schedule, records: Sequence[TickRecord]
    ) -> None:
        book = self._book
        if book.is_kept or not book.can_start(stored):
            book.touch(stored.id)
            return
        passer = Passer(book, lambda: records[0].decided_at, lambda: 0.0)
        for record in records:
            if record.decision == "decided":
                await passer.start(schedule, record)

    # ------------------------------------------------------------ looking
    async def get(self, id: str) -> ScheduleInfo:
        """Return a schedule.

        Raises:
          UnknownNameError: if there is no such schedule.
          StoreError: if the store fails.
        """
        return await self._info(await self._stored(id))

    async def list(self) -> Sequence[ScheduleInfo]:
        """Return all schedules of the store, in the order of their ids.

        Raises:
          StoreError: if the store fails.
        """
        return tuple(
            [await self._info(stored) for stored in await self._book.store.list_schedules()]
        )

    async def ticks(
        self, id: str, limit: int | None = 100, *, before: datetime | None = None
    ) -> Sequence[TickRecord]:
        """Return what became of the ticks of a schedule, the newest first.

        Args:
          limit: Maximum number of records; None for all.
          before: Only ticks before this time.

        Raises:
          UnknownNameError: if there is no such schedule.
          StoreError: if the store fails.
        """
        await self._stored(id)
        edge = None if before is None else before.timestamp()
        return await self._book.store.list_ticks(id, limit, before=edge)

    async def next(self, id: str, count: int = 10) -> Sequence[datetime]:
        """Return the next ticks of a schedule as its rule has them now, paused or not.

        Raises:
          UnknownNameError: if there is no such schedule.
          StoreError: if the store fails.
        """
        stored = await self._stored(id)
        return self._next(stored, self._book.read(stored), await self._book.store.now(), count)

    @asynccontextmanager
    async def observe(self) -> AsyncGenerator[trio.MemoryReceiveChannel[TickRecord], None]:
        """Receive the records of all decisions of this engine, as they are made.

        The stream ends if the reader is too far behind.
        """
        send, receive = trio.open_memory_channel[TickRecord](OBSERVED)
        self._book.observers.append(send)
        try:
            with receive:
                yield receive
        finally:
            if send in self._book.observers:
                self._book.observers.remove(send)
            send.close()

    async def _run(self) -> None:
        if self._book.is_kept:
            raise RuntimeError("this engine runs its schedules already")
        await Loop(self._book).run()

    async def _stored(self, id: str) -> StoredSchedule:
        found = await self._book.store.get_schedule(id)
        if found is None:
            raise await self._unknown(id)
        return found

    async def _unknown(self, id: str) -> UnknownNameError:
        known = tuple(each.id for each in await self._book.store.list_schedules())
        return UnknownNameError("schedule", id, "engine", known)

    async def _info(self, stored: StoredSchedule) -> ScheduleInfo:
        schedule, book = self._book.read(stored), self._book
        now = await book.store.now()
        is_orphaned = book.is_orphaned(stored)
        ticks = self._next(stored, schedule, now, 1)
        last = await book.store.list_ticks(stored.id, 1)
        return ScheduleInfo(
            schedule=schedule,
            is_declared=stored.is_declared,
            is_orphaned=is_orphaned,
            is_paused=stored.is_paused,
            reason=stored.reason,
            starts=stored.starts,
            since=moment_of(stored.since),
            words=in_words(schedule.rules),
            watermark=moment_of(stored.watermark),
            next=ticks[0] if ticks and not (stored.is_paused or is_orphaned) else None,
            last=last[0] if last else None,
        )

    def _next(
        self, stored: StoredSchedule, schedule: Schedule, now: float, count: int
    ) -> Sequence[datetime]:
        left = count if schedule.limit is None else schedule.limit - stored.starts
        after = moment_of(now if stored.is_paused else max(now, stored.watermark))
        return tuple(islice(schedule.after(after), max(0, min(count, left))))


def _continued(fresh: StoredSchedule, known: StoredSchedule) -> StoredSchedule:
    """Return what a schedule becomes that was known before."""
    fresh = attrs.evolve(
        fresh,
        version=known.version,
        is_paused=known.is_paused,
        reason=known.reason,
        kept_since=known.kept_since,
    )
    if (fresh.rule, fresh.workflow_id) != (known.rule, known.workflow_id):
        return fresh  # the past is not started
    return attrs.evolve(fresh, watermark=known.watermark, since=known.since, starts=known.starts)


def _free(now: float, taken: set[float]) -> float:
    """Return the first microsecond from now on backwards that no record has."""
    at = datetime.fromtimestamp(now, UTC)
    while at.timestamp() > now or at.timestamp() in taken:
        at -= timedelta(microseconds=1)
    return at.timestamp()


def _check_asked(
    id: str, at: float, taken: set[float], now: float, kept_since: float | None
) -> None:
    if at > now:
        raise ValueError(f"{moment_of(at)} is in the future; no tick is decided ahead")
    if kept_since is not None and at <= kept_since:
        problem = "is so old that its record may have been removed"
        raise TickTakenError(id, moment_of(at).isoformat(), problem)
    if at in taken:
        raise TickTakenError(id, moment_of(at).isoformat())
