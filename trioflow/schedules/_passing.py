"""What one look at one schedule does."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import trio

from trioflow._engine.base.outcome import must_pass
from trioflow._tick import Tick
from trioflow.abc import OPEN_DECISIONS, StoredSchedule, TickRecord
from trioflow.errors import (
    JournalConflictError,
    NotResumableError,
    RunFinishedError,
    RunStateError,
    StoreError,
    UnknownRunError,
    name_and_message,
)
from trioflow.schedules._book import Book, metadata_of, next_due, tags_of
from trioflow.schedules._deciding import WRONG, Assignment, moment_of, overlap_of
from trioflow.schedules._due import Due, look
from trioflow.schedules._ports import TickStart
from trioflow.schedules._schedule import Schedule

logger = logging.getLogger("trioflow")

TAKE_OVER = 5.0
"""Seconds after which a tick that another engine has decided is started here: it may be dead."""
ASK_AGAIN = 60.0
"""Seconds after which a run that must end is canceled again."""


@attrs.define(eq=False)
class Passer:
    """Looks at schedules, decides about their ticks, and starts runs."""

    book: Book
    clock: Callable[[], float]
    """Returns the time of the store."""
    seen_since: Callable[[], float]
    """Returns since when ticks have been looked for without interruption."""
    start_soon: Callable[..., None] | None = None
    """Starts a task; None if there is no loop."""
    _starting: set[tuple[str, float]] = attrs.field(factory=set)
    _followed: dict[str, int] = attrs.field(factory=dict)
    """How many runs of each schedule are waited for here."""
    _asked: dict[str, float] = attrs.field(factory=dict)
    """When runs were asked to cancel."""

    async def look_at(self, id: str) -> float | None:
        """Do everything that is due for a schedule; return when to look again, if ever.

        Raises:
          StoreError: if the store fails. Nothing is lost: the next look does the same.
        """
        while True:
            stored = await self.book.store.get_schedule(id)
            if stored is None:
                return None
            if not self.book.can_start(stored):
                return self._next_of_others(stored)
            schedule = self.book.read(stored)
            open_records = await self.book.open_records(id)
            self._start_decided(schedule, open_records)
            done, again = await self._decide(schedule, stored, open_records)
            if done:
                return again

    async def _decide(
        self, schedule: Schedule, stored: StoredSchedule, open_records: list[TickRecord]
    ) -> tuple[bool, float | None]:
        """Decide once; return whether nobody was faster and nothing is left, and when to look."""
        book, now = self.book, self.clock()
        if stored.watermark > now + WRONG:
            await book.set_back(stored, now)
            return False, None
        if schedule.pause_on_failure and not stored.is_paused:
            failed = await book.failed_since(schedule, stored.since)
            if failed is not None:
                await self._pause(stored, f"run {failed} failed")
                return False, None
        waiting = next((each for each in open_records if each.decision == "queued"), None)
        if stored.is_paused and waiting is not None and waiting.by is None:
            await self._drop(stored, waiting, now)
            return False, None
        due = await self._due(schedule, stored, now)
        if not (due.start or due.missed or waiting):
            return True, due.next
        matters = bool(due.start or waiting)
        busy = await self._busy(schedule, open_records, waiting) if matters else []
        if waiting is not None and not busy:
            released = attrs.evolve(waiting, decision="decided", decided_at=now, reason=None)
            await book.advance(stored, [released])
            return False, None
        assignment = Assignment(schedule, now, list(busy), waiting)
        assignment.add_all(due.start, due.number_missed)
        records = [*due.missed, *assignment.records]
        if records:
            if not await book.advance(stored, records, to=due.to, wake_at=due.next):
                return False, None
            self._start_decided(schedule, records)
        waits = assignment.waiting
        if waits is not None and overlap_of(waits, schedule) == "cancel":
            await self._cancel(busy, schedule)
        return True, due.next

    async def _busy(
        self, schedule: Schedule, open_records: list[TickRecord], waiting: TickRecord | None
    ) -> list[str]:
        overlap = schedule.overlap if waiting is None else overlap_of(waiting, schedule)
        if overlap == "allow":
            return []
        return await self.book.busy(schedule, open_records)

    async def _due(self, schedule: Schedule, stored: StoredSchedule, now: float) -> Due:
        if stored.is_paused:
            return Due((), (), stored.watermark, None)
        known = await self.book.store.list_ticks(stored.id, None, after=stored.watermark)
        return await look(schedule, stored, known, now, self.seen_since())

    async def _drop(self, stored: StoredSchedule, waiting: TickRecord, now: float) -> None:
        """Give up a tick of the rule that waits in a paused schedule."""
        missed = attrs.evolve(waiting, decision="missed", run_id=None, decided_at=now)
        await self.book.advance(stored, [attrs.evolve(missed, reason="it is paused")])

    async def _pause(self, stored: StoredSchedule, reason: str) -> None:
        paused = attrs.evolve(stored, is_paused=True, reason=reason, wake_at=None)
        await self.book.store.put_schedule(paused, if_version=stored.version)

    async def _cancel(self, run_ids: list[str], schedule: Schedule) -> None:
        for run_id in run_ids:
            now = trio.current_time()
            if self._asked.get(run_id, -ASK_AGAIN) + ASK_AGAIN > now:
                continue
            try:
                reason = f"a later tick of schedule {schedule.id} has come"
                await self.book.engine.cancel_run(run_id, reason)
            except (RunFinishedError, NotResumableError, UnknownRunError):
                continue  # it has ended, or has not begun
            self._asked = {id: at for id, at in self._asked.items() if at + ASK_AGAIN > now}
            self._asked[run_id] = now

    # ------------------------------------------------------------ starting
    def _start_decided(self, schedule: Schedule, records: list[TickRecord]) -> None:
        """Start the runs of ticks that this engine has decided, or one that may be dead."""
        for record in records:
            key = (record.schedule, record.at)
            is_ours = record.owner in (None, self.book.owner)
            is_late = self.clock() - record.decided_at > TAKE_OVER
            if record.decision == "decided" and key not in self._starting and (is_ours or is_late):
                self._starting.add(key)
                assert self.start_soon is not None  # only the loop looks
                self.start_soon(self._start, schedule, record)

    async def _start(self, schedule: Schedule, record: TickRecord) -> None:
        try:
            await self.start(schedule, record)
        except StoreError as exc:  # the next look tries again
            logger.warning("the run of schedule %s waits for the store: %s", schedule.id, exc)
        finally:
            self._starting.discard((record.schedule, record.at))

    async def start(self, schedule: Schedule, record: TickRecord) -> Any:
        """Start the run of a decided tick; return it, or None if it started elsewhere or cannot.

        Raises:
          StoreError: if the store fails.
        """
        tick = Tick(record.schedule, moment_of(record.at), record.number_missed)
        try:
            given = await _input_of(schedule, tick)
        except BaseException as exc:  # of user code
            if must_pass(exc) or (isinstance(exc, StoreError) and exc.transient):
                raise
            await self._fail(record, exc)
            return None
        try:
            run = await self.book.engine.start_tick(
                TickStart(
                    workflow=schedule.workflow,
                    input=given,
                    run_id=tick.run_id,
                    key=(record.schedule, record.at),
                    resource_id=schedule.resource_id,
                    tags=tags_of(schedule),
                    metadata=metadata_of(record),
                    by=record.by,
                )
            )
        except (StoreError, RunStateError):
            raise
        except JournalConflictError:
            return None  # another engine has started it
        except BaseException as exc:  # structuring the input calls user code
            if must_pass(exc):
                raise
            await self._fail(record, exc)
            return None
        if run is None:
            await self.book.fail(record, f"another run has the id {tick.run_id}", self.clock())
            return None
        self.book.tell(attrs.evolve(record, decision="started", owner=self.book.owner))
        follows = schedule.pause_on_failure or schedule.overlap in ("queue", "cancel")
        if follows and self.start_soon is not None:
            self.start_soon(self._after, run, record.schedule)
        return run

    async def _fail(self, record: TickRecord, error: BaseException) -> None:
        await self.book.fail(record, ": ".join(name_and_message(error)), self.clock())

    async def _after(self, run: Any, id: str) -> None:
        """Look at the schedule again when a run has ended: a tick may wait for that."""
        self._followed[id] = self._followed.get(id, 0) + 1
        try:
            await run.wait()
        except Exception:
            logger.debug("run %s cannot be waited for", run.run_id, exc_info=True)
        finally:
            self._followed[id] -= 1
        self.book.touch(id)

    async def open_schedules(self) -> set[str]:
        """Return the schedules for which something waits."""
        found = await self.book.store.list_ticks(None, None, decisions=OPEN_DECISIONS)
        return {record.schedule for record in found if not self._is_handled(record)}

    def _is_handled(self, record: TickRecord) -> bool:
        """Return whether what a record waits for will be seen without looking."""
        if record.decision == "queued":
            return self._followed.get(record.schedule, 0) > 0
        return (record.schedule, record.at) in self._starting

    def next_look(self, stored: StoredSchedule) -> float | None:
        """Return when to look at a schedule first."""
        now = self.clock()
        if not self.book.can_start(stored):
            return self._next_of_others(stored)
        if stored.is_paused or stored.watermark > now + WRONG:
            return now
        return next_due(self.book.show(stored), stored)

    def _next_of_others(self, stored: StoredSchedule) -> float | None:
        """Return when other engines decide about a schedule, which this one must not do."""
        if stored.is_paused:
            return None
        later = attrs.evolve(stored, watermark=max(stored.watermark, self.clock()))
        return next_due(self.book.show(stored), later)


async def _input_of(schedule: Schedule, tick: Tick) -> Any:
    if not callable(schedule.input):
        return schedule.input
    given = schedule.input(tick)
    if inspect.isawaitable(given):
        awaited: Awaitable[Any] = given
        return await awaited
    return given
