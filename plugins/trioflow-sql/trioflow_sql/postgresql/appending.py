"""Appending to the journals of many runs in one transaction.

Each append is one statement, which does nothing if the append does not fit, and all statements
are on their way before the first answer is waited for. They go to the driver as they are: this
is nearly all that a durable run has the database do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs
import psycopg
from psycopg import Connection, Cursor, IsolationLevel
from sqlalchemy import Engine

from trioflow.abc import Append
from trioflow.errors import JournalConflictError, StoreError
from trioflow.events import FINISHED_STATUSES
from trioflow_sql.migrations import VERSION, too_new

# The version comes first, because tables are locked in this order, by those who migrate as well.
KNOWN = "WITH known AS MATERIALIZED (SELECT version FROM trioflow_schema), "
MOVED = """
    moved AS (
      UPDATE trioflow_runs
      SET last_seq = %s, updated_at = coalesce(%s, updated_at), status = %s, due_at = %s
      WHERE run_id = %s AND last_seq = %s AND owner IS NOT DISTINCT FROM %s
      RETURNING key
    )
"""
BEGUN = """
    moved AS (
      INSERT INTO trioflow_runs (
        run_id, workflow_id, resource_id, created_at, format, status, updated_at, last_seq,
        due_at, owner, claimed_until, claim_clock
      )
      VALUES (
        %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
        CAST(extract(epoch FROM clock_timestamp()) AS double precision) + %s, 'server'
      )
      ON CONFLICT DO NOTHING
      RETURNING key
    ),
    header AS (
      INSERT INTO trioflow_headers (run, fingerprint, tags, input)
      SELECT key, %s, %s, %s FROM moved
    ),
    tags AS (
      INSERT INTO trioflow_tags (tag, run) SELECT tag, key FROM moved, unnest(%s::text[]) AS tag
    )
"""
ADDED = """,
    added AS (
      INSERT INTO trioflow_entries (run, seq, at, text)
      SELECT key, seq, at, text
      FROM moved, unnest(%s::bigint[], %s::double precision[], %s::text[]) AS e (seq, at, text)
    )
"""
TAKEN = """,
    taken AS (
      DELETE FROM trioflow_requests USING moved WHERE run = key AND (%s OR id = ANY(%s::bigint[]))
    )
