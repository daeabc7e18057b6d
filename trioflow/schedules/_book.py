"""The schedules of one engine as its store has them, and what the engine knows beyond that."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs
import trio

from trioflow._forms.shown import MASK
from trioflow.abc import OPEN_DECISIONS, Decision, ScheduleStore, StoredSchedule, TickRecord
from trioflow.events import FINISHED_STATUSES, RunStatus
from trioflow.schedules._deciding import moment_of, record_of
from trioflow.schedules._ports import EnginePort
from trioflow.schedules._schedule import Schedule, tag_of
from trioflow.schedules._wire import options_text, rule_text, schedule_of

UNFINISHED: tuple[RunStatus, ...] = ("pending", "running", "suspended", "paused")
FAILED: tuple[RunStatus, ...] = ("failed",)
STARTED: tuple[Decision, ...] = ("started",)
BUSY_SHOWN = 20
"""How many unfinished runs are looked at."""
KEEP = 1000
"""How many records of a schedule are kept."""
PRUNE_EVERY = 100
"""After how many decisions old records are removed."""

assert not set(UNFINISHED) & set(FINISHED_STATUSES)


@attrs.define(eq=False)
class Book:
    """Reads and writes schedules for one engine."""

    engine: EnginePort
    store: ScheduleStore
    owner: str
    declared: Mapping[str, Schedule]
    """The schedules of this program, by id."""
    changed: trio.Event = attrs.field(factory=trio.Event)
    """Set when something changes here. The loop replaces it."""
    touched: set[str] = attrs.field(factory=set)
    """The schedules that have changed here since the loop looked."""
    is_kept: bool = False
    """Whether the loop of this engine runs."""
    observers: list[trio.MemorySendChannel[TickRecord]] = attrs.field(factory=list)
    _decisions: dict[str, int] = attrs.field(factory=dict)

    def touch(self, id: str) -> None:
        """Let the loop look at a schedule at once."""
        self.touched.add(id)
        self.changed.set()

    def read(self, stored: StoredSchedule) -> Schedule:
        """Return a schedule as the store has it, with the input that this engine knows.

        Raises:
          ValueError, LookupError, TypeError: if it cannot be read.
        """
        own = self.declared.get(stored.id) if stored.is_declared else None
        if own is not None and _is_equal(own, stored):
            return own
        given = None if own is None else own.input
        if stored.input is not None:
            given = self.engine.decode_input(stored.input)
        return schedule_of(stored.id, stored.workflow_id, stored.rule, stored.options, given)

    def show(self, stored: StoredSchedule) -> Schedule:
        """Return a schedule for what does not need its input, which is masked if it is unreadable.

        Raises:
          UnreadableScheduleError: if the rest cannot be read.
        """
        try:
            return self.read(stored)
        except Exception:  # if it is not the input, this raises it again
            return schedule_of(stored.id, stored.workflow_id, stored.rule, stored.options, MASK)

    def is_orphaned(self, stored: StoredSchedule) -> bool:
        """Return whether a schedule was declared, and this program does not declare it."""
        return stored.is_declared and stored.id not in self.declared

    def can_start(self, stored: StoredSchedule) -> bool:
        """Return whether this engine may decide about the ticks of a schedule."""
        return stored.workflow_id in self.engine.workflows and not self.is_orphaned(stored)

    # ------------------------------------------------------------ runs
    async def busy(self, schedule: Schedule, records: Sequence[TickRecord]) -> list[str]:
        """Return the runs that are unfinished, those that will start first.

        Args:
          records: The open records, read before this call: what starts meanwhile is listed twice,
            and not missed.
        """
        statuses = [s for s in UNFINISHED if s != "suspended" or schedule.overlap_suspended]
        found = await self.engine.find_runs(schedule.tag, statuses, BUSY_SHOWN)
        decided = [each.run_id for each in records if each.decision == "decided"]
        return list(dict.fromkeys([*filter(None, decided), *(run.run_id for run in found)]))

    async def failed_since(self, schedule: Schedule, since: float) -> str | None:
        """Return the last run that failed after a time, if any."""
        found = await self.engine.find_runs(schedule.tag, FAILED, BUSY_SHOWN)
        if not found:
            return None
        # By the records: the times of runs are those of other clocks.
        ids = {run.run_id for run in found}
        started = await self.store.list_ticks(schedule.id, BUSY_SHOWN, decisions=STARTED)
        late = (each.run_id for each in started if each.decided_at >= since)
        return next((run_id for run_id in late if run_id in ids), None)

    # ------------------------------------------------------------ records
    async def open_records(self, id: str) -> list[TickRecord]:
        """Return the records that something follows, oldest first."""
        found = await self.store.list_ticks(id, None, decisions=OPEN_DECISIONS)
        return sorted(found, key=lambda record: record.at)

    async def advance(
        self,
        stored: StoredSchedule,
        records: Collection[TickRecord],
        *,
        to: float | None = None,
        wake_at: float | None = None,
    ) -> bool:
        """Decide about ticks; return False if another process was faster."""
        signed = [attrs.evolve(record, owner=self.owner) for record in records]
        is_done = await self.store.advance(
            stored.id,
            version=stored.version,
            after=stored.watermark,
            to=stored.watermark if to is None else to,
            ticks=signed,
            wake_at=wake_at if to is not None else stored.wake_at,
        )
        if is_done:
            for record in signed:
                self.tell(record)
            await self._prune(stored, len(signed))
        return is_done

    def tell(self, record: TickRecord) -> None:
        """Show a record to instruments and observers."""
        self.engine.notify(record)
        for channel in tuple(self.observers):
            try:
                channel.send_nowait(record)
            except (trio.WouldBlock, trio.BrokenResourceError):
                self.observers.remove(channel)  # an observer never holds a schedule up
                channel.close()

    async def _prune(self, stored: StoredSchedule, number: int) -> None:
        count = self._decisions.get(stored.id, 0) + number
        if count >= PRUNE_EVERY:
            count = 0
            newest = await self.store.list_ticks(stored.id, KEEP)
            if len(newest) == KEEP:
                await self.store.prune_ticks(stored.id, newest[-1].at)
        self._decisions[stored.id] = count

    async def fail(self, record: TickRecord, reason: str, now: float) -> None:
        """Record that the run of a decided tick cannot start."""
        while True:
            stored = await self.store.get_schedule(record.schedule)
            current = await self.record(record.schedule, record.at)
            if stored is None or current is None or current.decision != "decided":
                return
            failed = attrs.evolve(
                current, decision="failed", reason=reason, run_id=None, decided_at=now
            )
            if await self.advance(stored, [failed]):
                return

    async def record(self, id: str, at: float) -> TickRecord | None:
        """Return the record of a tick."""
        near = await self.store.list_ticks(id, 3, after=at - 1e-3, before=at + 1e-3)
        return next((record for record in near if record.at == at), None)

    async def set_back(self, stored: StoredSchedule, now: float) -> bool:
        """Set a watermark back that is in the future, and record that."""
        at = now
        while await self.record(stored.id, at) is not None:
            at -= 1e-6
        reason = f"the watermark was at {moment_of(stored.watermark)}, in the future"
        schedule = self.show(stored)
        record = record_of(schedule, at, "set-back", now, reason=reason)
        return await self.advance(stored, [record], to=now)


def _is_equal(schedule: Schedule, stored: StoredSchedule) -> bool:
    texts = (schedule.workflow, rule_text(schedule), options_text(schedule))
    return texts == (stored.workflow_id, stored.rule, stored.options)


def stored_of(
    schedule: Schedule, now: float, *, input: str | None, is_declared: bool, wake_at: float | None
) -> StoredSchedule:
    """Return a new schedule as a store keeps it: nothing before now is due."""
    return StoredSchedule(
        id=schedule.id,
        workflow_id=schedule.workflow,
        rule=rule_text(schedule),
        options=options_text(schedule),
        input=input,
        is_declared=is_declared,
        watermark=now,
        since=now,
        wake_at=wake_at,
    )


def next_due(schedule: Schedule, stored: StoredSchedule) -> float | None:
    """Return when the next tick after the watermark is due."""
    if schedule.limit is not None and stored.starts >= schedule.limit:
        return None
    tick = next(schedule.after(moment_of(stored.watermark)), None)
    return None if tick is None else tick.timestamp() + schedule.delay(tick)


def metadata_of(record: TickRecord) -> dict[str, Any]:
    """Return what the first event of the run records about its tick."""
    tick = (record.run_id or "").rpartition("@")[2]
    return {"schedule": {"id": record.schedule, "tick": tick, "missed": record.number_missed}}


def tags_of(schedule: Schedule) -> tuple[str, ...]:
    """Return the tags of the runs of a schedule."""
    return (tag_of(schedule.id), *schedule.tags)
