"""What users do with the schedules of an engine: ``engine.schedules``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import trio

from trioflow._constructor import NoPublicConstructor
from trioflow._engine.base.given import check_optional_string
from trioflow.abc import TickRecord
from trioflow.errors import DefinitionError
from trioflow.schedules._asking import Ask, check_overlap
from trioflow.schedules._book import Book
from trioflow.schedules._changing import declare, find, get, pause, put, resume, unknown
from trioflow.schedules._info import ScheduleInfo, info_of, next_ticks
from trioflow.schedules._loop import Loop
from trioflow.schedules._rules import need_zone
from trioflow.schedules._schedule import Overlap, Schedule

OBSERVED = 1000
"""How many records an observer may be behind."""


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
          DefinitionError: if it is not a schedule, or its input is a function, which only a
            declared schedule may have.
          NotSerializableError: if its input cannot be stored.
          StoreError: if the store fails.

        **Checkpoints**: always.
        """
        if not isinstance(schedule, Schedule):
            problem = f"{schedule!r} is not a schedule"
            raise DefinitionError("engine.schedules.put()", problem, "give a Schedule")
        if callable(schedule.input):
            remedy = "give a value, or declare it with open_engine(schedules=...)"
            raise DefinitionError(f"schedule {schedule.id!r}", "its input is a function", remedy)
        text = self._book.engine.encode_input(schedule.input)
        known = await find(self._book, [schedule.id])
        await put(self._book, [(schedule, text)], known)
        return await self.get(schedule.id)

    async def _declare(self) -> None:
        await declare(self._book)

    async def pause(self, id: str, reason: str | None = None) -> None:
        """Pause a schedule: no tick of its rule starts until it is resumed.

        Runs continue. A tick that waits for an earlier run is given up.

        Raises:
          UnknownNameError: if there is no such schedule.
          TypeError: if *reason* is not a string.
          StoreError: if the store fails.

        **Checkpoints**: always.
        """
        check_optional_string("reason", reason)
        await pause(self._book, id, reason)

    async def resume(self, id: str) -> None:
        """Resume a paused schedule. The ticks of the pause are not started.

        Raises:
          UnknownNameError: if there is no such schedule.
          UnreadableScheduleError: if it cannot be read here.
          StoreError: if the store fails.

        **Checkpoints**: always.
        """
        await resume(self._book, id)

    async def delete(self, id: str) -> None:
        """Delete a schedule and its records. Runs are kept, and continue.

        A declared one returns when an engine that declares it opens.

        Raises:
          UnknownNameError: if there is no such schedule.
          StoreError: if the store fails.

        **Checkpoints**: always.
        """
        if not await self._book.store.delete_schedule(id):
            raise await unknown(self._book, id)
        self._book.touch(id)

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

        The run starts here if this engine knows the workflow, and declares the schedule if it is a
        declared one; otherwise in an engine that does.

        Args:
          at: The time that the run is named after; default: now. It must not be in the future.
          overlap: Replaces the schedule's own.
          by: Who asks, for the record.

        Returns:
          The record: ``"decided"``, ``"queued"`` or ``"skipped"``.

        Raises:
          UnknownNameError: if there is no such schedule.
          UnreadableScheduleError: if it cannot be read here.
          TickTakenError: if the tick has started or will start.
          ValueError: if *at* has no time zone or is in the future, or *overlap* is unknown.
          StoreError: if the store fails.

        **Checkpoints**: always.
        """
        check_optional_string("by", by)
        if at is not None:
            need_zone(at)
        check_overlap(overlap)
        ask = Ask(book=self._book, id=id, overlap=overlap, by=by or "trigger")
        return await ask.trigger(at)

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
          UnreadableScheduleError: if it cannot be read here.
          ValueError: if a time has no time zone or is in the future, *until* is before *since*,
            *overlap* is unknown, or there are too many ticks.
          StoreError: if the store fails.

        **Checkpoints**: always.
        """
        check_optional_string("by", by)
        need_zone(since)
        need_zone(until)
        check_overlap(overlap)
        ask = Ask(book=self._book, id=id, overlap=overlap, by=by or "backfill", dry_run=dry_run)
        return await ask.backfill(since, until)

    # ------------------------------------------------------------ looking
    async def get(self, id: str) -> ScheduleInfo:
        """Return a schedule.

        Raises:
          UnknownNameError: if there is no such schedule.
          StoreError: if the store fails.
        """
        stored = await get(self._book, id)
        return await info_of(self._book, stored, await self._book.store.now())

    async def list(self) -> Sequence[ScheduleInfo]:
        """Return all schedules of the store, in the order of their ids.

        One that cannot be read here is among them, and its `ScheduleInfo.error` says why.

        Raises:
          StoreError: if the store fails.
        """
        found = await self._book.store.list_schedules()
        now = await self._book.store.now()
        return tuple([await info_of(self._book, stored, now) for stored in found])

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
        await get(self._book, id)
        edge = None if before is None else before.timestamp()
        return await self._book.store.list_ticks(id, limit, before=edge)

    async def next(self, id: str, count: int = 10) -> Sequence[datetime]:
        """Return the next ticks of a schedule as its rule has them now, paused or not.

        Raises:
          UnknownNameError: if there is no such schedule.
          UnreadableScheduleError: if it cannot be read here.
          ValueError: if *count* is negative.
          StoreError: if the store fails.
        """
        if count < 0:
            raise ValueError(f"count must be >= 0, not {count!r}")
        stored = await get(self._book, id)
        now = await self._book.store.now()
        return next_ticks(self._book.show(stored), stored, now, count)

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
