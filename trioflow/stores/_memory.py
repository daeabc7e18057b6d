"""A store in memory, for tests and for runs that need not survive the process."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NoReturn

import trio

from trioflow.abc import (
    Append,
    Entry,
    Request,
    RunFilter,
    Store,
    StoredRun,
    StoredSchedule,
    parse_cursor,
)
from trioflow.errors import JournalConflictError, StoreError
from trioflow.events import FINISHED_STATUSES, RunStatus
from trioflow.stores._places import MemoryPlaces
from trioflow.stores._queues import NAME, MemoryQueues
from trioflow.stores._schedules import MemorySchedules
from trioflow.stores._shelf import Bell, Shelf


class MemoryStore(MemoryQueues, MemoryPlaces, MemorySchedules):
    """A store in memory. Several engines of one process may share it.

    It may be entered again, and still holds everything that was appended. Claims expire by
    Trio's clock, so in virtual time under `trio.testing.MockClock`. An owner cannot die without
    the store, so claims end only when they are released or expire.

    **Cancellation**: a method that raises `trio.Cancelled` has done nothing.
    """

    def __init__(self) -> None:
        self._shelf = Shelf()

    def read_only(self) -> Store:
        return _Reader(self._shelf)

    # ------------------------------------------------------------ journals
    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        await trio.lowlevel.checkpoint()
        return [self._shelf.append(append) for append in appends]

    async def read(self, run_id: str, after: int = -1, limit: int = 1000) -> Sequence[Entry]:
        await trio.lowlevel.checkpoint()
        journal = self._shelf.journals.get(run_id)
        if journal is None:
            return []
        first = bisect_right(journal.entries, after, key=lambda entry: entry.seq)
        return journal.entries[first : first + limit]

    # ------------------------------------------------------------ runs
    async def get(self, run_id: str) -> StoredRun | None:
        await trio.lowlevel.checkpoint()
        journal = self._shelf.journals.get(run_id)
        return journal.describe(self._shelf.now()) if journal else None

    async def list_runs(
        self,
        *,
        status: Collection[RunStatus] | None = None,
        workflow_id: str | None = None,
        resource_id: str | None = None,
        tags: Collection[str] = (),
        since: float | None = None,
        before: float | None = None,
        limit: int | None = None,
        offset: int = 0,
        cursor: str | None = None,
    ) -> Sequence[StoredRun]:
        await trio.lowlevel.checkpoint()
        chosen = RunFilter(
            status=status,
            workflow_id=workflow_id,
            resource_id=resource_id,
            tags=tags,
            since=since,
            before=before,
        )
        edge = None if cursor is None else parse_cursor(cursor)
        found = self._shelf.describe_all(
            lambda run: (edge is None or run.age < edge) and chosen.matches(run.header, run.status)
        )
        found.sort(key=_age, reverse=True)
        return found[offset : None if limit is None else offset + limit]

    async def count_runs(
        self,
        *,
        status: Collection[RunStatus] | None = None,
        workflow_id: str | None = None,
        resource_id: str | None = None,
        tags: Collection[str] = (),
        since: float | None = None,
        before: float | None = None,
    ) -> int:
        found = await self.list_runs(
            status=status,
            workflow_id=workflow_id,
            resource_id=resource_id,
            tags=tags,
            since=since,
            before=before,
        )
        return len(found)

    async def list_claimable(
        self,
        *,
        workflow_ids: Collection[str] | None = None,
        now: float,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Sequence[StoredRun]:
        await trio.lowlevel.checkpoint()
        edge = None if cursor is None else parse_cursor(cursor)
        found = self._shelf.describe_all(
            lambda run: (
                (edge is None or run.age > edge)
                and (workflow_ids is None or run.header.workflow_id in workflow_ids)
                and run.has_work(now)
                and run.held_for(self._shelf.now()) == 0
            )
        )
        found.sort(key=_age)
        return found[:limit]

    async def delete(self, run_id: str) -> bool:
        await trio.lowlevel.checkpoint()
        return self._shelf.journals.pop(run_id, None) is not None

    async def prune(self, before: float, status: Collection[RunStatus] | None = None) -> int:
        await trio.lowlevel.checkpoint()
        chosen, now = (FINISHED_STATUSES if status is None else status), self._shelf.now()
        old = [
            run_id
            for run_id, run in self._shelf.journals.items()
            if run.status in chosen
            and run.updated_at < before
            and (run.status in FINISHED_STATUSES or run.held_for(now) == 0)
        ]
        for run_id in old:
            del self._shelf.journals[run_id]
        return len(old)

    # ------------------------------------------------------------ claims
    def open_owner(self, owner: str) -> AbstractAsyncContextManager[None]:
        return self._open_owner(owner)

    @asynccontextmanager
    async def _open_owner(self, owner: str) -> AsyncGenerator[None, None]:
        await trio.lowlevel.checkpoint()
        self._shelf.bells[owner], self._shelf.work_bells[owner] = Bell(), Bell()
        try:
            yield
        finally:
            del self._shelf.bells[owner], self._shelf.work_bells[owner]
            for run in self._shelf.claimed_by(owner):
                run.owner = None
            self._shelf.lines.leave(owner)

    async def claim(self, run_id: str, owner: str, seconds: float) -> bool:
        await trio.lowlevel.checkpoint()
        run, now = self._shelf.journals.get(run_id), self._shelf.now()
        if run is None or (run.owner != owner and run.held_for(now) > 0):
            return False
        run.take(owner, now, seconds)
        return True

    async def renew(self, owner: str, seconds: float) -> set[str]:
        await trio.lowlevel.checkpoint()
        until = self._shelf.now() + seconds
        held = self._shelf.claimed_by(owner)
        for run in held:
            run.claimed_until = until
        self._shelf.lines.renew(owner, until)
        return {run.header.run_id for run in held}

    async def release(self, run_id: str, owner: str) -> None:
        await trio.lowlevel.checkpoint()
        run = self._shelf.journals.get(run_id)
        if run is not None and run.owner == owner:
            run.owner = None

    # ------------------------------------------------------------ requests
    async def post_request(self, request: Request) -> Request:
        await trio.lowlevel.checkpoint()
        return self._shelf.post(request)

    async def take_requests(
        self,
        owner: str,
        *,
        run_ids: Collection[str] | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Sequence[Request]:
        await trio.lowlevel.checkpoint()
        found = [
            request
            for run in self._shelf.claimed_by(owner)
            if run_ids is None or run.header.run_id in run_ids
            for request in run.requests.values()
            if request.id > after
        ]
        if owner in self._shelf.bells and run_ids is None and after == 0 and len(found) < limit:
            self._shelf.bells[owner].mute()
        return sorted(found, key=lambda request: request.id)[:limit]

    async def wait_requests(self, owner: str) -> None:
        if owner not in self._shelf.bells:
            raise StoreError(NAME, f"owner {owner!r} is not open; use open_owner()")
        await self._shelf.bells[owner].wait()


class _Reader(MemoryStore):
    """The read-only store that `MemoryStore.read_only` returns."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    @property
    def is_read_only(self) -> bool:
        return True

    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        await _refuse()

    async def delete(self, run_id: str) -> bool:
        await _refuse()

    async def prune(self, before: float, status: Collection[RunStatus] | None = None) -> int:
        await _refuse()

    @asynccontextmanager
    async def _open_owner(self, owner: str) -> AsyncGenerator[None, None]:
        await _refuse()
        yield

    async def claim(self, run_id: str, owner: str, seconds: float) -> bool:
        await _refuse()

    async def renew(self, owner: str, seconds: float) -> set[str]:
        await _refuse()

    async def release(self, run_id: str, owner: str) -> None:
        await _refuse()

    async def post_request(self, request: Request) -> Request:
        await _refuse()

    async def claim_next(self, *args: Any, **options: Any) -> Sequence[StoredRun]:
        await _refuse()

    async def join_line(self, *args: Any, **options: Any) -> bool:
        await _refuse()

    async def take_places(self, *args: Any, **options: Any) -> set[str]:
        await _refuse()

    async def leave_line(self, owner: str, tickets: Collection[str]) -> None:
        await _refuse()

    async def put_schedules(
        self, changes: Sequence[tuple[StoredSchedule, int | None]]
    ) -> Sequence[bool]:
        await _refuse()

    async def delete_schedule(self, id: str) -> bool:
        await _refuse()

    async def advance(self, id: str, **changes: Any) -> bool:
        await _refuse()

    async def prune_ticks(self, id: str, before: float) -> int:
        await _refuse()


def _age(run: StoredRun) -> tuple[float, str]:
    return run.header.created_at, run.header.run_id


async def _refuse() -> NoReturn:
    await trio.lowlevel.checkpoint()
    raise StoreError(NAME, "is open for reading only")
