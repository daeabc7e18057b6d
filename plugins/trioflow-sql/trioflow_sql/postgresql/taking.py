"""Take the next runs of queues with one statement, which skips what others are taking."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection

from trioflow.abc import StoredRun
from trioflow.errors import StoreError
from trioflow_sql.migrations import VERSION, too_new
from trioflow_sql.postgresql.dead import IS_DEAD
from trioflow_sql.taking import COLUMNS, Wish, taken

SPARE = 4
"""How many times as many runs are looked at as are taken: others may be taking the first ones."""
FITS = """
    run_id <> ALL(%(skipped)s::text[])
    AND (workflow_id, fingerprint) IN (
      SELECT * FROM unnest(%(ids)s::text[], %(shapes)s::text[])
    )
"""
WAITS = "owner IS NULL AND status IN ('pending', 'running') AND last_seq >= 0"
IS_FREE = """
    CASE
      WHEN owner IS NULL THEN true
      WHEN owner = %(owner)s THEN run_id <> ALL(%(held)s::text[])
      ELSE claimed_until <= CAST(extract(epoch FROM clock_timestamp()) AS double precision)
        OR owner IN (SELECT owner FROM gone)
    END
"""
RUNS = "FROM trioflow_runs JOIN trioflow_headers ON run = trioflow_runs.key"
# The version comes first, because tables are locked in this order, also by migrations.
TAKE = f"""
    WITH known AS MATERIALIZED (SELECT version FROM trioflow_schema),
    gone AS MATERIALIZED (SELECT owner FROM trioflow_owners WHERE %(trusted)s AND {IS_DEAD}),
    waiting AS MATERIALIZED (
      SELECT found.key
      FROM unnest(%(queues)s::text[]) AS wanted CROSS JOIN LATERAL (
        SELECT trioflow_runs.key {RUNS}
        WHERE queue = wanted AND {WAITS} AND {FITS}
        ORDER BY priority DESC, created_at, run_id LIMIT %(most)s
      ) AS found
    ),
    others AS MATERIALIZED (
      SELECT trioflow_runs.key {RUNS}
      WHERE trioflow_runs.key IN (
          SELECT key FROM trioflow_runs
          WHERE owner IS NOT NULL AND status IN ('pending', 'running')
          UNION SELECT key FROM trioflow_runs WHERE due_at <= %(now)s
          UNION SELECT run FROM trioflow_requests
        )
        AND queue = ANY(%(queues)s::text[]) AND {FITS} AND {IS_FREE}
    ),
    next AS MATERIALIZED (
      SELECT {COLUMNS} {RUNS}
      WHERE trioflow_runs.key IN (SELECT key FROM waiting UNION SELECT key FROM others)
        AND status NOT IN ('success', 'failed', 'canceled') AND last_seq >= 0 AND {IS_FREE}
        AND (SELECT version FROM known) = {VERSION}
      ORDER BY priority DESC, created_at, run_id LIMIT %(limit)s
      FOR UPDATE OF trioflow_runs SKIP LOCKED
    ),
    taken AS (
      UPDATE trioflow_runs
      SET claimed_at = CASE
            WHEN trioflow_runs.owner = %(owner)s THEN trioflow_runs.claimed_at ELSE %(at)s END,
          owner = %(owner)s, claim_clock = 'server', claimed_until = %(seconds)s
            + CAST(extract(epoch FROM clock_timestamp()) AS double precision)
      FROM next WHERE trioflow_runs.key = next.key
    )
    SELECT version, next.* FROM known LEFT JOIN next ON true
    ORDER BY priority DESC, created_at, run_id
"""


def take(name: str, wish: Wish, trusted: bool, connection: Connection) -> list[StoredRun]:
    """Claim runs, on a connection whose statements are transactions.

    Args:
      name: Name of the store in errors.
      trusted: Whether a missing session shows that an owner is dead.

    Raises:
      StoreError: if the tables have a later version.
    """
    rows = connection.exec_driver_sql(TAKE, _values(wish, trusted)).all()
    version = rows[0][0]
    if version != VERSION:
        raise StoreError(name, too_new(version))
    return taken(row[1:] for row in rows if row[1] is not None)


def _values(wish: Wish, trusted: bool) -> dict[str, Any]:
    return {
        "owner": wish.owner,
        "seconds": wish.seconds,
        "now": wish.now,
        "limit": wish.limit,
        "most": SPARE * wish.limit,
        "queues": list(set(wish.queues)),
        "ids": list(wish.workflows),
        "shapes": list(wish.workflows.values()),
        "skipped": list(wish.skipped),
        "held": None if wish.held is None else list(wish.held),
        "trusted": trusted,
        "at": time.time(),
    }
