"""The store: each method is a transaction in a thread."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Self, TypeVar

import trio
from sqlalchemy import Connection

from trioflow.abc import (
    Append,
    Entry,
    Request,
    RunFilter,
    Store,
    StoredRun,
    parse_cursor,
)
from trioflow.errors import JournalConflictError, StoreError, UnknownRunError
from trioflow.events import FINISHED_STATUSES, RunStatus
from trioflow_sql import claims, inbox, queries, removing
from trioflow_sql.bells import Listener
from trioflow_sql.database import PATIENCE, READERS, Presence, batches
from trioflow_sql.opening import Opened, connect, database_for
from trioflow_sql.texts import are_storable, check_storable, is_storable
from trioflow_sql.threads import NoThreadError, WriterThread, read_in_thread

T = TypeVar("T")

GRACE = 3.0
"""Seconds in which the session of an owner that was lost has to be there again."""
PRUNED_AT_ONCE = 50
"""How many runs one transaction deletes, so that writers do not have to wait for all."""

logger = logging.getLogger("trioflow")


class SqlStore(Store):
    """Keeps journals in SQLite or PostgreSQL.

    Args:
      url: ``sqlite:runs.db`` (relative to the working directory), ``sqlite:///var/runs.db``,
        or ``postgresql://user:password@host:5432/database``, with any parameter of libpq
        behind a question mark, and ``reconnect_grace``.
      patience: Seconds to wait for a lock that somebody else holds.
      reconnect_grace: PostgreSQL only: seconds after which the claims of a process are free
        whose session is gone, since a cut connection is no dead process. What the URL says
        counts more.

    Raises:
      StoreError: if the URL says nothing that can be opened.

    All methods work in threads: one of the store's own that writes, and up to four that read.
    A connection that was lost while it was idle is replaced without a word.

    **Cancellation**: threads are not abandoned. A method that raises `trio.Cancelled` has
    done nothing (`prune` may have deleted some of the runs), and one that has begun returns
    as if nothing were. So it may take *patience*, or what the database needs, to be noticed.
    """

    def __init__(
        self, url: str, *, patience: float = PATIENCE, reconnect_grace: float = GRACE
    ) -> None:
        self._source = (url, patience, reconnect_grace)
        self._database = database_for(url, patience, reconnect_grace)
        self._open: Opened | None = None
        self._listeners: dict[str, Listener] = {}
        self._reading = trio.CapacityLimiter(READERS)
        self._writer = WriterThread()

    def __repr__(self) -> str:
        return f"<SqlStore {self._database.name}>"

    @property
    def is_read_only(self) -> bool:
        return self._database.read_only

    def read_only(self) -> SqlStore:
        url, patience, grace = self._source
        store = SqlStore(url, patience=patience, reconnect_grace=grace)
        store._database = database_for(url, patience, grace, read_only=True)
        return store

    async def __aenter__(self) -> Self:
        """Connect, and make the tables or bring them up to date.

        Raises:
          StoreError: if that cannot be done, or the store is open.
        """
        if self._open is not None:
            raise StoreError(self._database.name, "is open already; make another store for it")
        writer = WriterThread()
        with self._faults():
            writer.start()
            try:
                self._open = await writer.run(partial(connect, self._database))
            except BaseException:
                writer.stop()
                raise
        self._writer = writer
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Disconnect.

        **Cancellation**: has to wait for it.
        """
        opened, self._open = self._open, None
        if opened is not None:
            with trio.CancelScope(shield=True), self._faults():
                # In the thread, because the last one to leave a file of SQLite tidies it up.
                try:
                    await self._writer.run(opened.close)
                finally:
                    self._writer.stop()

    # ------------------------------------------------------------ journals
    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        opened = self._opened()
        with self._faults():
            return await self._writer.run(partial(opened.append, appends))

    async def read(self, run_id: str, after: int = -1, limit: int = 1000) -> Sequence[Entry]:
        if not is_storable(run_id):
            return await _there_are(())
        return await self._read(partial(queries.read_entries, run_id, after, limit))

    # ------------------------------------------------------------ runs
    async def get(self, run_id: str) -> StoredRun | None:
        if not is_storable(run_id):
            return await _there_are(None)
        return await self._read(partial(queries.get_run, self._database, run_id))

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
        return await self._read(
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
        return await self._read(partial(queries.count_runs, chosen))

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
        return await self._read(look)

    async def delete(self, run_id: str) -> bool:
        if not is_storable(run_id):
            return await _there_are(False)
        deleted = await self._write(partial(removing.delete_run, run_id))
        if deleted:
            await self._shrink(thoroughly=False)
        return deleted

    async def prune(self, before: float, status: Collection[RunStatus] | None = None) -> int:
        self._opened().check_writable()
        chosen = FINISHED_STATUSES if status is None else status
        count = 0
        old = await self._read(partial(removing.find_old, self._database, before, chosen))
        for batch in batches(old, PRUNED_AT_ONCE):
            work = partial(removing.prune_runs, self._database, batch, before, chosen)
            count += await self._write(work)
        if count:
            await self._shrink(thoroughly=True)
        return count

    # ------------------------------------------------------------ claims
    def open_owner(self, owner: str) -> AbstractAsyncContextManager[None]:
        return self._open_owner(owner)

    @asynccontextmanager
    async def _open_owner(self, owner: str) -> AsyncGenerator[None, None]:
        listener = Listener(trio.lowlevel.current_trio_token())
        opened = self._opened()
        if self._database.read_only or not is_storable(owner):
            raise StoreError(self._database.name, f"owner {owner!r} can have no claims here")
        if owner in self._listeners:
            raise StoreError(self._database.name, f"owner {owner!r} is open already")
        with self._faults():
            listener.presence = await self._writer.run(
                partial(self._database.open_presence, owner, listener.ring, opened.writer)
            )
        self._listeners[owner] = listener
        try:
            yield
        finally:
            del self._listeners[owner]
            with trio.CancelScope(shield=True):
                await self._leave(owner, listener)

    async def _leave(self, owner: str, listener: Listener) -> None:
        try:
            await self._write(partial(claims.release_all, owner))
        except StoreError as error:  # it will be seen that the owner is gone
            logger.warning("claims of %s not given back: %s", owner, error)
        finally:
            await self._writer.run(listener.presence.close)

    async def claim(self, run_id: str, owner: str, seconds: float) -> bool:
        if not is_storable(run_id + owner):
            return await _there_are(False)
        return await self._write(partial(claims.claim_run, self._database, run_id, owner, seconds))

    async def renew(self, owner: str, seconds: float) -> set[str]:
        if not is_storable(owner):
            return await _there_are(set())
        return await self._write(partial(claims.renew_runs, owner, seconds))

    async def release(self, run_id: str, owner: str) -> None:
        if not is_storable(run_id + owner):
            return await _there_are(None)
        return await self._write(partial(claims.release_run, run_id, owner))

    # ------------------------------------------------------------ requests
    async def post_request(self, request: Request) -> Request:
        if not is_storable(request.run_id):
            await trio.lowlevel.checkpoint()
            raise UnknownRunError(request.run_id)
        check_storable(request)
        posted = await self._write(partial(inbox.post_request, self._database, request))
        for listener in self._listeners.values():  # whoever is here need not wait for a look
            listener.wake()
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
        take = partial(inbox.take_requests, owner, wanted, after, limit)
        listener = self._listeners.get(owner)
        if listener is None or run_ids is not None or after > 0:
            return await self._read(take)
        listener.mute()  # what is posted from now on rings again
        found: Sequence[Request] | None = None
        try:
            found = await self._read(partial(_attended, listener.presence, take))
        finally:
            if found is None or len(found) >= limit:  # there is something that nobody has got
                listener.wake()
        return found

    async def wait_requests(self, owner: str) -> None:
        self._opened()
        if owner not in self._listeners:
            problem = f"owner {owner!r} is not open here; use open_owner()"
            raise StoreError(self._database.name, problem)
        listener = self._listeners[owner]
        while not await listener.rings():
            if await self._look(listener.presence.look):
                return

    # ------------------------------------------------------------ housekeeping
    async def backup(self, path: str | PathLike[str]) -> None:
        """Make a consistent copy of a live SQLite database, in a new file.

        Others may go on writing meanwhile; what they have committed before this was called is
        in the copy. It can be opened like the original.

        Raises:
          StoreError: if the file exists or cannot be written, or for PostgreSQL, which has
            ``pg_dump``.

        **Cancellation**: is noticed when the copy is complete.
        """
        copy = partial(self._database.copy, self._opened().reader, Path(path))
        await self._look(copy)

    async def _shrink(self, thoroughly: bool) -> None:
        opened = self._opened()
        with self._faults():
            await self._writer.run(partial(opened.shrink, thoroughly))

    async def _read(self, work: Callable[[Connection], T]) -> T:
        return await self._look(partial(self._opened().read, work))

    async def _look(self, work: Callable[[], T]) -> T:
        with self._faults():
            return await read_in_thread(work, self._reading)

    async def _write(self, work: Callable[[Connection], T]) -> T:
        opened = self._opened()
        with self._faults():
            return await self._writer.run(partial(opened.write, work))

    def _opened(self) -> Opened:
        if self._open is None:
            raise StoreError(self._database.name, "is not open; use it with 'async with'")
        return self._open

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Raise what goes wrong in the database as what stores raise."""
        try:
            yield
        except NoThreadError as error:
            problem = f"has no thread to work in: {error}"
            raise StoreError(self._database.name, problem, transient=True) from error
        except Exception as error:
            fault = self._database.fault(error)
            if fault is None:
                raise
            raise fault from error


def _attended(
    presence: Presence, take: Callable[[Connection], Sequence[Request]], connection: Connection
) -> Sequence[Request]:
    """Take requests in a thread."""
    presence.taking()
    return take(connection)


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
    """Answer about what no database can hold."""
    await trio.lowlevel.checkpoint()
    return nothing
