"""The part of the store that workers need."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial

import trio

from trioflow.abc import StoredOwner, StoredQueue, StoredRun, WorkStore
from trioflow_sql import taking
from trioflow_sql.access import Access
from trioflow_sql.attending import Attendance
from trioflow_sql.database import Database
from trioflow_sql.taking import Wish
from trioflow_sql.texts import is_storable


class SqlQueues(WorkStore):
    """Claims the next runs of queues, and lists queues and owners."""

    _database: Database
    _access: Access
    _attendance: Attendance

    async def claim_next(
        self,
        owner: str,
        seconds: float,
        *,
        workflows: Mapping[str, str],
        queues: Collection[str],
        now: float,
        limit: int,
        skipped: Collection[str] = (),
        held: Collection[str] | None = None,
    ) -> Sequence[StoredRun]:
        if not is_storable(owner):
            await trio.lowlevel.checkpoint()
            return ()
        wish = Wish(
            owner=owner,
            seconds=seconds,
            workflows=workflows,
            queues=queues,
            now=now,
            limit=limit,
            skipped=skipped,
            held=held,
        )
        return await self._attendance.claim_next(wish.storable())

    async def wait_runs(self, owner: str) -> None:
        await self._attendance.wait_runs(owner)

    async def list_owners(self) -> Sequence[StoredOwner]:
        return await self._access.read(partial(taking.list_owners, self._database))

    async def list_queues(self) -> Sequence[StoredQueue]:
        return await self._access.read(taking.list_queues)
