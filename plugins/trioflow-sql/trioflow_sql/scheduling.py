"""Statements for schedules and the records of their ticks."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

import attrs
from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    delete,
    func,
    select,
    update,
)

from trioflow.abc import DAY, OPEN_DECISIONS, Decision, StoredSchedule, TickRecord
from trioflow_sql.database import Database
from trioflow_sql.schedule_tables import schedules, ticks
from trioflow_sql.tables import database_time
from trioflow_sql.texts import bounded

CHANGED = tuple(name for name in attrs.fields_dict(StoredSchedule) if name not in ("id", "version"))
"""The fields that a new version may change."""
LISTED = select(
    schedules.c.id,
    ticks.c.at,
    ticks.c.decision,
    ticks.c.decided_at,
    ticks.c.run_id,
    ticks.c.reason,
    ticks.c.owner,
    ticks.c.requested_by,
    ticks.c.number_missed,
    ticks.c.first,
    ticks.c.count,
    ticks.c.overlap,
).join(schedules, schedules.c.key == ticks.c.schedule)
FOUND = select(*(column for column in schedules.c if column is not schedules.c.key))
BY_ID = schedules.c.id == bindparam("the_id")
GET = FOUND.where(BY_ID)
REPLACE = (
    update(schedules)
    .where(BY_ID, schedules.c.version == bindparam("the_version"))
    .values(version=bindparam("next_version"), **{name: bindparam(name) for name in CHANGED})
)
ADVANCE = (
    update(schedules)
    .where(
        BY_ID,
        schedules.c.version == bindparam("the_version"),
        schedules.c.watermark == bindparam("after"),
    )
    .values(
        watermark=bindparam("to"),
        version=schedules.c.version + 1,
        starts=schedules.c.starts + bindparam("more"),
        wake_at=bindparam("wake"),
    )
    .returning(schedules.c.key)
)
WAKE = select(func.min(schedules.c.wake_at)).where(schedules.c.wake_at > bindparam("after"))


class TickStartedError(Exception):
    """Rolls the transaction back: a tick that was to be decided has started."""


def server_time(connection: Connection) -> float:
    """Return the time of the server: seconds since the epoch."""
    now: float = connection.execute(select(database_time())).scalar_one()
    return now


def put_all(
    database: Database,
    changes: Sequence[tuple[StoredSchedule, int | None]],
    connection: Connection,
) -> list[bool]:
    """Create or replace schedules that have the expected versions."""
    created = _create(database, [each for each, version in changes if version is None], connection)
    return [
        each.id in created if version is None else _replace(each, version, connection)
        for each, version in changes
    ]


def _create(
    database: Database, new: Sequence[StoredSchedule], connection: Connection
) -> Collection[str]:
    """Add schedules, and return the ids of those that did not exist."""
    if not new:
        return ()
    # Above all versions of deleted schedules with these ids.
    version = time.time_ns() // 1000
    rows = [_row(each) | {"id": each.id, "version": version} for each in new]
    adding = database.insert(schedules).on_conflict_do_nothing().returning(schedules.c.id)
    return set(connection.execute(adding, rows).scalars())


def _replace(schedule: StoredSchedule, version: int, connection: Connection) -> bool:
    given = {"the_id": schedule.id, "the_version": version, "next_version": version + 1}
    return connection.execute(REPLACE, given | _row(schedule)).rowcount == 1


def _row(schedule: StoredSchedule) -> dict[str, Any]:
    row = {name: getattr(schedule, name) for name in CHANGED}
    return row | {"is_declared": int(schedule.is_declared), "is_paused": int(schedule.is_paused)}


def get(id: str, connection: Connection) -> StoredSchedule | None:
    """Return a schedule, or None."""
    row = connection.execute(GET, {"the_id": id}).one_or_none()
    return None if row is None else _schedule(row)


def list_all(connection: Connection) -> list[StoredSchedule]:
    """Return all schedules, in the order of their ids."""
    return list(map(_schedule, connection.execute(FOUND.order_by(schedules.c.id))))


def _schedule(row: Any) -> StoredSchedule:
    fields = dict(row._mapping)
    for name in ("is_declared", "is_paused"):
        fields[name] = bool(fields[name])
    return StoredSchedule(**fields)


def remove(id: str, connection: Connection) -> bool:
    """Delete a schedule and its records."""
    statement = delete(schedules).where(BY_ID)
    return connection.execute(statement, {"the_id": id}).rowcount == 1


def advance(
    database: Database,
    id: str,
    version: int,
    after: float,
    to: float,
    records: Sequence[TickRecord],
    wake_at: float | None,
    connection: Connection,
) -> bool:
    """Move the watermark and add records, unless something has changed.

    Raises:
      TickStartedError: if a tick has started.
    """
    more = sum(record.decision == "decided" and record.by is None for record in records)
    row = {"the_id": id, "the_version": version, "after": after, "to": to}
    found = connection.execute(ADVANCE, {**row, "more": more, "wake": wake_at}).first()
    if found is None:
        return False
    statement = _keeping(database)
    for record in records:
        row = {"schedule": found[0], **_values(record)}
        if connection.execute(statement, row).first() is None:
            raise TickStartedError
    return True


@lru_cache(maxsize=8)
def _keeping(database: Database) -> Any:
    """Return the statement that adds a record, or replaces the one of its tick."""
    adding = database.insert(ticks)
    names = [column.name for column in ticks.c if not column.primary_key]
    return adding.on_conflict_do_update(
        index_elements=[ticks.c.schedule, ticks.c.at],
        set_={name: adding.excluded[name] for name in names},
        where=ticks.c.decision != "started",
    ).returning(ticks.c.at)


def _values(record: TickRecord) -> dict[str, Any]:
    fields = attrs.asdict(record)
    del fields["schedule"]
    return fields | {"requested_by": fields.pop("by")}


def list_ticks(
    id: str | None,
    limit: int | None,
    after: float | None,
    before: float | None,
    decisions: Collection[Decision] | None,
    connection: Connection,
) -> list[TickRecord]:
    """Return records, the newest ticks first."""
    most = None if limit is None else bounded(limit)
    statement = LISTED.order_by(ticks.c.at.desc(), schedules.c.id.desc()).limit(most)
    if id is not None:
        statement = statement.where(schedules.c.id == id)
    if after is not None:
        statement = statement.where(ticks.c.at > after)
    if before is not None:
        statement = statement.where(ticks.c.at < before)
    if decisions is not None:
        statement = statement.where(ticks.c.decision.in_(decisions))
    return list(map(_record, connection.execute(statement)))


def _record(row: Any) -> TickRecord:
    fields = dict(row._mapping)
    return TickRecord(schedule=fields.pop("id"), by=fields.pop("requested_by"), **fields)


def prune(id: str, before: float, connection: Connection) -> int:
    """Remove old records."""
    chosen = select(schedules.c.key, schedules.c.watermark, schedules.c.kept_since)
    row = connection.execute(chosen.where(BY_ID), {"the_id": id}).one_or_none()
    if row is None:
        return 0
    is_old = and_(
        ticks.c.schedule == row.key,
        ticks.c.at < min(before, row.watermark - DAY),
        ticks.c.decision.not_in(OPEN_DECISIONS),
    )
    newest = connection.execute(select(func.max(ticks.c.at)).where(is_old)).scalar_one()
    if newest is None:
        return 0
    kept = newest if row.kept_since is None else max(newest, row.kept_since)
    key = schedules.c.key == row.key
    connection.execute(update(schedules).where(key).values(kept_since=kept))
    return connection.execute(delete(ticks).where(is_old)).rowcount


def wake(after: float, connection: Connection) -> float | None:
    """Return the earliest hint after a time."""
    found: float | None = connection.execute(WAKE, {"after": after}).scalar_one()
    return found


MARKED = """
    UPDATE trioflow_ticks SET decision = {new}
    WHERE decision = {old} AND at = {at}
      AND schedule = (SELECT key FROM trioflow_schedules WHERE id = {id})
"""
"""Changes the decision of a tick; the databases have their own parameters."""
