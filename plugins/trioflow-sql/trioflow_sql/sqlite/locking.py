"""Wait for the write lock, and diagnose errors of the driver."""

from __future__ import annotations

import os
import random
import sqlite3
import time

from trioflow_sql.database import Diagnosis, first_line

BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
TRANSIENT = BUSY | {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_PROTOCOL,
}

REMEDIES = {
    sqlite3.SQLITE_BUSY: "other processes keep writing; try again later",
    sqlite3.SQLITE_CANTOPEN: "does its folder exist, and is it writable?",
    sqlite3.SQLITE_CORRUPT: "restore a backup",
    sqlite3.SQLITE_FULL: "free disk space and try again",
    sqlite3.SQLITE_IOERR: "is it a file, and does its disk work?",
    sqlite3.SQLITE_NOTADB: "use another file",
    sqlite3.SQLITE_READONLY: "are the file and its folder writable?",
}


def take_lock(connection: sqlite3.Connection, patience: float) -> None:
    """Begin a transaction with the write lock.

    SQLite's own waiting soon retries only ten times a second. While another process keeps
    writing, the lock is free for brief moments between its transactions, which SQLite would
    miss repeatedly. So this function retries about once per millisecond. The timeout of the
    connection must be zero.

    Raises:
      sqlite3.OperationalError: if it is still locked after *patience* seconds.
    """
    try:  # nearly always
        connection.execute("BEGIN IMMEDIATE")
        return
    except sqlite3.OperationalError as error:
        if code_of(error) not in BUSY:
            raise
    deadline = time.monotonic() + patience
    while True:
        time.sleep(random.uniform(0.0002, 0.001))  # jitter, so that two do not retry in lockstep
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if code_of(error) not in BUSY or time.monotonic() > deadline:
                raise


def diagnose(error: BaseException) -> Diagnosis:
    """Return the diagnosis of an error of the driver."""
    code = code_of(error)
    problem = first_line(error)
    if code == sqlite3.SQLITE_CANTOPEN and not can_open_files():
        return Diagnosis(f"{problem}; this process has too many open files", True)
    if code in REMEDIES:
        problem += f"; {REMEDIES[code]}"
    return Diagnosis(problem, code in TRANSIENT)


def code_of(error: BaseException | None) -> int:
    """Return the primary error code of SQLite, without the upper bytes of extended codes."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def can_open_files() -> bool:
    """Return whether this process may open one more file."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return False
    return True
