"""Begin the run of a tick, which only happens once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from psycopg import Connection

from trioflow.abc import Append
from trioflow.errors import JournalConflictError
from trioflow_sql.scheduling import MARKED

# The version comes first, because tables are locked in this order, also by migrations.
MARK = f"""
    WITH known AS MATERIALIZED (SELECT version FROM trioflow_schema),
    marked AS ({MARKED.format(new="%s", old="%s", at="%s", id="%s")} RETURNING 1)
    SELECT (SELECT count(*) FROM marked), (SELECT version FROM known)
"""
Execute = Callable[[Append], JournalConflictError | None]
IsDone = Callable[[Any], bool]


def start_tick(
    connection: Connection[Any], append: Append, is_done: IsDone, execute: Execute
) -> JournalConflictError | None:
    """Execute the append that begins the run of a tick, or return why it is refused.

    Args:
      is_done: Returns whether a statement has changed a row; checks the version.
    """
    assert append.tick is not None  # the caller has looked
    id, at = append.tick
    if not is_done(connection.execute(MARK, ("started", "decided", at, id)).fetchall()):
        return append.tick_conflict()
    conflict = execute(attrs.evolve(append, tick=None))
    if conflict is not None:
        connection.execute(MARK, ("decided", "started", at, id))
    return conflict
