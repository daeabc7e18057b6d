"""Finding out whether something stands between us and the server that would break promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psycopg import Connection

from trioflow.errors import StoreError

ROUNDS = 5
PID = "SELECT pg_backend_pid()"


def check_direct(name: str, connection: Connection[Any], connect: Callable[[], Any]) -> None:
    """Check that a connection is a session of the server, and stays the same one.

    A pooler in transaction mode gives each transaction to whatever session is free, so settings
    and locks of a session are somebody else's a moment later. What a server itself says when
    it is connected to names the session; a pooler says something of its own. Then two
    connections take turns: in transaction mode one gets the session that the other has just had.

    Raises:
      StoreError: if it does not stay the same.
    """
    connection.rollback()
    pid = _pid(connection)
    if pid == connection.info.backend_pid:
        return
    with connect() as other:
        for _ in range(ROUNDS):
            if _pid(other) == pid or _pid(connection) != pid:
                raise StoreError(
                    name,
                    "there is a connection pooler in transaction mode in between, under which "
                    "locks and settings of a session are lost; connect to the server directly, "
                    "or to a pool in session mode",
                )


def _pid(connection: Connection[Any]) -> int:
    """Return which process of the server works for a connection, in a transaction of its own."""
    [(pid,)] = connection.execute(PID).fetchall()
    connection.rollback()
    found: int = pid
    return found
