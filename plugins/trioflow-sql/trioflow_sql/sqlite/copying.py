"""Shrink a file, and copy it while it is in use."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine

from trioflow.errors import StoreError
from trioflow_sql.database import transact

PAGES = 500
"""Number of pages that one transaction frees, so that writers do not wait for all of them."""
MANY = 250
"""Minimum number of free pages for shrinking after a deleted run: one megabyte."""


def shrink(writer: Engine, worth: int) -> None:
    """Return free pages to the system if there are at least *worth* of them."""
    if transact(writer, _count_free) < max(worth, 1):
        return
    while transact(writer, _give_back):
        pass
    pooled = writer.raw_connection()
    try:
        # A checkpoint of the log truncates the file. If readers prevent it, a later
        # automatic checkpoint does.
        connection: Any = pooled.driver_connection
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        pooled.close()


def _count_free(connection: Connection) -> int:
    free: int = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
    return free


def _give_back(connection: Connection) -> int:
    connection.begin()  # waits for other writers
    driver: Any = connection.connection.driver_connection
    driver.execute(f"PRAGMA incremental_vacuum({PAGES})").fetchall()  # each row frees a page
    return _count_free(connection)


def copy(name: str, reader: Engine, path: Path, is_spoiled: Callable[[], bool]) -> None:
    """Write the current content of the file to a new file.

    Args:
      is_spoiled: Called after each copy; returns whether the copy must be repeated.

    Raises:
      StoreError: if the new file exists or cannot be written.
    """
    try:
        path.open("x").close()
    except OSError as error:
        raise StoreError(name, f"cannot be copied to {path}: {error.strerror}") from error
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        while True:
            unfinished.unlink(missing_ok=True)
            transact(reader, partial(_copy, unfinished))
            if not is_spoiled():
                break
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException as error:
        unfinished.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StoreError(name, f"cannot be copied to {path}: {error.strerror}") from error
        raise


def _copy(path: Path, connection: Connection) -> None:
    connection.exec_driver_sql("VACUUM INTO ?", (str(path),))
