"""The store: each method is a transaction in a thread."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Self, TypeVar

import attrs
import trio
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from trioflow.abc import Append, Entry, Store, StoredRun
from trioflow.errors import JournalConflictError, StoreError
from trioflow.events import RunStatus
from trioflow_sql import SCHEMES, queries
from trioflow_sql.appending import append_all
from trioflow_sql.database import PATIENCE, READERS, Database, batches, transact
from trioflow_sql.migrations import migrate
from trioflow_sql.postgresql import Postgresql
from trioflow_sql.sqlite import Sqlite
from trioflow_sql.texts import is_storable

T = TypeVar("T")

PRUNED_AT_ONCE = 50
"""How many runs one transaction deletes, so that writers do not have to wait for all."""


class SqlStore(Store):
    """Keeps journals in SQLite or PostgreSQL.

    Args:
      url: ``sqlite:runs.db`` (relative to the working directory), ``sqlite:///var/runs.db``,
        or ``postgresql://user:password@host:5432/database``, with any parameter of libpq
        behind a question mark.
      patience: Seconds to wait for a lock that somebody else holds.

    Raises:
      StoreError: if the URL says nothing that can be opened.

    All methods work in threads, under limiters of the store's own: one thread that writes,
    four that read. A connection that was lost while it was idle is replaced without a word.

    **Cancellation**: threads are not abandoned. A method that raises `trio.Cancelled` has
    done nothing (`prune` may have deleted some of the runs), and one that has begun returns
    as if nothing were. So it may take *patience*, or what the database needs, to be noticed.
    """

    def __init__(self, url: str, *, patience: float = PATIENCE) -> None:
        self._database = database_for(url, patience)
        self._engines: Engines | None = None
        self._reading = trio.CapacityLimiter(READERS)
        self._writing = trio.CapacityLimiter(1)

    def __repr__(self) -> str:
        return f"<SqlStore {self._database.name}>"

    async def __aenter__(self) -> Self:
        """Connect, and make the tables or bring them up to date.

        Raises:
          StoreError: if that cannot be done, or the store is open.
        """
        if self._engines is not None:
            raise StoreError(self._database.name, "is open already; make another store for it")
        self._engines = await self._in_thread(partial(connect, self._database), self._writing)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Disconnect.

        **Cancellation**: has to wait for it.
        """
        engines, self._engines = self._engines, None
        if engines is not None:
            with trio.CancelScope(shield=True):
                # In a thread, because the last one to leave a file of SQLite tidies it up.
                await self._in_thread(engines.dispose, self._writing)

    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        return await self._write(partial(append_all, self._database, appends))

    async def read(self, run_id: str, after: int = -1, limit: int = 1000) -> Sequence[Entry]:
        if not is_storable(run_id):
            return await _there_are(())
        return await self._read(partial(queries.read_entries, run_id, after, limit))

    async def get(self, run_id: str) -> StoredRun | None:
        if not is_storable(run_id):
            return await _there_are(None)
        return await self._read(partial(queries.get_run, run_id))

    async def list_runs(
        self,
        *,
        status: Collection[RunStatus] | None = None,
        workflow_id: str | None = None,
        resource_id: str | None = None,
        limit: int | None = None,
    ) -> Sequence[StoredRun]:
        if not is_storable(f"{workflow_id}{resource_id}"):
            return await _there_are(())
        return await self._read(partial(queries.list_runs, status, workflow_id, resource_id, limit))

    async def claim(self, run_id: str, owner: str, seconds: float) -> bool:
        if not is_storable(run_id + owner):
            return await _there_are(False)
        return await self._write(partial(queries.claim_run, run_id, owner, seconds))

    async def renew(self, owner: str, seconds: float) -> set[str]:
        if not is_storable(owner):
            return await _there_are(set())
        return await self._write(partial(queries.renew_runs, owner, seconds))

    async def release(self, run_id: str, owner: str) -> None:
        if not is_storable(run_id + owner):
            return await _there_are(None)
        return await self._write(partial(queries.release_run, run_id, owner))

    async def delete(self, run_id: str) -> bool:
        if not is_storable(run_id):
            return await _there_are(False)
        return await self._write(partial(queries.delete_run, run_id))

    async def prune(self, before: float) -> int:
        count = 0
        old = await self._read(partial(queries.find_old, before))
        for batch in batches(old, PRUNED_AT_ONCE):
            count += await self._write(partial(queries.prune_runs, batch, before))
        return count

    async def _read(self, work: Callable[[Connection], T]) -> T:
        return await self._in_thread(partial(transact, self._opened().reader, work), self._reading)

    async def _write(self, work: Callable[[Connection], T]) -> T:
        return await self._in_thread(partial(transact, self._opened().writer, work), self._writing)

    def _opened(self) -> Engines:
        if self._engines is None:
            raise StoreError(self._database.name, "is not open; use it with 'async with'")
        return self._engines

    async def _in_thread(self, work: Callable[[], T], limiter: trio.CapacityLimiter) -> T:
        try:
            return await trio.to_thread.run_sync(work, limiter=limiter)
        except SQLAlchemyError as error:
            raise self._database.fault(error) from error


async def _there_are(nothing: T) -> T:
    """Answer about what no database can hold."""
    await trio.lowlevel.checkpoint()
    return nothing


def database_for(url: str, patience: float) -> Database:
    """Return the database that a URL names.

    Raises:
      StoreError: if it names none.
    """
    if url.startswith("sqlite:"):
        return Sqlite(url, patience)
    if url.startswith(("postgresql:", "postgres:")):
        return Postgresql(url, patience)
    scheme = url.partition(":")[0]  # and no more of it: there may be a password
    raise StoreError(scheme, f"is none of ours; a URL begins with one of {', '.join(SCHEMES)}")


@attrs.frozen
class Engines:
    """Two ways to use the same connections."""

    reader: Engine
    writer: Engine

    def dispose(self) -> None:
        """Close all connections."""
        self.writer.dispose()


def connect(database: Database) -> Engines:
    """Return engines of a database that has all our tables.

    Raises:
      StoreError: if the driver is missing, or the database is not fit.
      SQLAlchemyError: if it cannot be reached or changed.
    """
    try:
        engine = database.make_engine()
    except ImportError as error:
        problem = f"{error.name} is missing; pip install 'trioflow-sql[postgresql]'"
        raise StoreError(database.name, problem) from error
    reader = engine.execution_options(**database.reading)
    writer = engine.execution_options(**database.writing)
    try:
        with reader.connect() as connection:
            database.prepare(connection)
        migrate(database, reader, writer)
    except BaseException:
        engine.dispose()
        raise
    return Engines(reader, writer)
