"""Claims: which owner executes a run, and which runs can be claimed."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, case, or_, select, union, update

from trioflow.abc import StoredRun, parse_cursor
from trioflow.events import FINISHED_STATUSES
from trioflow_sql import places
from trioflow_sql.database import Database
from trioflow_sql.queries import RUNS, age, stored_runs
from trioflow_sql.tables import database_clock, database_time, requests, runs
from trioflow_sql.texts import bounded

this_run = runs.c.run_id == bindparam("id")
is_free = or_(
    runs.c.owner.is_(None),
    runs.c.claim_clock != database_clock(),
    runs.c.claimed_until <= database_time(),
    runs.c.owner.in_(bindparam("gone", expanding=True)),
)
granted = {
    "claimed_until": database_time() + bindparam("seconds"),
    "claim_clock": database_clock(),
}
since = case((runs.c.owner == bindparam("by"), runs.c.claimed_at), else_=bindparam("wall"))
CLAIM = (
    update(runs)
    .where(this_run, or_(runs.c.owner == bindparam("by"), is_free))
    .values(owner=bindparam("by"), claimed_at=since, **granted)
)
HOLDER = select(runs.c.owner).where(this_run)
RENEW = update(runs).where(runs.c.owner == bindparam("by")).values(granted).returning(runs.c.run_id)
GIVEN_BACK: Mapping[str, Any] = {"owner": None, "claimed_until": None, "claim_clock": None}
RELEASE = update(runs).where(this_run, runs.c.owner == bindparam("by")).values(GIVEN_BACK)
RELEASE_ALL = update(runs).where(runs.c.owner == bindparam("by")).values(GIVEN_BACK)

OWNERS = select(runs.c.owner).where(runs.c.owner.is_not(None)).distinct()
has_work = runs.c.key.in_(
    union(
        select(runs.c.key).where(runs.c.status == "running"),
        select(runs.c.key).where(runs.c.due_at <= bindparam("at")),
        select(requests.c.run),
    )
)
CLAIMABLE = (
    RUNS.where(is_free, runs.c.status.not_in(FINISHED_STATUSES), has_work)
    .order_by(runs.c.created_at, runs.c.run_id)
    .limit(bindparam("most"))
)


def claim_run(
    database: Database, run_id: str, owner: str, seconds: float, connection: Connection
) -> bool:
    """Claim the run for *owner*, unless another living owner holds it."""
    wanted = {"id": run_id, "by": owner, "seconds": seconds, "gone": (), "wall": time.time()}
    if connection.execute(CLAIM, wanted).rowcount == 1:
        return True
    holder = connection.execute(HOLDER, {"id": run_id}).scalar_one_or_none()
    gone = set() if holder is None else database.gone(connection, {holder})
    return bool(gone) and connection.execute(CLAIM, wanted | {"gone": gone}).rowcount == 1


def renew_runs(owner: str, seconds: float, connection: Connection) -> set[str]:
    """Renew all claims of *owner*, and return the ids of the runs."""
    connection.execute(places.RENEW, {"by": owner, "seconds": seconds})
    return set(connection.execute(RENEW, {"by": owner, "seconds": seconds}).scalars())


def release_run(run_id: str, owner: str, connection: Connection) -> None:
    """Release the claim on the run if *owner* holds it."""
    connection.execute(RELEASE, {"id": run_id, "by": owner})


def release_all(owner: str, connection: Connection) -> None:
    """Release all claims of *owner*."""
    connection.execute(RELEASE_ALL, {"by": owner})
    places.leave_all(owner, connection)


def list_claimable(
    database: Database,
    workflow_ids: Collection[str] | None,
    now: float,
    limit: int,
    cursor: str | None,
    connection: Connection,
) -> list[StoredRun]:
    """Return the runs that are not claimed and have work to do, oldest first."""
    owners = set(connection.execute(OWNERS).scalars())
    gone = database.gone(connection, owners) if owners else set()
    statement = CLAIMABLE
    if workflow_ids is not None:
        statement = statement.where(runs.c.workflow_id.in_(workflow_ids))
    if cursor is not None:
        statement = statement.where(age() > parse_cursor(cursor))
    rows = connection.execute(statement, {"gone": gone, "at": now, "most": bounded(limit)})
    return stored_runs(database, rows, connection)
