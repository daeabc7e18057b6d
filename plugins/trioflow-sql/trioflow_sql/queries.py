"""All statements but those that append.

They are built once, with parameters, because building one takes longer than running it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import attrs
from sqlalchemy import Connection, Row, bindparam, delete, or_, select, update

from trioflow.abc import Entry, RunHeader, StoredRun
from trioflow.events import RunStatus
from trioflow_sql.tables import database_time, entries, runs

OVER: Collection[RunStatus] = ("success", "failed", "canceled")
HEADER = [field.name for field in attrs.fields(RunHeader)]

this_run = runs.c.run_id == bindparam("id")

ENTRIES = (
    select(entries.c.seq, entries.c.at, entries.c.text)
    .where(entries.c.run_id == bindparam("id"), entries.c.seq > bindparam("after"))
    .order_by(entries.c.seq)
    .limit(bindparam("most"))
)
RUN = select(runs).where(this_run)
NEWEST_RUNS = select(runs).order_by(runs.c.created_at.desc(), runs.c.run_id.desc())

until = database_time() + bindparam("seconds")
CLAIM = (
    update(runs)
    .where(
        this_run,
        or_(
            runs.c.owner.is_(None),
            runs.c.owner == bindparam("by"),
            runs.c.claimed_until <= database_time(),
        ),
    )
    .values(owner=bindparam("by"), claimed_until=until)
)
RENEW = (
    update(runs)
    .where(runs.c.owner == bindparam("by"))
    .values(claimed_until=until)
    .returning(runs.c.run_id)
)
RELEASE = (
    update(runs)
    .where(this_run, runs.c.owner == bindparam("by"))
    .values(owner=None, claimed_until=None)
)

DELETE = delete(runs).where(this_run)
is_old = runs.c.status.in_(OVER) & (runs.c.updated_at < bindparam("before"))
OLD_RUNS = select(runs.c.run_id).where(is_old)
PRUNE = delete(runs).where(runs.c.run_id.in_(bindparam("ids", expanding=True)), is_old)


# ---------------------------------------------------------------- reading
def read_entries(run_id: str, after: int, limit: int, connection: Connection) -> list[Entry]:
    """Return up to *limit* entries behind *after*."""
    rows = connection.execute(ENTRIES, {"id": run_id, "after": after, "most": limit})
    return [Entry(seq, at, text) for seq, at, text in rows]


def get_run(run_id: str, connection: Connection) -> StoredRun | None:
    """Return what is known of a run."""
    row = connection.execute(RUN, {"id": run_id}).one_or_none()
    return stored_run(row) if row is not None else None


def list_runs(
    status: Collection[RunStatus] | None,
    workflow_id: str | None,
    resource_id: str | None,
    limit: int | None,
    connection: Connection,
) -> list[StoredRun]:
    """Return the runs to which everything that is not None applies, newest first."""
    statement = NEWEST_RUNS.limit(limit)
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
def claim_run(run_id: str, owner: str, seconds: float, connection: Connection) -> bool:
    """Make *owner* the one who holds the run, in a single statement, if nobody else does."""
    found = connection.execute(CLAIM, {"id": run_id, "by": owner, "seconds": seconds})
    return found.rowcount == 1


def renew_runs(owner: str, seconds: float, connection: Connection) -> set[str]:
    """Have all claims of *owner* hold for longer, and return the ids of the runs."""
    return set(connection.execute(RENEW, {"by": owner, "seconds": seconds}).scalars())


def release_run(run_id: str, owner: str, connection: Connection) -> None:
    """Have nobody hold the run, if *owner* does."""
    connection.execute(RELEASE, {"id": run_id, "by": owner})


# ---------------------------------------------------------------- deleting
def delete_run(run_id: str, connection: Connection) -> bool:
    """Delete a run; its entries go with it."""
    return connection.execute(DELETE, {"id": run_id}).rowcount == 1


def find_old(before: float, connection: Connection) -> Sequence[str]:
    """Return the ids of runs that may be pruned."""
    return connection.execute(OLD_RUNS, {"before": before}).scalars().all()


def prune_runs(run_ids: Collection[str], before: float, connection: Connection) -> int:
    """Delete those of the runs that are still old, and return how many."""
    return connection.execute(PRUNE, {"ids": run_ids, "before": before}).rowcount
