"""Waiting for the lock for writing, and what the driver says when something is wrong."""

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
    sqlite3.SQLITE_BUSY: "others keep writing; try again later",
    sqlite3.SQLITE_CANTOPEN: "does its folder exist, and may we write there?",
    sqlite3.SQLITE_CORRUPT: "go on with a copy from before it was damaged",
    sqlite3.SQLITE_FULL: "make room and try again",
    sqlite3.SQLITE_NOTADB: "name another file",
    sqlite3.SQLITE_READONLY: "may we write to the file and to its folder?",
}


def take_lock(connection: sqlite3.Connection, patience: float) -> None:
    """Begin a transaction with the lock for writing.

    Waiting itself, SQLite soon asks ten times a second only. Between the transactions of
    somebody who keeps writing the lock is free for a moment, which would be missed again and
    again, so this asks about once in a millisecond all the time. The connection must not wait
    by itself.

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
        time.sleep(random.uniform(0.0002, 0.001))  # or two could miss it in step
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError as error:
            if code_of(error) not in BUSY or time.monotonic() > deadline:
                raise


def diagnose(error: BaseException) -> Diagnosis:
    """Tell what is behind an error of the driver."""
    code = code_of(error)
    problem = first_line(error)
    if code == sqlite3.SQLITE_CANTOPEN and not can_open_files():
        return Diagnosis(f"{problem}; this process has too many files open", True)
    if code in REMEDIES:
        problem += f"; {REMEDIES[code]}"
    return Diagnosis(problem, code in TRANSIENT)


def code_of(error: BaseException | None) -> int:
    """Return what SQLite says has happened; the upper bytes of its codes say where."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def can_open_files() -> bool:
    """Tell whether this process may open one more file."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return False
    return True
