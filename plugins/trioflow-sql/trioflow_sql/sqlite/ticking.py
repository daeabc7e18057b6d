"""Begin the run of a tick, which only happens once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import attrs

from trioflow.abc import Append
from trioflow.errors import JournalConflictError
from trioflow_sql.scheduling import MARKED

MARK = MARKED.format(new="?", old="?", at="?", id="?")
Execute = Callable[[sqlite3.Connection, Append], JournalConflictError | None]


def start_tick(
    connection: sqlite3.Connection, append: Append, execute: Execute
) -> JournalConflictError | None:
    """Execute the append that begins the run of a tick, or return why it is refused."""
    assert append.tick is not None  # the caller has looked
    id, at = append.tick
    if connection.execute(MARK, ("started", "decided", at, id)).rowcount != 1:
        return append.tick_conflict()
    conflict = execute(connection, attrs.evolve(append, tick=None))
    if conflict is not None:
        connection.execute(MARK, ("decided", "started", at, id))
    return conflict
