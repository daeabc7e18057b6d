"""SQLite: a file that several processes of one machine may use at once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError, OperationalError

from trioflow.errors import StoreError
from trioflow_sql.database import CONNECTIONS, Database, Diagnosis, first_line

TRANSIENT = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_INTERRUPT,
}

REMEDIES = {
    sqlite3.SQLITE_BUSY: "others keep writing; try again later",
    sqlite3.SQLITE_CANTOPEN: "does its folder exist, and may we write there?",
    sqlite3.SQLITE_CORRUPT: "go on with a copy from before it was damaged",
    sqlite3.SQLITE_FULL: "make room and try again",
    sqlite3.SQLITE_NOTADB: "name another file",
    sqlite3.SQLITE_READONLY: "may we write to the file and to its folder?",
}

TURN = 20
"""Milliseconds after which a writer that waits for the lock asks as often as at first."""

SETTINGS = (
    # In WAL mode less than FULL may lose the last transactions when the power fails.
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",  # macOS leaves data in the drive's cache otherwise
    "PRAGMA foreign_keys = ON",
)


class Sqlite(Database):
    """A file. Readers do not wait for the writer, nor the writer for readers."""

    reading: Mapping[str, Any] = MappingProxyType({})
    writing: Mapping[str, Any] = MappingProxyType({"trioflow_writes": True})
    ddl = MappingProxyType({"text": "TEXT", "integer": "INTEGER", "real": "REAL"})

    def __init__(self, url: str, patience: float) -> None:
        super().__init__(url, patience)
        self.path = Path(path_of(url)).absolute()

    def make_engine(self) -> Engine:
        engine = create_engine(
            URL.create("sqlite", database=str(self.path)),
            poolclass=QueuePool,
            pool_size=CONNECTIONS,
            max_overflow=0,
            connect_args={"timeout": self.patience, "check_same_thread": False},
            hide_parameters=True,
        )
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", self._begin)
        return engine

    def prepare(self, connection: Connection) -> None:
        # Two that change the mode of a new file at once do not wait for each other.
        self._insist(connection, "PRAGMA journal_mode = WAL", pause=0.02)

    def _begin(self, connection: Connection) -> None:
        if not connection.get_execution_options().get("trioflow_writes"):
            return
        # SQLite asks ten times a second after a while. Between the transactions of somebody who
        # keeps writing the lock is free for a moment only, which would be missed again and again.
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {TURN}")
        try:
            self._insist(connection, "BEGIN IMMEDIATE")
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {self.patience * 1000:.0f}")

    def _insist(self, connection: Connection, statement: str, pause: float = 0) -> None:
        """Execute a statement, again and again while somebody else is in the way."""
        deadline = time.monotonic() + self.patience
        while True:
            try:
                connection.exec_driver_sql(statement)
            except OperationalError as error:
                if not self.diagnose(error).transient or time.monotonic() > deadline:
                    raise
                time.sleep(pause)
            else:
                return

    def lock_schema(self, connection: Connection) -> None:
        pass  # the only writer

    def insert(self, table: Any) -> sqlite.Insert:
        return sqlite.insert(table)

    def diagnose(self, error: DBAPIError) -> Diagnosis:
        # The upper bytes say where it happened; the lowest one says what.
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        problem = first_line(error.orig or error)
        if code in REMEDIES:
            problem += f"; {REMEDIES[code]}"
        return Diagnosis(problem, code in TRANSIENT)


def path_of(url: str) -> str:
    """Return the path in ``sqlite:runs.db``, ``sqlite:/var/runs.db`` or ``sqlite:///var/runs.db``.

    Raises:
      StoreError: if there is none.
    """
    path = url.partition(":")[2]
    if path.strip("/") in ("", ":memory:"):
        raise StoreError(url, "names no file; write sqlite:runs.db, or memory: to keep nothing")
    if path.startswith("//") and not path.startswith("///"):
        raise StoreError(url, "a file has no host; write sqlite:runs.db or sqlite:///var/runs.db")
    return path.removeprefix("//")


def _set_up(connection: sqlite3.Connection, record: object) -> None:
    # The driver must not begin transactions by itself: it would do so too late, and without
    # the lock, so that two that have read both want to write and one of them has to fail.
    connection.isolation_level = None
    for setting in SETTINGS:
        connection.execute(setting).close()
