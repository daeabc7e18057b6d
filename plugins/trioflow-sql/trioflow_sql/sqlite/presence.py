"""The presence of an open owner: its lock, and polling for requests."""

from __future__ import annotations

import sqlite3
import threading

from trioflow_sql.database import Presence
from trioflow_sql.sqlite.owners import OwnerLock

POLL = 0.1
"""Seconds between two polls for requests."""

CHANGES = "PRAGMA data_version"
NEWEST = "SELECT coalesce(max(id), 0) FROM trioflow_requests"
NEWS = """
    SELECT EXISTS (
      SELECT 1 FROM trioflow_requests JOIN trioflow_runs ON key = run
      WHERE id > ? AND (owner IS NULL OR owner = ?)
    )
"""
NEWEST_RUN = "SELECT coalesce(max(key), 0) FROM trioflow_runs"
NEW_WORK = """
    SELECT EXISTS (
      SELECT 1 FROM trioflow_runs
      WHERE key > ? AND owner IS NULL AND status = 'pending' AND last_seq >= 0
    )
    OR EXISTS (
      SELECT 1 FROM trioflow_requests JOIN trioflow_runs ON key = run
      WHERE id > ? AND owner IS NULL
    )
"""


class FilePresence(Presence):
    """Polls for changes of the database, and queries requests only after a change.

    It has its own connection, because ``data_version`` only shows changes by other connections.
    """

    poll = POLL

    def __init__(self, owner: str, lock: OwnerLock | None, connection: sqlite3.Connection) -> None:
        self._owner = owner
        self._lock = lock
        self._connection = connection
        self._using = threading.Lock()
        self._changes: int | None = None
        self._taken = 0
        """Id of the newest request that was seen."""
        self._work_changes: int | None = None
        self._seen = (0, 0)
        """The newest run and the newest request that were seen when looking for work."""

    def look(self) -> bool:
        with self._using:
            changes = self._ask(CHANGES)
            if changes == self._changes:
                return False
            newest = self._ask(NEWEST)
            if newest > self._taken and self._ask(NEWS, self._taken, self._owner):
                return True
            self._changes, self._taken = changes, newest
            return False

    def look_for_work(self) -> bool:
        with self._using:
            changes = self._ask(CHANGES)
            if changes == self._work_changes:
                return False
            newest, before = (self._ask(NEWEST_RUN), self._ask(NEWEST)), self._seen
            self._work_changes, self._seen = changes, newest
            return newest != before and bool(self._ask(NEW_WORK, *before))

    def taking(self) -> None:
        with self._using:
            self._taken = self._ask(NEWEST)

    def close(self) -> None:
        with self._using:
            self._connection.close()
        if self._lock is not None:
            self._lock.close()

    def _ask(self, statement: str, *values: object) -> int:
        [(answer,)] = self._connection.execute(statement, values).fetchall()
        found: int = answer
        return found
