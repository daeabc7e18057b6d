"""The schedules of a memory store."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterator, Sequence
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
        self.times: dict[str, list[float]] = {}
        """The ticks of the records of each schedule, ascending."""
        self.open: set[tuple[str, float]] = set()
        """The records that something follows."""
        self.version = 0
        self.changes = trio.lowlevel.ParkingLot()

    def put(self, schedule: StoredSchedule, if_version: int | None) -> bool:
        """Create or replace a schedule if it has the expected version."""
        known = self.schedules.get(schedule.id)
        if (known.version if known else None) != if_version:
            return False
        self.version += 1
        self.schedules[schedule.id] = attrs.evolve(schedule, version=self.version)
        self.records.setdefault(schedule.id, {})
        self.times.setdefault(schedule.id, [])
        self.changes.unpark_all()
        return True

    def delete(self, id: str) -> bool:
        """Delete a schedule with its records."""
        self.times.pop(id, None)
        self.open -= {(id, at) for at in self.records.pop(id, {})}
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
            self._keep(tick)
        self.changes.unpark_all()
        return True

    def _keep(self, record: TickRecord) -> None:
        records, key = self.records[record.schedule], (record.schedule, record.at)
        if record.at not in records:
            insort(self.times[record.schedule], record.at)
        records[record.at] = record
        if record.decision in OPEN_DECISIONS:
            self.open.add(key)
        else:
            self.open.discard(key)

    def start(self, tick: tuple[str, float]) -> bool:
        """Record that the run of a tick starts; return False if the tick is not decided."""
        record = self.records.get(tick[0], {}).get(tick[1])
        if record is None or record.decision != "decided":
            return False
        self._keep(attrs.evolve(record, decision="started"))
        return True

    def list(
        self, id: str, after: float | None, before: float | None, limit: int | None
    ) -> Iterator[TickRecord]:
        """Yield the newest records of a schedule, of ticks between two times."""
        times = self.times.get(id, [])
        first = 0 if after is None else bisect_right(times, after)
        last = len(times) if before is None else bisect_left(times, before)
        for at in times[first:last][::-1][:limit]:
            yield self.records[id][at]

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
            self.times[id].remove(at)
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

    async def put_schedules(
        self, changes: Sequence[tuple[StoredSchedule, int | None]]
    ) -> Sequence[bool]:
        await trio.lowlevel.checkpoint()
        return [self._schedules.put(schedule, version) for schedule, version in changes]

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
        shelf = self._schedules
        ids = list(shelf.schedules) if id is None else [id]
        if decisions is not None and set(decisions) <= set(OPEN_DECISIONS):
            keys = [key for key in shelf.open if id in (None, key[0])]
            found = [shelf.records[schedule][at] for schedule, at in keys]
        else:
            most = limit if decisions is None else None
            found = [each for id in ids for each in shelf.list(id, after, before, most)]
        chosen = [
            record
            for record in found
            if (after is None or record.at > after)
            and (before is None or record.at < before)
            and (decisions is None or record.decision in decisions)
        ]
        chosen.sort(key=lambda record: (record.at, record.schedule), reverse=True)
        return chosen[:limit]

    async def prune_ticks(self, id: str, before: float) -> int:
        await trio.lowlevel.checkpoint()
        return self._schedules.prune(id, before)

    async def wake(self, after: float) -> float | None:
        await trio.lowlevel.checkpoint()
        hints = [schedule.wake_at for schedule in self._schedules.schedules.values()]
        return min((hint for hint in hints if hint is not None and hint > after), default=None)

    async def wait_schedules(self) -> None:
        await self._schedules.changes.park()