"""
DONE = "SELECT (SELECT count(*) FROM moved), (SELECT version FROM known)"
HEAD = "SELECT last_seq, owner FROM trioflow_runs WHERE run_id = %s"

Results = Sequence[JournalConflictError | None]


def append_all(name: str, writer: Engine, appends: Sequence[Append]) -> Results:
    """Do appends in a transaction.

    Raises:
      StoreError: if the tables have a later version.
      psycopg.Error: if the database fails. A connection that turns out to be dead before the
        commit was sent is replaced, once.
    """
    try:
        return _transact(name, writer, appends)
    except _DeadConnectionError:
        pass
    try:
        return _transact(name, writer, appends)
    except _DeadConnectionError as dead:
        raise dead.error from None


def _transact(name: str, writer: Engine, appends: Sequence[Append]) -> Results:
    pooled = writer.raw_connection()
    connection: Any = pooled.driver_connection
    committing = False
    try:
        if is_dead(connection):
            connection.close()
            raise psycopg.OperationalError("the server has closed the connection")
        connection.isolation_level = IsolationLevel.READ_COMMITTED
        results = _append(name, connection, appends)
        committing = True
        connection.commit()
        return results
    except psycopg.Error as error:
        if connection.closed:
            pooled.invalidate(error)
            if not committing:
                raise _DeadConnectionError(error) from None
        raise
    finally:
        pooled.close()  # what was not committed is undone


def is_dead(connection: Connection[Any]) -> bool:
    """Tell whether the server has closed a connection that nobody has used for a while.

    Does not ask the server: what it has said before it left is there, or nothing is.
    """
    try:
        connection.pgconn.consume_input()  # what it said
        connection.pgconn.consume_input()  # that it left
    except psycopg.OperationalError:
        return True
    return False


def _append(name: str, connection: Connection[Any], appends: Sequence[Append]) -> Results:
    """Do what fits of appends, and find out why the others do not."""
    results: dict[int, JournalConflictError | None] = {}
    sound = []
    # All lock in this order, so that no two wait for each other.
    for index, append in sorted(enumerate(appends), key=lambda item: item[1].run_id):
        # What is wrong with it whatever is stored.
        results[index] = append.conflict(
            append.after if append.header is None else None, append.owner
        )
        if results[index] is None:
            sound.append(index)
    for index, moved in zip(sound, _send(name, connection, appends, sound), strict=True):
        if not moved:
            results[index] = _explain(connection, appends[index])
    return [results[index] for index in range(len(appends))]


def _send(
    name: str, connection: Connection[Any], appends: Sequence[Append], sound: Sequence[int]
) -> Iterator[bool]:
    """Execute appends, and tell of each in turn whether it was done.

    Several for one run wait for each other: why the first was not done can only be found out
    before the second is.
    """
    if len({appends[index].run_id for index in sound}) == len(sound):
        with connection.pipeline():
            cursors = [execute(connection, appends[index]) for index in sound]
            done = [cursor.fetchall() for cursor in cursors]
        yield from (_is_done(name, rows) for rows in done)
    else:
        for index in sound:
            yield _is_done(name, execute(connection, appends[index]).fetchall())


def _is_done(name: str, rows: Sequence[tuple[int, int]]) -> bool:
    [(moved, version)] = rows
    if version != VERSION:
        raise StoreError(name, too_new(version))
    return moved == 1


def _explain(connection: Connection[Any], append: Append) -> JournalConflictError | None:
    """Return why an append did not fit. If it does by now, it is done."""
    while True:
        head = connection.execute(HEAD, [append.run_id]).fetchone() or (None, None)
        conflict = append.conflict(*head)
        if conflict is not None:
            return conflict
        [(moved, _)] = execute(connection, append).fetchall()
        if moved:  # somebody else has let go of the run in between
            return None


def execute(connection: Connection[Any], append: Append) -> Cursor[Any]:
    """Send the statement of an append, which gives how many runs it moved on, and the version."""
    last = append.entries[-1] if append.entries else None
    header = append.header
    values: tuple[Any, ...]
    if header is None:
        statement = MOVED
        place = (append.run_id, append.after, append.owner)
        moved = (last.seq, last.at) if last else (append.after, None)
        values = (*moved, append.status, append.due_at, *place)
    else:
        statement = BEGUN
        values = (
            *(header.run_id, header.workflow_id, header.resource_id),
            *(header.created_at, header.format, append.status),
            *((last.at, last.seq) if last else (header.created_at, -1)),
            *(append.due_at, append.owner),
            append.claim_seconds if append.owner is not None else None,
            *(header.fingerprint, json.dumps(header.tags, ensure_ascii=False), header.input),
            list(set(header.tags)),
        )
    if append.entries:
        statement += ADDED
        values += (
            array(str(entry.seq) for entry in append.entries),
            array(repr(entry.at) for entry in append.entries),
            array(quoted(entry.text) for entry in append.entries),
        )
    if append.requests or append.status in FINISHED_STATUSES:
        statement += TAKEN
        values += (append.status in FINISHED_STATUSES, list(append.requests))
    return connection.execute(KNOWN + statement + DONE, values)


def array(items: Iterable[str]) -> str:
    """Return an array as the server reads it. The driver would look at each item by itself, which
    takes as long as all the rest of an append."""
    return f"{{{','.join(items)}}}"


def quoted(text: str) -> str:
    """Return a text as it stands in an array."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@attrs.define(eq=False)
class _DeadConnectionError(Exception):
    error: psycopg.Error
