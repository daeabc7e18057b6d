"""Keeping a file small, and copying it while it is in use."""

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
"""How many pages one transaction gives back, so that writers do not have to wait for all."""
MANY = 250
"""From how many free pages on it is worth while after each run that is deleted: a megabyte."""


def shrink(writer: Engine, worth: int) -> None:
    """Give pages that are free back to the system, if there are at least so many."""
    if transact(writer, _count_free) < max(worth, 1):
        return
    while transact(writer, _give_back):
        pass
    pooled = writer.raw_connection()
    try:
        # The file gets shorter when the log is brought into it. If readers are in the way it
        # happens later, by itself.
        connection: Any = pooled.driver_connection
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        pooled.close()


def _count_free(connection: Connection) -> int:
    free: int = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
    return free


def _give_back(connection: Connection) -> int:
    driver: Any = connection.connection.driver_connection
    driver.execute(f"PRAGMA incremental_vacuum({PAGES})").fetchall()  # a step gives back a page
    return _count_free(connection)


def copy(name: str, reader: Engine, path: Path, is_spoiled: Callable[[], bool]) -> None:
    """Write all that is in the file now into another one.

    Args:
      is_spoiled: Called after a copy was made; tells whether it has to be made again.

    Raises:
      StoreError: if that one exists, or cannot be written.
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
