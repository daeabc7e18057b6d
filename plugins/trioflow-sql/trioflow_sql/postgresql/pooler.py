"""Detect a connection pooler in transaction mode, which would break guarantees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psycopg import Connection

from trioflow.errors import StoreError

ROUNDS = 5
PID = "SELECT pg_backend_pid()"


def check_direct(name: str, connection: Connection[Any], connect: Callable[[], Any]) -> None:
    """Check that a connection belongs to one session of the server.

    A pooler in transaction mode runs each transaction in any free session, so settings and
    locks of a session pass to another client. A server names the session in its greeting; a
    pooler sends its own value. If the values differ, two connections alternate: in transaction
    mode, one gets the session that the other has just used.

    Raises:
      StoreError: if the session changes.
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
                    "is behind a connection pooler in transaction mode, which loses locks and "
                    "settings of sessions; connect to the server directly, or use a pool in "
                    "session mode",
                )


def _pid(connection: Connection[Any]) -> int:
    """Return the server process of a connection, in a separate transaction."""
    [(pid,)] = connection.execute(PID).fetchall()
    connection.rollback()
    found: int = pid
    return found
