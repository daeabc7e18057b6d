"""Delete runs. Foreign keys with ON DELETE CASCADE delete what belongs to them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, bindparam, delete, or_, select

from trioflow.events import FINISHED_STATUSES, RunStatus
from trioflow_sql.claims import OWNERS, is_free
from trioflow_sql.database import Database
from trioflow_sql.tables import runs

DELETE = delete(runs).where(runs.c.run_id == bindparam("id"))
is_old = (
    runs.c.status.in_(bindparam("status", expanding=True))
    & (runs.c.updated_at < bindparam("before"))
    & or_(runs.c.status.in_(FINISHED_STATUSES), is_free)
)
OLD = select(runs.c.run_id).where(is_old)
PRUNE = delete(runs).where(runs.c.run_id.in_(bindparam("ids", expanding=True)), is_old)


def delete_run(run_id: str, connection: Connection) -> bool:
    """Delete a run."""
    return connection.execute(DELETE, {"id": run_id}).rowcount == 1


def find_old(
    database: Database, before: float, status: Collection[RunStatus], connection: Connection
) -> Sequence[str]:
    """Return the ids of runs that may be pruned."""
    wanted = {"before": before, "status": status, "gone": _gone(database, connection)}
    return connection.execute(OLD, wanted).scalars().all()


def prune_runs(
    database: Database,
    run_ids: Collection[str],
    before: float,
    status: Collection[RunStatus],
    connection: Connection,
) -> int:
    """Delete the runs that may still be pruned, and return their number."""
    wanted = {"before": before, "status": status, "gone": _gone(database, connection)}
    return connection.execute(PRUNE, wanted | {"ids": run_ids}).rowcount


def _gone(database: Database, connection: Connection) -> set[str]:
    owners = set(connection.execute(OWNERS).scalars())
    return database.gone(connection, owners) if owners else set()
