"""All statements but those that append."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import attrs
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, or_, select, update

from trioflow.abc import Entry, RunHeader, StoredRun
from trioflow.events import RunStatus
from trioflow_sql.database import Database
from trioflow_sql.tables import entries, runs

OVER: Collection[RunStatus] = ("success", "failed", "canceled")
HEADER = [field.name for field in attrs.fields(RunHeader)]


# ---------------------------------------------------------------- reading
def read_entries(run_id: str, after: int, limit: int, connection: Connection) -> list[Entry]:
    """Return up to *limit* entries behind *after*."""
    statement = (
        select(entries.c.seq, entries.c.at, entries.c.text)
        .where(entries.c.run_id == run_id, entries.c.seq > after)
        .order_by(entries.c.seq)
        .limit(limit)
    )
    return [Entry(seq, at, text) for seq, at, text in connection.execute(statement)]


def get_run(run_id: str, connection: Connection) -> StoredRun | None:
    """Return what is known of a run."""
    row = connection.execute(select(runs).where(runs.c.run_id == run_id)).one_or_none()
    return stored_run(row) if row is not None else None


def list_runs(
    status: Collection[RunStatus] | None,
    workflow_id: str | None,
    resource_id: str | None,
    limit: int | None,
    connection: Connection,
) -> list[StoredRun]:
    """Return the runs to which everything that is not None applies, newest first."""
    statement = select(runs).order_by(runs.c.created_at.desc(), runs.c.run_id.desc()).limit(limit)
    if status is not None:
        statement = statement.where(runs.c.status.in_(status))
    if workflow_id is not None:
        statement = statement.where(runs.c.workflow_id == workflow_id)
    if resource_id is not None:
        statement = statement.where(runs.c.resource_id == resource_id)
    return [stored_run(row) for row in connection.execute(statement)]


def stored_run(row: Row[Any]) -> StoredRun:
    """Return a row of the table of runs as trioflow wants it."""
    fields = dict(row._mapping)
    header = RunHeader(**{name: fields.pop(name) for name in HEADER})
    return StoredRun(header=header, **fields)


# ---------------------------------------------------------------- claiming
def claim_run(
    database: Database, run_id: str, owner: str, seconds: float, connection: Connection
) -> bool:
    """Make *owner* the one who holds the run, in a single statement, if nobody else is."""
    free = or_(runs.c.owner.is_(None), runs.c.owner == owner, runs.c.claimed_until <= database.now)
    statement = (
        update(runs)
        .where(runs.c.run_id == run_id, free)
        .values(owner=owner, claimed_until=database.now + seconds)
    )
    return connection.execute(statement).rowcount == 1


def renew_runs(database: Database, owner: str, seconds: float, connection: Connection) -> set[str]:
    """Have all claims of *owner* hold for longer, and return the ids of the runs."""
    statement = (
        update(runs)
        .where(runs.c.owner == owner)
        .values(claimed_until=database.now + seconds)
        .returning(runs.c.run_id)
    )
    return set(connection.execute(statement).scalars())


def release_run(run_id: str, owner: str, connection: Connection) -> None:
    """Have nobody hold the run, if *owner* does."""
    statement = (
        update(runs)
        .where(runs.c.run_id == run_id, runs.c.owner == owner)
        .values(owner=None, claimed_until=None)
    )
    connection.execute(statement)


# ---------------------------------------------------------------- deleting
def delete_run(run_id: str, connection: Connection) -> bool:
    """Delete a run; its entries go with it."""
    return connection.execute(delete(runs).where(runs.c.run_id == run_id)).rowcount == 1


def find_old(before: float, connection: Connection) -> Sequence[str]:
    """Return the ids of runs that may be pruned."""
    return connection.execute(select(runs.c.run_id).where(is_old(before))).scalars().all()


def prune_runs(run_ids: Collection[str], before: float, connection: Connection) -> int:
    """Delete those of the runs that are still old, and return how many."""
    statement = delete(runs).where(runs.c.run_id.in_(run_ids), is_old(before))
    return connection.execute(statement).rowcount


def is_old(before: float) -> ColumnElement[bool]:
    """Return the condition for runs that may be pruned."""
    return and_(runs.c.status.in_(OVER), runs.c.updated_at < before)
