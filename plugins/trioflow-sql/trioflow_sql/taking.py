"""Queues: what workers take next, which owners work, and how many runs wait."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import attrs
from sqlalchemy import Connection, func, select

from trioflow.abc import StoredOwner, StoredQueue, StoredRun
from trioflow_sql.database import Database
from trioflow_sql.queries import made, rest
from trioflow_sql.tables import runs
from trioflow_sql.texts import is_storable

COLUMNS = """
    trioflow_runs.key, run_id, workflow_id, resource_id, created_at, format, fingerprint, tags,
    input, queue, priority, status, updated_at, last_seq, due_at, owner
"""
"""What is selected of a run that is taken; without the first, the columns of `queries.RUNS`."""

OWNERS = (
    select(runs.c.owner, func.count(), func.min(runs.c.claimed_at), func.max(rest))
    .where(runs.c.owner.is_not(None))
    .group_by(runs.c.owner)
    .order_by(runs.c.owner)
)
QUEUES = (
    select(runs.c.queue, func.count(), func.min(runs.c.created_at))
    .where(runs.c.owner.is_(None), runs.c.status.in_(("pending", "running")), runs.c.last_seq >= 0)
    .group_by(runs.c.queue)
    .order_by(runs.c.queue)
)


@attrs.frozen(kw_only=True)
class Wish:
    """What a worker may take."""

    owner: str
    seconds: float
    workflows: Mapping[str, str]
    queues: Collection[str]
    now: float
    limit: int
    skipped: Collection[str]
    held: Collection[str] | None

    def storable(self) -> Wish:
        """Return the wish without what no database can hold."""
        return attrs.evolve(
            self,
            workflows={
                id: shape for id, shape in self.workflows.items() if is_storable(id + shape)
            },
            queues=[*filter(is_storable, self.queues)],
            skipped=[*filter(is_storable, self.skipped)],
            held=None if self.held is None else [*filter(is_storable, self.held)],
        )


def taken(rows: Iterable[Any]) -> list[StoredRun]:
    """Convert rows of `COLUMNS` to runs, as they were before they were taken: free."""
    return [made((*columns, 0.0), True) for _, *columns in rows]


def list_owners(database: Database, connection: Connection) -> list[StoredOwner]:
    """Return the owners that have claimed runs."""
    rows = connection.execute(OWNERS).all()
    gone = database.gone(connection, {row[0] for row in rows}) if rows else set()
    return [
        StoredOwner(
            owner=owner,
            runs=count,
            claimed_at=claimed_at or 0.0,
            held_for=0.0 if owner in gone else max(0.0, left or 0.0),
        )
        for owner, count, claimed_at, left in rows
    ]


def list_queues(connection: Connection) -> list[StoredQueue]:
    """Return the queues in which runs wait."""
    return [
        StoredQueue(queue=queue, waiting=waiting, oldest=oldest)
        for queue, waiting, oldest in connection.execute(QUEUES)
    ]
