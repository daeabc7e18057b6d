"""Append to the journals of many runs in one transaction.

The statement that advances the run also checks whether an append conflicts; there is no
separate query. Statements go directly to the driver: appends are nearly all the work of a
durable run, and SQLAlchemy's overhead is several times the duration of a statement.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence

from trioflow.abc import Append, Entry
from trioflow.errors import JournalConflictError
from trioflow.events import FINISHED_STATUSES
from trioflow_sql.sqlite.ticking import start_tick

# The first statement sets only what every append changes. Setting a column updates its indexes
# even if the value stays the same, so the other columns are only set if they differ.
ADVANCE = """
    UPDATE trioflow_runs SET last_seq = ?, updated_at = coalesce(?, updated_at)
    WHERE run_id = ? AND last_seq = ? AND owner IS ? AND status = ? AND due_at IS ?
    RETURNING key
"""
CHANGE = """
    UPDATE trioflow_runs
    SET last_seq = ?, updated_at = coalesce(?, updated_at), status = ?, due_at = ?
    WHERE run_id = ? AND last_seq = ? AND owner IS ?
    RETURNING key
"""
BEGIN = """
    INSERT INTO trioflow_runs (
      run_id, workflow_id, resource_id, created_at, format, status, updated_at, last_seq,
      due_at, owner, claimed_until, claim_clock, queue, priority, claimed_at
    )
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, trioflow_time() + ?, trioflow_clock(), ?, ?, ?)
    ON CONFLICT DO NOTHING
    RETURNING key
"""
INPUT = "UPDATE trioflow_headers SET input = ? WHERE run = ?"
HEADER = "INSERT INTO trioflow_headers (run, fingerprint, tags, input) VALUES (?, ?, ?, ?)"
TAG = "INSERT INTO trioflow_tags (tag, run) VALUES (?, ?)"
ENTRY = "INSERT INTO trioflow_entries (run, seq, at, text) VALUES (?, ?, ?, ?)"
EMPTY_ENTRY = "INSERT INTO trioflow_entries (run, seq, at, text) VALUES (?, ?, ?, zeroblob(?))"
TAKEN = "DELETE FROM trioflow_requests WHERE run = ? AND id = ?"
ALL_TAKEN = "DELETE FROM trioflow_requests WHERE run = ?"
HEAD = "SELECT last_seq, owner FROM trioflow_runs WHERE run_id = ?"

LONG = 1 << 20
"""From how many characters on a text is written in parts. This takes longer."""
SLICE = 1 << 20
"""How many characters are written at a time."""


def append_all(
    connection: sqlite3.Connection, appends: Sequence[Append]
) -> list[JournalConflictError | None]:
    """Execute appends in the current transaction."""
    return [append_one(connection, append) for append in appends]


def append_one(connection: sqlite3.Connection, append: Append) -> JournalConflictError | None:
    """Execute an append, or return why it is refused."""
    if append.tick is not None:
        return start_tick(connection, append, append_one)
    # Conflicts that do not depend on what is stored.
    conflict = append.conflict(append.after if append.header is None else None, append.owner)
    if conflict is not None:
        return conflict
    key = advance(connection, append) if append.header is None else begin(connection, append)
    if key is None:
        head = connection.execute(HEAD, [append.run_id]).fetchone() or (None, None)
        return append.conflict(*head)
    if append.input is not None:
        connection.execute(INPUT, (append.input, key))
    if append.entries:
        write_entries(connection, key, append.entries)
    if append.requests:
        connection.executemany(TAKEN, [(key, id) for id in append.requests])
    if append.status in FINISHED_STATUSES:
        connection.execute(ALL_TAKEN, [key])
    return None


def write_entries(connection: sqlite3.Connection, key: int, entries: Sequence[Entry]) -> None:
    """Write entries, long ones in parts."""
    rows = [(key, entry.seq, entry.at, entry.text) for entry in entries if entry.length < LONG]
    if rows:
        connection.executemany(ENTRY, rows)
    if len(rows) == len(entries):
        return
    for entry in entries:
        if entry.length >= LONG:
            write_long(connection, key, entry)


def write_long(connection: sqlite3.Connection, key: int, entry: Entry) -> None:
    """Write an entry in parts: bound to a statement, SQLite would copy its text twice."""
    size = sum(len(part) if part.isascii() else len(part.encode()) for part in entry.parts)
    row = connection.execute(EMPTY_ENTRY, (key, entry.seq, entry.at, size)).lastrowid
    assert row is not None  # an INSERT
    with connection.blobopen("trioflow_entries", "text", row) as blob:
        for part in entry.parts:
            for start in range(0, len(part), SLICE):
                blob.write(part[start : start + SLICE].encode())


def advance(connection: sqlite3.Connection, append: Append) -> int | None:
    """Advance a run unless the append conflicts, and return its key."""
    last_seq, updated_at = append.after, None
    if append.entries:
        last_seq, updated_at = append.entries[-1].seq, append.entries[-1].at
    place = (append.run_id, append.after, append.owner)
    state = (append.status, append.due_at)
    found = connection.execute(ADVANCE, (last_seq, updated_at, *place, *state)).fetchall()
    if not found:
        found = connection.execute(CHANGE, (last_seq, updated_at, *state, *place)).fetchall()
    return found[0][0] if found else None


def begin(connection: sqlite3.Connection, append: Append) -> int | None:
    """Create a run unless its id exists, and return its key."""
    header = append.header
    assert header is not None
    last = append.entries[-1] if append.entries else None
    row = (
        header.run_id,
        header.workflow_id,
        header.resource_id,
        header.created_at,
        header.format,
        append.status,
        last.at if last else header.created_at,
        last.seq if last else -1,
        append.due_at,
        append.owner,
        append.claim_seconds if append.owner is not None else None,
        header.queue,
        header.priority,
        time.time() if append.owner is not None else None,
    )
    found = connection.execute(BEGIN, row).fetchall()
    if not found:
        return None
    key: int = found[0][0]
    tags = json.dumps(header.tags, ensure_ascii=False)
    connection.execute(HEADER, (key, header.fingerprint, tags, header.input))
    connection.executemany(TAG, [(tag, key) for tag in set(header.tags)])
    return key
