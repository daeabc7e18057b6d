"""The session by which others know that an owner lives.

It holds a lock that the server frees when the session ends, however it does. A session that has
ended is not a process that has died: the connection may have been cut. So the owner also says, once
in a while, until when nobody may conclude anything from a missing lock, and takes the lock again
with a new session if it can. The same connection hears of requests.

All this is done by a thread of its own, since no task of Trio may be late for it.
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
CONNECT_SECONDS = 3
"""How long one try to connect again may take."""

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
    """Return the number of the lock that an owner holds."""
    digest = hashlib.blake2b(f"trioflow owner {owner}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


class Session(Presence, LetGoInChild):
    """The session of an owner, and the thread that keeps it."""

    poll = float("inf")

    def __init__(
        self,
        owner: str,
        grace: float,
        connect: Callable[[], Connection[Any]],
        ring: Callable[[], None],
        distrust: Callable[[float], None],
    ) -> None:
        self._owner = owner
        self._grace = grace
        self._connect = connect
        self._ring = ring
        self._distrust = distrust
        self._locked = False
        self._connection: Connection[Any] | None = None
        LetGoInChild.__init__(self)
        self._thread = threading.Thread(
            target=self._keep, name=f"trioflow owner {owner}", daemon=True
        )

    def open(self, name: str) -> None:
        """Take the lock, and begin to keep it.

        Args:
          name: What the store is called in an error.

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
            raise StoreError(name, f"no thread: {error}", transient=True) from error

    def look(self) -> bool:
        return False  # it rings

    def taking(self) -> None:
        pass

    def let_go(self) -> None:
        if self._connection is not None and not self._connection.closed:
            # Not closed: that would be told to the server, whose session goes on. And not without
            # anything in its place, where something else would be closed one day.
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
        """Wait until it is time for the next beat, or to close; ring for what comes meanwhile."""
        deadline = time.monotonic() + self._grace / 3
        while (left := deadline - time.monotonic()) > 0:
            ears: list[Any] = [self._closing]
            ears += [] if self._connection is None else [self._connection]
            readable, _, _ = select.select(ears, [], [], left)
            if self._closing in readable or (readable and not self._hear()):
                return readable
        return []

    def _hear(self) -> bool:
        """Ring for what has come; tell whether the connection is still good."""
        assert self._connection is not None
        try:
            self._connection.pgconn.consume_input()
        except psycopg.OperationalError as error:
            self._lose(error)
            return False
        while (notice := self._connection.pgconn.notifies()) is not None:
            if notice.extra.decode() in ("", self._owner):
                self._ring()
        return True

    def _beat(self) -> None:
        """Say that the owner lives, on a new connection if there has to be one."""
        try:
            if self._connection is None:
                self._connection = self._begin()
                self._distrust(self._grace)  # others may be about to come back as well
                self._ring()  # what has come meanwhile was not heard
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
            self._locked = False
            self._say(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _say(self, connection: Connection[Any]) -> None:
        key = lock_key(self._owner)
        if not self._locked:  # if a session that was lost still has it, that is as good
            self._locked = bool(connection.execute(LOCK, [key]).fetchall()[0][0])
        connection.execute(LIVES, [self._owner, key, self._grace, self._grace])

    def _lose(self, error: Exception) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            logger.warning("session of %s lost, connecting again: %s", self._owner, error)
            connection.close()
        self._distrust(CONNECT_SECONDS + 2 * self._grace)

    def _end(self, connection: Connection[Any]) -> None:
        try:
            connection.execute(LEAVES, [self._owner])
        except psycopg.Error as error:
            logger.warning("session of %s was not ended well: %s", self._owner, error)
        finally:
            connection.close()
