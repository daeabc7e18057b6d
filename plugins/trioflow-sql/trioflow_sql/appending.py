"""Appending to the journals of many runs in one transaction.

The runs are locked, then Python decides about each append as `Append.conflict` does for
every store, and what may be done is written with one statement per table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs
from sqlalchemy import Connection, bindparam, insert, select, update

from trioflow.abc import Append
from trioflow.errors import JournalConflictError
from trioflow_sql.database import Database, batches
from trioflow_sql.tables import database_time, entries, runs
from trioflow_sql.texts import unstorable


@attrs.frozen
class Head:
    """What an append has to fit to, and what it changes."""

    last_seq: int | None
    """None if the run has yet to begin."""
    owner: str | None
    status: str
    updated_at: float

    def after(self, append: Append) -> Head:
        """Return the head behind an append that fits."""
        last = append.entries[-1] if append.entries else None
        return Head(
            last_seq=last.seq if last else append.after,
            owner=append.owner if append.header else self.owner,
            status=append.status,
            updated_at=last.at if last else self.updated_at,
        )


NO_RUN = Head(None, None, "", 0.0)

HEADS = (
    select(runs.c.run_id, runs.c.last_seq, runs.c.owner, runs.c.status, runs.c.updated_at)
    .where(runs.c.run_id.in_(bindparam("ids", expanding=True)))
    # All lock in this order, so that no two wait for each other. Keys are not locked, for
    # entries that are added share a lock on them. SQLite has nothing to lock but the file.
    .order_by(runs.c.run_id)
    .with_for_update(key_share=True)
)
INSERT = insert(entries)
UPDATE = (
    update(runs)
    .where(runs.c.run_id == bindparam("id"))
    .values(last_seq=bindparam("last_seq"), status=bindparam("status"), updated_at=bindparam("at"))
)


def append_all(
    database: Database, appends: Sequence[Append], connection: Connection
) -> list[JournalConflictError | None]:
    """Add entries to journals; see `trioflow.abc.Store.append`."""
    refused = [unstorable(append) for append in appends]
    sound = [append for append, reason in zip(appends, refused, strict=True) if reason is None]
    heads = make_runs(database, sound, connection)
    heads |= lock_runs({append.run_id for append in sound} - heads.keys(), connection)
    results: list[JournalConflictError | None] = []
    done: list[Append] = []
    for append, reason in zip(appends, refused, strict=True):
        head = heads.get(append.run_id, NO_RUN)
        conflict = reason or append.conflict(head.last_seq, head.owner)
        if conflict is None:
            heads[append.run_id] = head.after(append)
            done.append(append)
        results.append(conflict)
    write(done, heads, connection)
    return results


def make_runs(
    database: Database, appends: Sequence[Append], connection: Connection
) -> dict[str, Head]:
    """Insert the runs that begin and return their heads, without those that exist already.

    Another process may begin a run of the same id at the same time. Only the insert itself
    can tell, and all insert in the order of the ids, so that no two wait for each other.
    """
    begun: dict[str, Append] = {}
    for append in appends:
        if append.header is not None and append.conflict(None, None) is None:
            begun.setdefault(append.run_id, append)
    if not begun:
        return {}
    statement = (
        database.insert(runs)
        .values(claimed_until=database_time() + bindparam("seconds"))
        .on_conflict_do_nothing()
        .returning(runs.c.run_id, runs.c.updated_at)
    )
    rows = [first_row(begun[run_id]) for run_id in sorted(begun)]
    made = connection.execute(statement, rows)
    return {run_id: Head(None, None, "", updated_at) for run_id, updated_at in made}


def first_row(append: Append) -> dict[str, Any]:
    """Return the row of a run that begins. What its entries change is updated later."""
    assert append.header is not None
    return attrs.asdict(append.header) | {
        "status": append.status,
        "updated_at": append.header.created_at,
        "last_seq": -1,
        "owner": append.owner,
        "seconds": None if append.owner is None else append.claim_seconds,
    }


def lock_runs(run_ids: Collection[str], connection: Connection) -> dict[str, Head]:
    """Return the heads of the runs that exist. They stay so until the transaction ends."""
    return {
        run_id: Head(*head)
        for batch in batches(sorted(run_ids))
        for run_id, *head in connection.execute(HEADS, {"ids": batch})
    }


def write(done: Sequence[Append], heads: Mapping[str, Head], connection: Connection) -> None:
    """Insert the entries of appends, and update their runs."""
    rows = [
        {"run_id": append.run_id, "seq": entry.seq, "at": entry.at, "text": entry.text}
        for append in done
        for entry in append.entries
    ]
    if rows:
        connection.execute(INSERT, rows)
    changed = []
    for run_id in {append.run_id for append in done}:
        head = heads[run_id]
        changed.append(
            {"id": run_id, "last_seq": head.last_seq, "status": head.status, "at": head.updated_at}
        )
    if changed:
        connection.execute(UPDATE, changed)
