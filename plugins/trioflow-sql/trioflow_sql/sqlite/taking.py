"""Take the next runs of queues in one transaction, which is not begun if there is nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import Connection

from trioflow.abc import StoredRun
from trioflow_sql.taking import COLUMNS, Wish, taken

FITS = """
    run_id NOT IN (SELECT value FROM json_each(:skipped))
    AND EXISTS (
      SELECT 1 FROM json_each(:workflows) AS known
      WHERE known.key = workflow_id AND known.value = fingerprint
    )
"""
# As in the condition of its index, which SQLite compares word by word.
WAITS = "owner IS NULL AND status IN ('pending', 'running') AND last_seq >= 0"
OTHERS = """
    trioflow_runs.key IN (
      SELECT key FROM trioflow_runs
      WHERE owner IS NOT NULL AND status IN ('pending', 'running')
      UNION SELECT key FROM trioflow_runs WHERE due_at <= :now
      UNION SELECT run FROM trioflow_requests
    )
    AND status NOT IN ('success', 'failed', 'canceled') AND last_seq >= 0
    AND queue IN (SELECT value FROM json_each(:queues))
"""
HAS_EXPIRED = "(claim_clock <> trioflow_clock() OR claimed_until <= trioflow_time())"
RUNS = "FROM trioflow_runs JOIN trioflow_headers ON run = trioflow_runs.key"
PEEK = f"""
    WITH others AS MATERIALIZED (
      SELECT owner, owner IS NULL OR {HAS_EXPIRED} AS is_free {RUNS}
      WHERE {OTHERS} AND owner IS NOT :owner AND {FITS}
    )
    SELECT
      EXISTS (
        SELECT 1 {RUNS}
        WHERE queue IN (SELECT value FROM json_each(:queues)) AND {WAITS} AND {FITS}
      )
      OR EXISTS (SELECT 1 FROM others WHERE is_free),
      (SELECT json_group_array(DISTINCT owner) FROM others WHERE NOT is_free)
"""
FREE = f"""
    SELECT {COLUMNS} {RUNS}
    WHERE queue = :queue AND {WAITS} AND {FITS}
    ORDER BY priority DESC, created_at, run_id LIMIT :limit
"""
FREED = f"""
    SELECT {COLUMNS} {RUNS}
    WHERE {OTHERS} AND {FITS} AND CASE
      WHEN owner IS NULL THEN 1
      WHEN owner = :owner THEN run_id NOT IN (SELECT value FROM json_each(:held))
      ELSE {HAS_EXPIRED} OR owner IN (SELECT value FROM json_each(:gone)) END
    ORDER BY priority DESC, created_at, run_id LIMIT :limit
"""
OWN = "SELECT run_id FROM trioflow_runs WHERE owner = ?"
TAKE = """
    UPDATE trioflow_runs
    SET claimed_at = CASE WHEN owner IS :owner THEN claimed_at ELSE :at END,
        owner = :owner, claimed_until = trioflow_time() + :seconds, claim_clock = trioflow_clock()
    WHERE key IN (SELECT value FROM json_each(:keys))
"""
RANK = (10, 4, 1)
"""The columns by which runs are taken: priority, age and id."""


def may_take(
    wish: Wish, gone: Callable[[Collection[str]], set[str]], connection: Connection
) -> bool:
    """Return whether there is anything to take. One statement, which takes no lock."""
    [(is_free, owners)] = connection.exec_driver_sql(PEEK, _values(wish)).all()
    return bool(is_free) or wish.held is not None or bool(gone(json.loads(owners)))


def take(
    wish: Wish, gone: Callable[[Collection[str]], set[str]], connection: Connection
) -> list[StoredRun]:
    """Claim runs, in a transaction that may write."""
    values = _values(wish)
    others = "SELECT DISTINCT owner FROM trioflow_runs WHERE owner IS NOT NULL"
    values["gone"] = json.dumps(list(gone(connection.exec_driver_sql(others).scalars().all())))
    if wish.held is None:  # then all of its own are left out
        values["held"] = json.dumps(connection.exec_driver_sql(OWN, (wish.owner,)).scalars().all())
    rows = list(connection.exec_driver_sql(FREED, values))
    for queue in set(wish.queues):
        rows += connection.exec_driver_sql(FREE, {**values, "queue": queue})
    found = sorted({row[0]: row for row in rows}.values(), key=_rank)[: wish.limit]
    if found:
        keys = json.dumps([row[0] for row in found])
        connection.exec_driver_sql(TAKE, {**values, "keys": keys, "at": time.time()})
    return taken(found)


def _values(wish: Wish) -> dict[str, Any]:
    return {
        "owner": wish.owner,
        "seconds": wish.seconds,
        "now": wish.now,
        "limit": wish.limit,
        "queues": json.dumps(list(wish.queues)),
        "workflows": json.dumps(dict(wish.workflows)),
        "skipped": json.dumps(list(wish.skipped)),
        "held": json.dumps(list(wish.held or ())),
    }


def _rank(row: Any) -> tuple[int, float, str]:
    priority, created_at, run_id = (row[index] for index in RANK)
    return -priority, created_at, run_id
