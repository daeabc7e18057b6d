"""Append to the journal of one run, on a dedicated connection.

This is the case of a single run, which waits for each of its steps. The append is one
statement in its own transaction, with one round trip. It goes directly to libpq, because the
overhead of the driver is as large as the duration of the statement.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.errors import InvalidSqlStatementName, error_from_result
from psycopg.pq import ExecStatus

from trioflow.abc import Append
from trioflow.errors import JournalConflictError, StoreError
from trioflow.events import FINISHED_STATUSES
from trioflow_sql.migrations import VERSION, too_new
from trioflow_sql.postgresql.appending import is_dead

LONGEST = 8
"""Maximum number of entries of such an append: there is a statement for each number."""
# The version comes first, because tables are locked in this order, also by migrations.
MOVED = f"""
    WITH known AS MATERIALIZED (SELECT version FROM trioflow_schema),
    moved AS (
      UPDATE trioflow_runs
      SET last_seq = $1::bigint, updated_at = coalesce($2::double precision, updated_at),
          status = $3::text, due_at = $4::double precision
      WHERE run_id = $5::text AND last_seq = $6::bigint
        AND owner IS NOT DISTINCT FROM $7::text AND (SELECT version FROM known) = {VERSION}
      RETURNING key
    )
"""
ADDED = """,
    added AS (
      INSERT INTO trioflow_entries (run, seq, at, text)
      SELECT key, seq, at, text FROM moved, (VALUES {rows}) AS e (seq, at, text)
    )
"""
ROW = "(${}::bigint, ${}::double precision, ${}::text)"
TAKEN = """,
    taken AS (
      DELETE FROM trioflow_requests USING moved
      WHERE run = key AND (${}::boolean OR id = ANY(${}::bigint[]))
    )
"""
DONE = "SELECT (SELECT count(*) FROM moved), (SELECT version FROM known)"
HEAD = "SELECT last_seq, owner FROM trioflow_runs WHERE run_id = %s"


def is_single(appends: Sequence[Append]) -> bool:
    """Return whether `SingleAppender` can execute these appends."""
    if len(appends) != 1 or len(appends[0].entries) > LONGEST:
        return False
    return appends[0].header is None and appends[0].input is None


class SingleAppender:
    """The connection, and its prepared statements."""

    def __init__(self, name: str, connect: Callable[[], Connection[Any]]) -> None:
        self._name = name
        self._connect = connect
        self._connection: Connection[Any] | None = None
        self._prepared: set[bytes] = set()

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def append(self, append: Append) -> JournalConflictError | None:
        """Execute an append, or return why it is refused.

        A connection that is lost meanwhile is replaced once. If the append then conflicts, the
        first connection may have executed it.

        Raises:
          StoreError: if the tables have a later version.
          psycopg.Error: if the database fails, or a connection was lost and the outcome is
            unknown.
        """
        # Conflicts that do not depend on what is stored.
        conflict = append.conflict(append.after, append.owner)
        if conflict is not None:
            return conflict
        try:
            return self._try(append)
        except psycopg.Error as error:
            if self._connection is None or not self._connection.closed:
                raise
            conflict = self._try(append)
            if conflict is not None:
                raise error from None  # it may conflict with its own first execution
            return None

    def _try(self, append: Append) -> JournalConflictError | None:
        """Execute an append or return its conflict; repeat it if the conflict has vanished."""
        connection = self._open()
        while not self._move(connection, append):
            head = connection.execute(HEAD, [append.run_id]).fetchone() or (None, None)
            conflict = append.conflict(*head)
            if conflict is not None:
                return conflict
        return None

    def _open(self) -> Connection[Any]:
        if self._connection is None or self._connection.closed or is_dead(self._connection):
            self.close()
            self._connection = self._connect()
            self._prepared.clear()
        return self._connection

    def _move(self, connection: Connection[Any], append: Append) -> bool:
        takes = bool(append.requests) or append.status in FINISHED_STATUSES
        try:
            result = self._execute(connection, append, takes)
        except InvalidSqlStatementName:  # all prepared statements were deallocated
            self._prepared.clear()
            result = self._execute(connection, append, takes)
        moved, version = result.get_value(0, 0), result.get_value(0, 1)
        if version != b"%d" % VERSION:
            raise StoreError(self._name, too_new(int(version or 0)))
        return bool(moved == b"1")

    def _execute(self, connection: Connection[Any], append: Append, takes: bool) -> Any:
        name = b"trioflow_append_%d_%d" % (len(append.entries), takes)
        server = connection.pgconn
        if name not in self._prepared:
            text = _statement(len(append.entries), takes).encode()
            _check(server.prepare(name, text), ExecStatus.COMMAND_OK)
            self._prepared.add(name)
        result = server.exec_prepared(name, _values(append, takes))
        return _check(result, ExecStatus.TUPLES_OK)


def _check(result: Any, wanted: ExecStatus) -> Any:
    if result.status == wanted:
        return result
    error = error_from_result(result)
    if error.sqlstate is None:  # not from the server: the connection is lost
        raise psycopg.OperationalError(*error.args)
    raise error


def _statement(entries: int, takes: bool) -> str:
    numbers = iter(range(8, 8 + 3 * entries + 2))
    text = MOVED
    if entries:
        rows = (ROW.format(next(numbers), next(numbers), next(numbers)) for _ in range(entries))
        text += ADDED.format(rows=", ".join(rows))
    if takes:
        text += TAKEN.format(next(numbers), next(numbers))
    return text + DONE


def _values(append: Append, takes: bool) -> list[Any]:
    """Return the parameters in libpq's form: bytes or None."""
    last = append.entries[-1] if append.entries else None
    values: list[Any] = [
        last.seq if last else append.after,
        last.at if last else None,
        append.status,
        append.due_at,
        append.run_id,
        append.after,
        append.owner,
    ]
    for entry in append.entries:
        values += (entry.seq, entry.at, entry.text)
    if takes:
        ids = ",".join(map(str, append.requests))
        values += (append.status in FINISHED_STATUSES, f"{{{ids}}}")
    return [None if value is None else str(value).encode() for value in values]
