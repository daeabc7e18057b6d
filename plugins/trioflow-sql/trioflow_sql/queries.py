"""Queries for entries and runs.

The statements are built once, with parameters, because building one takes longer than
executing it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, Select, Text, bindparam, case, cast, func, select, tuple_

from trioflow.abc import Entry, RunFilter, RunHeader, StoredRun, parse_cursor
from trioflow_sql.database import Database
from trioflow_sql.tables import database_clock, database_time, entries, headers, runs, tags
from trioflow_sql.texts import bounded

ENTRIES = (
    # SQLite stores long texts as binary data, which it can write in parts.
    select(entries.c.seq, entries.c.at, cast(entries.c.text, Text).label("text"))
    .join(runs, runs.c.key == entries.c.run)
    .where(runs.c.run_id == bindparam("id"), entries.c.seq > bindparam("after"))
    .order_by(entries.c.seq)
    .limit(bindparam("most"))
)
rest = case(
    (runs.c.owner.is_(None), 0.0),
    (runs.c.claim_clock != database_clock(), 0.0),
    else_=runs.c.claimed_until - database_time(),
).label("rest")
"""Seconds until a claim expires, if its owner lives."""
RUNS = select(
    runs.c.run_id,
    runs.c.workflow_id,
    runs.c.resource_id,
    runs.c.created_at,
    runs.c.format,
    headers.c.fingerprint,
    headers.c.tags,
    headers.c.input,
    runs.c.queue,
    runs.c.priority,
    runs.c.status,
    runs.c.updated_at,
    runs.c.last_seq,
    runs.c.due_at,
    runs.c.owner,
    rest,
).join(headers, headers.c.run == runs.c.key)
RUN = RUNS.where(runs.c.run_id == bindparam("id"))
NEWEST = (runs.c.created_at.desc(), runs.c.run_id.desc())

HEADER = 10
"""Number of columns of `RUNS` that belong to the header."""


def read_entries(run_id: str, after: int, limit: int, connection: Connection) -> list[Entry]:
    """Return up to *limit* entries that follow *after*."""
    wanted = {"id": run_id, "after": bounded(after), "most": bounded(limit)}
    rows = connection.execute(ENTRIES, wanted)
    return [Entry(seq, at, text) for seq, at, text in rows]


def get_run(database: Database, run_id: str, connection: Connection) -> StoredRun | None:
    """Return a run, or None if it does not exist."""
    rows = connection.execute(RUN, {"id": run_id}).all()
    return stored_runs(database, rows, connection)[0] if rows else None


def list_runs(
    database: Database,
    chosen: RunFilter,
    limit: int | None,
    offset: int,
    cursor: str | None,
    connection: Connection,
) -> list[StoredRun]:
    """Return the runs that the filter selects, newest first."""
    most = None if limit is None else bounded(limit)
    statement = filtered(RUNS, chosen).order_by(*NEWEST).limit(most).offset(bounded(offset))
    if cursor is not None:
        statement = statement.where(age() < parse_cursor(cursor))
    return stored_runs(database, connection.execute(statement), connection)


def count_runs(chosen: RunFilter, connection: Connection) -> int:
    """Return the number of runs that the filter selects."""
    statement = filtered(select(func.count()).select_from(runs), chosen)
    count: int = connection.execute(statement).scalar_one()
    return count


def filtered(statement: Select[Any], chosen: RunFilter) -> Select[Any]:
    """Return the statement restricted to the runs that the filter selects."""
    if chosen.status is not None:
        statement = statement.where(runs.c.status.in_(chosen.status))
    if chosen.workflow_id is not None:
        statement = statement.where(runs.c.workflow_id == chosen.workflow_id)
    if chosen.resource_id is not None:
        statement = statement.where(runs.c.resource_id == chosen.resource_id)
    if chosen.since is not None:
        statement = statement.where(runs.c.created_at >= chosen.since)
    if chosen.before is not None:
        statement = statement.where(runs.c.created_at < chosen.before)
    for tag in set(chosen.tags):
        statement = statement.where(runs.c.key.in_(select(tags.c.run).where(tags.c.tag == tag)))
    return statement


def age() -> Any:
    """Return the sort key of a run by age, to compare with a cursor."""
    return tuple_(runs.c.created_at, runs.c.run_id)


def stored_runs(
    database: Database, found: Iterable[Any], connection: Connection
) -> list[StoredRun]:
    """Convert rows of `RUNS` to `StoredRun`."""
    rows = list(found)
    held = {row.owner for row in rows if row.rest > 0}
    gone: Collection[str] = database.gone(connection, held) if held else ()
    return [made(row, row.owner in gone) for row in rows]


def _tags(stored: str) -> tuple[str, ...]:
    """Return the tags in a header; none if they are damaged."""
    try:
        found = json.loads(stored)
    except ValueError:
        return ()
    return tuple(str(tag) for tag in found) if isinstance(found, list) else ()


def made(row: Any, is_gone: bool) -> StoredRun:
    """Convert a row of `RUNS` to a run."""
    run_id, workflow_id, resource_id, created_at, format, fingerprint, *others = row[:HEADER]
    labels, input, queue, priority = others
    status, updated_at, last_seq, due_at, owner, rest = row[HEADER:]
    header = RunHeader(
        run_id=run_id,
        workflow_id=workflow_id,
        resource_id=resource_id,
        created_at=created_at,
        format=format,
        fingerprint=fingerprint,
        tags=_tags(labels),
        input=input,
        queue=queue,
        priority=priority,
    )
    return StoredRun(
        header=header,
        status=status,
        updated_at=updated_at,
        last_seq=last_seq,
        due_at=due_at,
        owner=owner,
        held_for=0.0 if is_gone else max(0.0, rest),
    )
