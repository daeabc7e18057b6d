"""The schedules of a memory store."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import attrs
import trio

from trioflow.abc import DAY, OPEN_DECISIONS, Decision, ScheduleStore, StoredSchedule, TickRecord

if TYPE_CHECKING:
    from trioflow.stores._shelf import Shelf


class ScheduleShelf:
    """Schedules and their records. Its methods are synchronous, and therefore atomic."""

    def __init__(self) -> None:
        self.schedules: dict[str, StoredSchedule] = {}
        self.records: dict[str, dict[float, TickRecord]] = {}
        self.version = 0

    def put(self, schedule: StoredSchedule, if_version: int | None) -> bool:
        """Create or replace a schedule if it has the expected version."""
        known = self.schedules.get(schedule.id)
        if (known.version if known else None) != if_version:
            return False
        self.version += 1
        self.schedules[schedule.id] = attrs.evolve(schedule, version=self.version)
        self.records.setdefault(schedule.id, {})
        return True

    def delete(self, id: str) -> bool:
        """Delete a schedule with its records."""
        self.records.pop(id, None)
        return self.schedules.pop(id, None) is not None

    def advance(
        self,
        id: str,
        version: int,
        after: float,
        to: float,
        ticks: Sequence[TickRecord],
        wake_at: float | None,
    ) -> bool:
        """Move the watermark and add records, unless something has changed."""
        known = self.schedules.get(id)
        if known is None or (known.version, known.watermark) != (version, after):
            return False
        records = self.records[id]
        if any(tick.at in records and records[tick.at].decision == "started" for tick in ticks):
            return False
        self.version += 1
        starts = sum(tick.decision == "decided" and tick.by is None for tick in ticks)
        self.schedules[id] = attrs.evolve(
            known,
            version=self.version,
            watermark=to,
            starts=known.starts + starts,
            wake_at=wake_at,
        )
        for tick in ticks:
            records[tick.at] = tick
        return True

    def start(self, tick: tuple[str, float]) -> bool:
        """Record that the run of a tick starts; return False if the tick is not decided."""
        records = self.records.get(tick[0], {})
        record = records.get(tick[1])
        if record is None or record.decision != "decided":
            return False
        records[tick[1]] = attrs.evolve(record, decision="started")
        return True

    def list(self, id: str | None) -> list[TickRecord]:
        """Return the records of one schedule or of all, the newest ticks first."""
        chosen = self.records.values() if id is None else [self.records.get(id, {})]
        found = [record for records in chosen for record in records.values()]
        return sorted(found, key=lambda record: (record.at, record.schedule), reverse=True)

    def prune(self, id: str, before: float) -> int:
        """Remove old records."""
        known = self.schedules.get(id)
        if known is None:
            return 0
        records, edge = self.records[id], min(before, known.watermark - DAY)
        old = [
            at for at, record in records.items()
            if at < edge and record.decision not in OPEN_DECISIONS
        ]  # fmt: skip
        for at in old:
            del records[at]
        if old:
            newest = max(*old, known.kept_since or 0.0)
            self.schedules[id] = attrs.evolve(known, kept_since=newest)
        return len(old)


class MemorySchedules(ScheduleStore):
    """The methods of a memory store for schedules."""

    _shelf: Shelf

    @property
    def _schedules(self) -> ScheduleShelf:
        return self._shelf.schedules

    async def put_schedule(self, schedule: StoredSchedule, *, if_version: int | None) -> bool:
        await trio.lowlevel.checkpoint()
        return self._schedules.put(schedule, if_version)

    async def get_schedule(self, id: str) -> StoredSchedule | None:
        await trio.lowlevel.checkpoint()
        return self._schedules.schedules.get(id)

    async def list_schedules(self) -> Sequence[StoredSchedule]:
        await trio.lowlevel.checkpoint()
        return [schedule for _, schedule in sorted(self._schedules.schedules.items())]

    async def delete_schedule(self, id: str) -> bool:
        await trio.lowlevel.checkpoint()
        return self._schedules.delete(id)

    async def advance(
        self,
        id: str,
        *,
        version: int,
        after: float,
        to: float,
        ticks: Sequence[TickRecord],
        wake_at: float | None = None,
    ) -> bool:
        await trio.lowlevel.checkpoint()
        return self._schedules.advance(id, version, after, to, ticks, wake_at)

    async def list_ticks(
        self,
        id: str | None,
        limit: int | None = 100,
        *,
        after: float | None = None,
        before: float | None = None,
        decisions: Collection[Decision] | None = None,
    ) -> Sequence[TickRecord]:
        await trio.lowlevel.checkpoint()
        found = [
            record
            for record in self._schedules.list(id)
            if (after is None or record.at > after)
            and (before is None or record.at < before)
            and (decisions is None or record.decision in decisions)
        ]
        return found[:limit]

    async def prune_ticks(self, id: str, before: float) -> int:
        await trio.lowlevel.checkpoint()
        return self._schedules.prune(id, before)

    async def wake(self, after: float) -> float | None:
        await trio.lowlevel.checkpoint()
        hints = [schedule.wake_at for schedule in self._schedules.schedules.values()]
        return min((hint for hint in hints if hint is not None and hint > after), default=None)
