"""The store: each method is a transaction in a thread."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Self, TypeVar

import trio

from trioflow.abc import (
    Append,
    Entry,
    Request,
    RunFilter,
    StoredRun,
    parse_cursor,
)
from trioflow.errors import JournalConflictError, UnknownRunError
from trioflow.events import FINISHED_STATUSES, RunStatus
from trioflow_sql import claims, inbox, queries, removing
from trioflow_sql.access import Access
from trioflow_sql.attending import Attendance
from trioflow_sql.database import PATIENCE, Database, batches
from trioflow_sql.lines import SqlPlaces
from trioflow_sql.opening import database_for
from trioflow_sql.queues import SqlQueues
from trioflow_sql.schedules import SqlSchedules
from trioflow_sql.texts import are_storable, check_storable, is_storable

T = TypeVar("T")

GRACE = 3.0
"""Default for the seconds in which an owner must replace a lost session."""
PRUNED_AT_ONCE = 50
"""Number of runs that one transaction deletes, so that writers do not wait for all of them."""


class SqlStore(SqlQueues, SqlPlaces, SqlSchedules):
    """Saves journals in SQLite or PostgreSQL.

    Args:
      url: ``sqlite:runs.db`` (relative to the working directory), ``sqlite:///var/runs.db``,
        or ``postgresql://user:password@host:5432/database``. The query of a PostgreSQL URL
        takes all parameters of libpq, and ``reconnect_grace``.
      patience: Seconds to wait for a lock that another process holds.
      reconnect_grace: PostgreSQL only: seconds after which the claims of a process without
        a session are released. Until then the process may only have lost its connection.
        The value in the URL takes precedence.

    Raises:
      StoreError: if the URL is invalid.

    All methods work in threads: one writer thread, and up to four reader threads.
    A connection that was lost while idle is replaced transparently.

    **Cancellation**: threads are not abandoned. A method that raises `trio.Cancelled` had
    no effect (`prune` may have deleted some of the runs); one that has started completes
    normally. So a cancellation is noticed after at most *patience* seconds plus the time
    that the database needs.
    """

    def __init__(
        self, url: str, *, patience: float = PATIENCE, reconnect_grace: float = GRACE
    ) -> None:
        self._source = (url, patience, reconnect_grace)
        self._use(database_for(url, patience, reconnect_grace))

    def _use(self, database: Database) -> None:
        self._database = database
        self._access = Access(database)
        self._attendance = Attendance(self._access)

    def __repr__(self) -> str:
        return f"<SqlStore {self._database.name}>"

    @property
    def is_read_only(self) -> bool:
        return self._database.read_only

    def read_only(self) -> SqlStore:
        url, patience, grace = self._source
        store = SqlStore(url, patience=patience, reconnect_grace=grace)
        store._use(database_for(url, patience, grace, read_only=True))
        return store

    async def __aenter__(self) -> Self:
        """Connect, and create or migrate the tables.

        Raises:
          StoreError: if this fails, or the store is already open.
        """
        await self._access.open()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Disconnect.

        **Cancellation**: shielded; noticed afterwards.
        """
        await self._access.close()

    # ------------------------------------------------------------ journals
    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        return await self._access.append(appends)

    async def read(self, run_id: str, after: int = -1, limit: int = 1000) -> Sequence[Entry]:
        if not is_storable(run_id):
            return await _there_are(())
        return await self._access.read(partial(queries.read_entries, run_id, after, limit))

    # ------------------------------------------------------------ runs
    async def get(self, run_id: str) -> StoredRun | None:
        if not is_storable(run_id):
            return await _there_are(None)
        return await self._access.read(partial(queries.get_run, self._database, run_id))

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
        chosen = _chosen(status, workflow_id, resource_id, tags, since, before)
        if cursor is not None:
            parse_cursor(cursor)
        if not are_storable([workflow_id, resource_id, cursor, *tags]):
            return await _there_are(())
        return await self._access.read(
            partial(queries.list_runs, self._database, chosen, limit, offset, cursor)
        )

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
        chosen = _chosen(status, workflow_id, resource_id, tags, since, before)
        if not are_storable([workflow_id, resource_id, *tags]):
            return await _there_are(0)
        return await self._access.read(partial(queries.count_runs, chosen))

    async def list_claimable(
        self,
        *,
        workflow_ids: Collection[str] | None = None,
        now: float,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Sequence[StoredRun]:
        wanted = None if workflow_ids is None else list(filter(is_storable, workflow_ids))
        if cursor is not None:
            parse_cursor(cursor)
        look = partial(claims.list_claimable, self._database, wanted, now, limit, cursor)
        return await self._access.read(look)

    async def delete(self, run_id: str) -> bool:
        if not is_storable(run_id):
            return await _there_are(False)
        deleted = await self._access.write(partial(removing.delete_run, run_id))
        if deleted:
            await self._shrink(thoroughly=False)
        return deleted

    async def prune(self, before: float, status: Collection[RunStatus] | None = None) -> int:
        self._access.opened.check_writable()
        chosen = FINISHED_STATUSES if status is None else status
        count = 0
        old = await self._access.read(partial(removing.find_old, self._database, before, chosen))
        for batch in batches(old, PRUNED_AT_ONCE):
            work = partial(removing.prune_runs, self._database, batch, before, chosen)
            count += await self._access.write(work)
        if count:
            await self._shrink(thoroughly=True)
        return count

    # ------------------------------------------------------------ claims
    def open_owner(self, owner: str) -> AbstractAsyncContextManager[None]:
        return self._attendance.open_owner(owner)

    async def claim(self, run_id: str, owner: str, seconds: float) -> bool:
        if not is_storable(run_id + owner):
            return await _there_are(False)
        return await self._access.write(
            partial(claims.claim_run, self._database, run_id, owner, seconds)
        )

    async def renew(self, owner: str, seconds: float) -> set[str]:
        if not is_storable(owner):
            return await _there_are(set())
        return await self._access.write(partial(claims.renew_runs, owner, seconds))

    async def release(self, run_id: str, owner: str) -> None:
        if not is_storable(run_id + owner):
            return await _there_are(None)
        return await self._access.write(partial(claims.release_run, run_id, owner))

    # ------------------------------------------------------------ requests
    async def post_request(self, request: Request) -> Request:
        if not is_storable(request.run_id):
            await trio.lowlevel.checkpoint()
            raise UnknownRunError(request.run_id)
        check_storable(request)
        posted = await self._access.write(partial(inbox.post_request, self._database, request))
        self._attendance.wake()  # owners in this store need not wait for the next poll
        return posted

    async def take_requests(
        self,
        owner: str,
        *,
        run_ids: Collection[str] | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Sequence[Request]:
        if not is_storable(owner):
            return await _there_are(())
        wanted = None if run_ids is None else list(filter(is_storable, run_ids))
        return await self._attendance.take(owner, wanted, after, limit)

    async def wait_requests(self, owner: str) -> None:
        await self._attendance.wait(owner)

    # ------------------------------------------------------------ housekeeping
    async def backup(self, path: str | PathLike[str]) -> None:
        """Write a consistent copy of a live SQLite database to a new file.

        Other processes may write meanwhile. The copy contains everything that was committed
        before the call, and can be opened like the original.

        Raises:
          StoreError: if the file exists or cannot be written, or for PostgreSQL (use
            ``pg_dump``).

        **Cancellation**: noticed when the copy is complete.
        """
        copy = partial(self._database.copy, self._access.opened.reader, Path(path))
        await self._access.look(copy)

    async def _shrink(self, thoroughly: bool) -> None:
        await self._access.call(partial(self._access.opened.shrink, thoroughly))


def _chosen(
    status: Collection[RunStatus] | None,
    workflow_id: str | None,
    resource_id: str | None,
    tags: Collection[str],
    since: float | None,
    before: float | None,
) -> RunFilter:
    return RunFilter(
        status=status,
        workflow_id=workflow_id,
        resource_id=resource_id,
        tags=tags,
        since=since,
        before=before,
    )


async def _there_are(nothing: T) -> T:
    """Return the answer for a value that a database cannot store."""
    await trio.lowlevel.checkpoint()
    return nothing
