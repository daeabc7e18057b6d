"""The methods of the store for schedules."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

import trio

from trioflow.abc import Decision, ScheduleStore, StoredSchedule, TickRecord
from trioflow_sql import scheduling
from trioflow_sql.access import Access
from trioflow_sql.database import Database
from trioflow_sql.texts import is_storable


class SqlSchedules(ScheduleStore):
    """Keeps schedules in the tables of a database."""

    _access: Access
    _database: Database

    async def now(self) -> float:
        if not self._database.has_own_clock:
            return await super().now()
        return await self._access.read(scheduling.server_time)

    async def put_schedules(
        self, changes: Sequence[tuple[StoredSchedule, int | None]]
    ) -> Sequence[bool]:
        return await self._access.write(partial(scheduling.put_all, self._database, changes))

    async def get_schedule(self, id: str) -> StoredSchedule | None:
        if not is_storable(id):
            await trio.lowlevel.checkpoint()
            return None
        return await self._access.read(partial(scheduling.get, id))

    async def list_schedules(self) -> Sequence[StoredSchedule]:
        return await self._access.read(scheduling.list_all)

    async def delete_schedule(self, id: str) -> bool:
        if not is_storable(id):
            await trio.lowlevel.checkpoint()
            return False
        return await self._access.write(partial(scheduling.remove, id))

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
        work = partial(scheduling.advance, self._database, id, version, after, to, ticks, wake_at)
        try:
            return await self._access.write(work)
        except scheduling.TickStartedError:
            return False

    async def list_ticks(
        self,
        id: str | None,
        limit: int | None = 100,
        *,
        after: float | None = None,
        before: float | None = None,
        decisions: Collection[Decision] | None = None,
    ) -> Sequence[TickRecord]:
        if id is not None and not is_storable(id):
            await trio.lowlevel.checkpoint()
            return ()
        work = partial(scheduling.list_ticks, id, limit, after, before, decisions)
        return await self._access.read(work)

    async def prune_ticks(self, id: str, before: float) -> int:
        return await self._access.write(partial(scheduling.prune, id, before))

    async def wake(self, after: float) -> float | None:
        return await self._access.read(partial(scheduling.wake, after))
