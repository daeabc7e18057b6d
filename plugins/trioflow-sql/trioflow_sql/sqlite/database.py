"""The implementation of `Database` for SQLite."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import OperationalError

from trioflow.abc import Append, StoredRun
from trioflow.errors import JournalConflictError, StoreError, StoreMissingError
from trioflow_sql.claims import OWNERS
from trioflow_sql.database import READERS, Database, Diagnosis, first_line, transact
from trioflow_sql.migrations import VERSION, check_readable, too_new
from trioflow_sql.sqlite import copying, taking
from trioflow_sql.sqlite.appending import append_all
from trioflow_sql.sqlite.clock import teach
from trioflow_sql.sqlite.locking import REMEDIES, code_of, diagnose, take_lock
from trioflow_sql.sqlite.owners import OwnerFolder
from trioflow_sql.sqlite.paths import FileWatch, has_log, is_write_protected, path_of
from trioflow_sql.sqlite.presence import FilePresence
from trioflow_sql.taking import Wish
from trioflow_sql.texts import readable

logger = logging.getLogger("trioflow")

LONGEST = 2**31 - 1
"""The maximum timeout of SQLite in milliseconds."""

SETTINGS = (
    # In WAL mode, lower levels than FULL may lose the last transactions in a power failure.
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",  # otherwise macOS leaves data in the drive's cache
    "PRAGMA foreign_keys = ON",
    # A commit that extends the log takes twice as long as one that overwrites checkpointed
    # pages of it, so checkpoints are four times as frequent as by default.
    "PRAGMA wal_autocheckpoint = 250",
)
DDL = MappingProxyType(
    {
        "text": "TEXT",
        "integer": "INTEGER",
        "real": "REAL",
        "key": "INTEGER NOT NULL PRIMARY KEY",
        "id": "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT",
        "clustered": "WITHOUT ROWID",
        "changing": "",
        "owners": "",  # they have files
    }
)
UNREADABLE = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN})
UNCLOSED = (
    "the file was not closed properly, and its log can only be read in a writable folder; "
    "copy it there, together with the file that ends in -wal"
)
VERSION_NOW = "SELECT version FROM trioflow_schema"


class Sqlite(Database):
    """A file. Readers do not wait for the writer, nor the writer for readers."""

    ddl: Mapping[str, str] = DDL

    def __init__(self, url: str, patience: float, read_only: bool = False) -> None:
        super().__init__(url, patience, read_only)
        self.path = Path(path_of(url)).absolute()
        self._watch = FileWatch(self.path, url)
        self._owners = OwnerFolder(self.path)
        self._mode = ""
        self._appender: sqlite3.Connection | None = None

    # ------------------------------------------------------------ connections
    def make_engines(self) -> tuple[Engine, Engine]:
        if self.read_only and not self.path.exists():
            raise StoreMissingError(self.name, "there is no such file")
        if not self.read_only and is_write_protected(self.path):
            logger.warning("store %s is write-protected; it is opened read-only", self.name)
            self.read_only = True
            self.refusal = f"{self.refusal}; {REMEDIES[sqlite3.SQLITE_READONLY]}"
        self._mode = "ro" if self.read_only else "rwc"
        writer = self._make_engine(1, waits=0.0)  # take_lock waits
        event.listen(writer, "begin", self._begin)
        return self._make_engine(READERS, waits=self.patience), writer

    def _make_engine(self, connections: int, waits: float) -> Engine:
        # A read-only file is checked for concurrent writers with each new connection.
        pool: dict[str, Any] = {"poolclass": NullPool}
        if not self.read_only:
            pool = {"poolclass": QueuePool, "pool_size": connections, "max_overflow": 0}
        return create_engine(
            "sqlite://", creator=lambda: self._connect(waits), hide_parameters=True, **pool
        )

    def _connect(self, waits: float) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?{self._options()}",
            uri=True,
            timeout=min(waits, LONGEST // 1000),
            check_same_thread=False,
            # The driver must not begin transactions by itself: it would do so too late and
            # without the lock. If two connections read and then write, one of them fails.
            isolation_level=None,
        )
        try:
            for setting in SETTINGS:
                connection.execute(setting).close()
            teach(connection)
            connection.text_factory = readable
        except BaseException:  # for example, the file is not a database
            connection.close()
            raise
        return connection

    def _options(self) -> str:
        if self.read_only and not has_log(self.path):
            # There is no writer. Without these options SQLite would create a log, which may
            # not be permitted, or which may hinder later writers.
            return "mode=ro&immutable=1"
        return f"mode={self._mode}"

    def prepare(self, connection: Connection) -> None:
        if self.read_only:
            check_readable(self, connection)
        else:
            self._set_up(connection)
            self._mode = "rw"  # do not create a removed file again
        self._watch.begin()

    def _set_up(self, connection: Connection) -> None:
        deadline = time.monotonic() + self.patience
        while True:
            try:
                if connection.exec_driver_sql("PRAGMA page_count").scalar_one() == 0:
                    # Has no effect if the file is not empty, but takes the lock.
                    connection.exec_driver_sql("PRAGMA auto_vacuum = INCREMENTAL")
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            except OperationalError as error:
                # Connections that concurrently set the mode of a new file do not wait.
                if not diagnose(error.orig or error).transient or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    def check(self) -> None:
        self._watch.check()

    def close(self) -> None:
        appender, self._appender = self._appender, None
        if appender is not None:
            appender.close()

    def lock_schema(self, connection: Connection) -> None:
        pass  # the only writer

    def _begin(self, connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        try:
            take_lock(driver, self.patience)
        except sqlite3.OperationalError:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises SQLAlchemy's error

    # ------------------------------------------------------------ statements
    def insert(self, table: Any) -> sqlite.Insert:
        return sqlite.insert(table)

    def append(
        self, writer: Engine, appends: Sequence[Append]
    ) -> Sequence[JournalConflictError | None]:
        # Not from the pool, whose overhead is larger than the duration of the statements.
        if self._appender is None:
            self._appender = self._connect(0.0)
        connection = self._appender
        take_lock(connection, self.patience)
        try:
            [(version,)] = connection.execute(VERSION_NOW).fetchall()
            if version != VERSION:
                raise StoreError(self.name, too_new(version))
            results = append_all(connection, appends)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return results

    def lock_line(self, connection: Connection, limit: str) -> None:
        pass  # the only writer

    def notify(self, connection: Connection, owner: str | None) -> None:
        pass  # owners poll

    def claim_next(self, reader: Engine, writer: Engine, wish: Wish) -> list[StoredRun]:
        gone = self._owners.gone
        if not transact(reader, partial(taking.may_take, wish, gone)):
            return []
        return transact(writer, partial(self._claim_next, wish))

    def _claim_next(self, wish: Wish, connection: Connection) -> list[StoredRun]:
        version = connection.exec_driver_sql(VERSION_NOW).scalar_one()
        if version != VERSION:
            raise StoreError(self.name, too_new(version))
        return taking.take(wish, self._owners.gone, connection)

    # ------------------------------------------------------------ owners
    def gone(self, connection: Connection, owners: Collection[str]) -> set[str]:
        return self._owners.gone(owners)

    def open_presence(
        self,
        owner: str,
        ring: Callable[[], None],
        ring_work: Callable[[], None],
        writer: Engine,
    ) -> FilePresence:
        needed = transact(writer, lambda connection: connection.execute(OWNERS).scalars().all())
        self._owners.tidy(needed)
        connection = self._connect(self.patience)
        try:
            return FilePresence(owner, self._owners.lock(owner), connection)
        except BaseException:
            connection.close()
            raise

    # ------------------------------------------------------------ housekeeping
    def shrink(self, writer: Engine, thoroughly: bool) -> None:
        copying.shrink(writer, 1 if thoroughly else copying.MANY)

    def copy(self, reader: Engine, path: Path) -> None:
        before = self._watch.condition()

        def is_spoiled() -> bool:
            """Return whether a file that was read without locks was written to meanwhile."""
            nonlocal before
            last, before = before, self._watch.condition()
            return self.read_only and not last.has_log and before != last

        copying.copy(self.name, reader, path, is_spoiled)

    def driver_error(self) -> type[Exception]:
        return sqlite3.Error

    def diagnose(self, error: BaseException) -> Diagnosis:
        if self.read_only and code_of(error) in UNREADABLE and has_log(self.path):
            return Diagnosis(f"{first_line(error)}; {UNCLOSED}", False)
        return diagnose(error)
