"""Append to the journals of many runs in one transaction.

Each append is one statement, which has no effect if the append conflicts. All statements
are sent before the first response is awaited. They go directly to the driver: appends are
nearly all the work of a durable run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import attrs
import psycopg
from psycopg import Connection, Cursor, IsolationLevel
from sqlalchemy import Engine

from trioflow.abc import Append
from trioflow.errors import JournalConflictError, StoreError
from trioflow.events import FINISHED_STATUSES
from trioflow_sql.migrations import VERSION, too_new
from trioflow_sql.postgresql.ticking import start_tick

# The version comes first, because tables are locked in this order, also by migrations.
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
        due_at, owner, claimed_until, claim_clock, queue, priority, claimed_at
      )
      VALUES (
        %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
        CAST(extract(epoch FROM clock_timestamp()) AS double precision) + %s, 'server', %s, %s, %s
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
NAMED = """,
    named AS (
      UPDATE trioflow_headers SET input = %s FROM moved WHERE run = moved.key
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
RUNG = ", (SELECT count(pg_notify('trioflow_work', '')) FROM moved)"
"""Wakes workers when the transaction is committed."""
HEAD = "SELECT last_seq, owner FROM trioflow_runs WHERE run_id = %s"

Results = Sequence[JournalConflictError | None]


def append_all(name: str, writer: Engine, appends: Sequence[Append]) -> Results:
    """Execute appends in a transaction.

    Raises:
      StoreError: if the tables have a later version.
      psycopg.Error: if the database fails. A connection that is lost before the commit was
        sent is replaced once.
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
        pooled.close()  # rolls back what was not committed


def is_dead(connection: Connection[Any]) -> bool:
    """Return whether the server closed an idle connection.

    Sends nothing to the server; only reads what has already arrived.
    """
    try:
        connection.pgconn.consume_input()  # its last message
        connection.pgconn.consume_input()  # the end of the connection
    except psycopg.OperationalError:
        return True
    return False


def _append(name: str, connection: Connection[Any], appends: Sequence[Append]) -> Results:
    """Execute the appends without conflict, and return the conflicts of the others."""
    results: dict[int, JournalConflictError | None] = {}
    sound = []
    # All transactions lock in this order, to prevent deadlocks.
    for index, append in sorted(enumerate(appends), key=lambda item: item[1].run_id):
        # Conflicts that do not depend on what is stored.
        results[index] = append.conflict(
            append.after if append.header is None else None, append.owner
        )
        if results[index] is None and append.tick is not None:
            results[index] = _start_tick(name, connection, append)
        elif results[index] is None:
            sound.append(index)
    for index, moved in zip(sound, _send(name, connection, appends, sound), strict=True):
        if not moved:
            results[index] = _explain(connection, appends[index])
    return [results[index] for index in range(len(appends))]


def _start_tick(
    name: str, connection: Connection[Any], append: Append
) -> JournalConflictError | None:
    def begin(first: Append) -> JournalConflictError | None:
        if _is_done(name, execute(connection, first).fetchall()):
            return None
        return _explain(connection, first)

    return start_tick(connection, append, partial(_is_done, name), begin)


def _send(
    name: str, connection: Connection[Any], appends: Sequence[Append], sound: Sequence[int]
) -> Iterator[bool]:
    """Execute appends, and yield for each whether it took effect.

    Several appends to one run are executed one at a time: the conflict of the first must be
    determined before the second is executed.
    """
    if len({appends[index].run_id for index in sound}) == len(sound):
        with connection.pipeline():
            cursors = [execute(connection, appends[index]) for index in sound]
            done = [cursor.fetchall() for cursor in cursors]
        yield from (_is_done(name, rows) for rows in done)
    else:
        for index in sound:
            yield _is_done(name, execute(connection, appends[index]).fetchall())


def _is_done(name: str, rows: Sequence[tuple[int, ...]]) -> bool:
    [(moved, version, *_)] = rows
    if version != VERSION:
        raise StoreError(name, too_new(version))
    return moved == 1


def _explain(connection: Connection[Any], append: Append) -> JournalConflictError | None:
    """Return the conflict of an append. If it no longer conflicts, execute it."""
    while True:
        head = connection.execute(HEAD, [append.run_id]).fetchone() or (None, None)
        conflict = append.conflict(*head)
        if conflict is not None:
            return conflict
        [(moved, *_)] = execute(connection, append).fetchall()
        if moved:  # another owner has released the run meanwhile
            return None


def execute(connection: Connection[Any], append: Append) -> Cursor[Any]:
    """Execute the statement of an append; its row has the number of runs and the version."""
    last = append.entries[-1] if append.entries else None
    header = append.header
    values: tuple[Any, ...]
    if header is None:
        statement = MOVED
        place = (append.run_id, append.after, append.owner)
        moved = (last.seq, last.at) if last else (append.after, None)
        values = (*moved, append.status, append.due_at, *place)
        if append.input is not None:
            statement += NAMED
            values += (append.input,)
    else:
        statement = BEGUN
        values = (
            *(header.run_id, header.workflow_id, header.resource_id),
            *(header.created_at, header.format, append.status),
            *((last.at, last.seq) if last else (header.created_at, -1)),
            *(append.due_at, append.owner),
            append.claim_seconds if append.owner is not None else None,
            *(header.queue, header.priority),
            time.time() if append.owner is not None else None,
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
    done = DONE + RUNG if append.enqueues else DONE
    return connection.execute(KNOWN + statement + done, values)


def array(items: Iterable[str]) -> str:
    """Return an array in the server's text format.

    The driver would adapt each item separately, which takes as long as the rest of an append.
    """
    return f"{{{','.join(items)}}}"


def quoted(text: str) -> str:
    """Return a string as an array item in the server's text format."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@attrs.define(eq=False)
class _DeadConnectionError(Exception):
    error: psycopg.Error
