"""The session that shows other processes that an owner lives.

It holds a lock that the server releases when the session ends for any reason. The end of a
session does not prove that the process died: the connection may have been lost. So the owner
also writes, at intervals, a time until which a missing lock proves nothing, and takes the
lock again with a new session if it can. The same connection receives notifications of requests.

This runs in its own thread, because a busy Trio loop must not delay it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import Connection

from trioflow.errors import StoreError
from trioflow_sql.database import Presence
from trioflow_sql.forking import LetGoInChild

CHANNEL = "trioflow"
"""Notifies of requests; the payload is the owner that may take them, or empty."""
WORK_CHANNEL = "trioflow_work"
"""Notifies of runs that were enqueued."""
CONNECT_SECONDS = 3
"""Timeout in seconds for one attempt to reconnect."""

logger = logging.getLogger("trioflow")

SETTINGS = """
    SELECT set_config('tcp_keepalives_idle', '5', false),
           set_config('tcp_keepalives_interval', '2', false),
           set_config('tcp_keepalives_count', '3', false),
           set_config('synchronous_commit', 'off', false)
"""
LOCK = "SELECT pg_try_advisory_lock(%s)"
LIVES = """
    INSERT INTO trioflow_owners (owner, lock_key, grace, lives_until)
    VALUES (%s, %s, %s, CAST(extract(epoch FROM clock_timestamp()) AS double precision) + %s)
    ON CONFLICT (owner) DO UPDATE SET lives_until = excluded.lives_until
"""
LEAVES = "DELETE FROM trioflow_owners WHERE owner = %s"
TIDY = """
    DELETE FROM trioflow_owners
    WHERE lives_until < extract(epoch FROM clock_timestamp()) - 3600
      AND NOT EXISTS (SELECT 1 FROM trioflow_runs WHERE owner = trioflow_owners.owner)
"""


def lock_key(owner: str) -> int:
    """Return the key of the lock that an owner holds."""
    digest = hashlib.blake2b(f"trioflow owner {owner}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


class Session(Presence, LetGoInChild):
    """The session of an owner, and the thread that maintains it."""

    poll = float("inf")

    def __init__(
        self,
        owner: str,
        grace: float,
        connect: Callable[[], Connection[Any]],
        ring: Callable[[], None],
        ring_work: Callable[[], None],
        distrust: Callable[[float], None],
    ) -> None:
        self._owner = owner
        self._grace = grace
        self._connect = connect
        self._ring = ring
        self._ring_work = ring_work
        self._distrust = distrust
        self._locked = False
        self._connection: Connection[Any] | None = None
        LetGoInChild.__init__(self)
        self._thread = threading.Thread(
            target=self._keep, name=f"trioflow owner {owner}", daemon=True
        )

    def open(self, name: str) -> None:
        """Take the lock, and start the thread.

        Args:
          name: Name of the store in errors.

        Raises:
          psycopg.Error: if the server cannot be reached.
          StoreError: if no thread can be started.
        """
        self._connection = self._begin()
        self._connection.execute(TIDY)
        self._closing, self._close = socket.socketpair()
        try:
            self._thread.start()
        except RuntimeError as error:
            for opened in (self._connection, self._closing, self._close):
                opened.close()
            raise StoreError(name, f"cannot start a thread: {error}", transient=True) from error

    def look(self) -> bool:
        return False  # it rings

    def look_for_work(self) -> bool:
        return False

    def taking(self) -> None:
        pass

    def let_go(self) -> None:
        if self._connection is not None and not self._connection.closed:
            # Closing it would end the session of the parent on the server. The descriptor is
            # replaced, so that a later close does not hit an unrelated file.
            with open(os.devnull, "rb") as nothing:
                os.dup2(nothing.fileno(), self._connection.fileno(), inheritable=False)

    def close(self) -> None:
        self._close.close()
        self._thread.join()
        self._closing.close()

    # ------------------------------------------------------------ in the thread
    def _keep(self) -> None:
        while True:
            if self._is_closing(self._listen()):
                break
            self._beat()
        if self._connection is not None:
            self._end(self._connection)

    def _is_closing(self, readable: list[Any]) -> bool:
        return self._closing in readable

    def _listen(self) -> list[Any]:
        """Wait until the next beat is due or the session closes; ring for notifications."""
        deadline = time.monotonic() + self._grace / 3
        while (left := deadline - time.monotonic()) > 0:
            ears: list[Any] = [self._closing]
            ears += [] if self._connection is None else [self._connection]
            readable, _, _ = select.select(ears, [], [], left)
            if self._closing in readable or (readable and not self._hear()):
                return readable
        return []

    def _hear(self) -> bool:
        """Ring for received notifications; return whether the connection still works."""
        assert self._connection is not None
        try:
            self._connection.pgconn.consume_input()
        except psycopg.OperationalError as error:
            self._lose(error)
            return False
        while (notice := self._connection.pgconn.notifies()) is not None:
            addressee = notice.extra.decode()
            if addressee == "":  # a run that no owner has claimed
                self._ring_work()
            if addressee in ("", self._owner) and notice.relname.decode() == CHANNEL:
                self._ring()
        return True

    def _beat(self) -> None:
        """Record that the owner lives, on a new connection if necessary."""
        try:
            if self._connection is None:
                self._connection = self._begin()
                self._distrust(self._grace)  # other owners may also be about to reconnect
                self._ring()  # notifications may have been missed
                self._ring_work()
            else:
                self._say(self._connection)
        except psycopg.Error as error:
            self._lose(error)

    def _begin(self) -> Connection[Any]:
        connection = self._connect()
        try:
            connection.autocommit = True
            connection.execute(SETTINGS)
            connection.execute(f"LISTEN {CHANNEL}")
            connection.execute(f"LISTEN {WORK_CHANNEL}")
            self._locked = False
            self._say(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _say(self, connection: Connection[Any]) -> None:
        key = lock_key(self._owner)
        if not self._locked:  # it is as good if a lost session still holds the lock
            self._locked = bool(connection.execute(LOCK, [key]).fetchall()[0][0])
        connection.execute(LIVES, [self._owner, key, self._grace, self._grace])

    def _lose(self, error: Exception) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            logger.warning("session of %s lost, reconnecting: %s", self._owner, error)
            connection.close()
        self._distrust(CONNECT_SECONDS + 2 * self._grace)

    def _end(self, connection: Connection[Any]) -> None:
        try:
            connection.execute(LEAVES, [self._owner])
        except psycopg.Error as error:
            logger.warning("session of %s was not closed properly: %s", self._owner, error)
        finally:
            connection.close()
