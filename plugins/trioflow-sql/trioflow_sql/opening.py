"""Open a database by its URL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import attrs
from sqlalchemy import Connection, Engine, select

from trioflow.abc import Append
from trioflow.errors import JournalConflictError, StoreError
from trioflow_sql import SCHEMES
from trioflow_sql.database import Database, transact
from trioflow_sql.migrations import VERSION, migrate, too_new
from trioflow_sql.postgresql import Postgresql
from trioflow_sql.sqlite import Sqlite
from trioflow_sql.tables import schema
from trioflow_sql.texts import unstorable

T = TypeVar("T")

VERSION_NOW = select(schema.c.version)


def database_for(url: str, patience: float, grace: float, read_only: bool = False) -> Database:
    """Return the database that a URL names.

    Raises:
      StoreError: if the scheme is unknown or the URL is invalid.
    """
    if url.startswith("sqlite:"):
        return Sqlite(url, patience, read_only)
    if url.startswith(("postgresql:", "postgres:")):
        return Postgresql(url, patience, grace, read_only)
    scheme = url.partition(":")[0]  # not the rest, which may contain a password
    raise StoreError(scheme, f"is not supported; a URL begins with one of {', '.join(SCHEMES)}")


@attrs.frozen
class Opened:
    """An open database. All methods block."""

    database: Database
    reader: Engine
    writer: Engine

    def read(self, work: Callable[[Connection], T]) -> T:
        """Call *work* in a transaction that only reads."""
        self.database.check()
        return transact(self.reader, work)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Call *work* in a transaction that may write."""

        def in_known_schema(connection: Connection) -> T:
            version = connection.execute(VERSION_NOW).scalar_one()
            if version != VERSION:
                raise StoreError(self.database.name, too_new(version))
            return work(connection)

        self.check_writable()
        done = transact(self.writer, in_known_schema)
        self.database.check()
        return done

    def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        """Append to journals."""
        self.check_writable()
        refused = [unstorable(append) for append in appends]
        sound = [append for append, reason in zip(appends, refused, strict=True) if reason is None]
        results = iter(self.database.append(self.writer, sound)) if sound else iter(())
        self.database.check()  # data in a removed file would be lost
        return [reason or next(results) for reason in refused]

    def shrink(self, thoroughly: bool) -> None:
        """Return free storage to the system: all of it, or only if there is much."""
        self.database.shrink(self.writer, thoroughly)

    def close(self) -> None:
        """Close all connections."""
        self.database.close()
        self.reader.dispose()
        self.writer.dispose()

    def check_writable(self) -> None:
        """Check that writing is allowed, and that the database is still the one that was opened.

        Raises:
          StoreError: if not.
        """
        if self.database.read_only:
            raise StoreError(self.database.name, self.database.refusal)
        self.database.check()


def connect(database: Database) -> Opened:
    """Open a database, and create or migrate the tables unless it is read-only.

    Raises:
      StoreError: if the driver is missing, or the database is not suitable.
      SQLAlchemyError: if it cannot be reached or changed.
    """
    try:
        reader, writer = database.make_engines()
    except ImportError as error:
        problem = f"{error.name} is missing; pip install 'trioflow-sql[postgresql]'"
        raise StoreError(database.name, problem) from error
    opened = Opened(database, reader, writer)
    try:
        with reader.connect() as connection:
            database.prepare(connection)
        if not database.read_only:
            migrate(database, reader, writer)
    except BaseException:
        opened.close()
        raise
    return opened
