"""SQLite: a file that several processes of one machine may use at once."""

from __future__ import annotations

import random
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

LONGEST = 2**31 - 1
"""Milliseconds that SQLite can wait at most."""

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
            connect_args={
                "timeout": min(self.patience, LONGEST // 1000),
                "check_same_thread": False,
            },
            hide_parameters=True,
        )
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", self._begin)
        return engine

    def prepare(self, connection: Connection) -> None:
        deadline = time.monotonic() + self.patience
        while True:
            try:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            except OperationalError as error:
                # Two that change the mode of a new file at once do not wait for each other.
                if not self.diagnose(error).transient or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                return

    def _begin(self, connection: Connection) -> None:
        if connection.get_execution_options().get("trioflow_writes"):
            driver: Any = connection.connection.dbapi_connection
            driver.execute("PRAGMA busy_timeout = 0")
            try:
                if not take_lock(driver, self.patience):
                    connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises what SQLAlchemy does
            finally:
                driver.execute(f"PRAGMA busy_timeout = {min(self.patience * 1000, LONGEST):.0f}")

    def lock_schema(self, connection: Connection) -> None:
        pass  # the only writer

    def insert(self, table: Any) -> sqlite.Insert:
        return sqlite.insert(table)

    def diagnose(self, error: DBAPIError) -> Diagnosis:
        code = code_of(error.orig)
        problem = first_line(error.orig or error)
        if code in REMEDIES:
            problem += f"; {REMEDIES[code]}"
        return Diagnosis(problem, code in TRANSIENT)


def code_of(error: BaseException | None) -> int:
    """Return what SQLite says has happened; the upper bytes of its codes say where."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def take_lock(connection: sqlite3.Connection, patience: float) -> bool:
    """Begin a transaction with the lock for writing; tell whether that was possible.

    Waiting itself, SQLite soon asks ten times a second only. Between the transactions of
    somebody who keeps writing the lock is free for a moment, which would be missed again and
    again, so this asks about once in a millisecond all the time.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE").close()
        except sqlite3.OperationalError as error:
            if code_of(error) not in TRANSIENT or time.monotonic() > deadline:
                return False
            time.sleep(random.uniform(0.0002, 0.001))  # or two could miss it in step
        else:
            return True


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
