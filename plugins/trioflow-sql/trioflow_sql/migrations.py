"""The schema, and the migrations from older versions.

A database stores the number of `MIGRATIONS` that were applied. A published migration is
never changed: each change of the schema appends another one. Every transaction that
writes checks that number first. So if the schema changes while an older version is running,
its next write raises an error, and its earlier writes are complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, Engine, delete, insert, inspect, select

from trioflow.errors import StoreError, StoreMissingError
from trioflow_sql.database import Database, transact
from trioflow_sql.tables import schema

Migration = Sequence[str]
"""Statements. Names in braces are replaced by database-specific parts, see ``Database.ddl``;
a statement that is empty for a database is skipped."""

FIRST: Migration = (
    """
    CREATE TABLE trioflow_runs (
      key {key},
      run_id {text} NOT NULL UNIQUE,
      workflow_id {text} NOT NULL,
      resource_id {text},
      created_at {real} NOT NULL,
      format {integer} NOT NULL,
      status {text} NOT NULL,
      updated_at {real} NOT NULL,
      last_seq {integer} NOT NULL,
      due_at {real},
      owner {text},
      claimed_until {real},
      claim_clock {text}
    ) {changing}
    """,
    # No index has the columns that every append changes: it would have to be updated with them.
    "CREATE INDEX trioflow_runs_by_age ON trioflow_runs (created_at, run_id)",
    "CREATE INDEX trioflow_runs_by_status ON trioflow_runs (status, created_at, run_id)",
    "CREATE INDEX trioflow_runs_by_workflow ON trioflow_runs (workflow_id, created_at, run_id)",
    "CREATE INDEX trioflow_runs_by_resource ON trioflow_runs (resource_id, created_at, run_id)",
    "CREATE INDEX trioflow_runs_by_owner ON trioflow_runs (owner) WHERE owner IS NOT NULL",
    "CREATE INDEX trioflow_runs_by_due ON trioflow_runs (due_at) WHERE due_at IS NOT NULL",
    """
    CREATE TABLE trioflow_headers (
      run {integer} NOT NULL PRIMARY KEY REFERENCES trioflow_runs (key) ON DELETE CASCADE,
      fingerprint {text} NOT NULL,
      tags {text} NOT NULL,
      input {text}
    )
    """,
    """
    CREATE TABLE trioflow_tags (
      tag {text} NOT NULL,
      run {integer} NOT NULL REFERENCES trioflow_runs (key) ON DELETE CASCADE,
      PRIMARY KEY (tag, run)
    ) {clustered}
    """,
    "CREATE INDEX trioflow_tags_by_run ON trioflow_tags (run)",
    # In insertion order, so that the entries of many runs share the pages of a commit.
    """
    CREATE TABLE trioflow_entries (
      run {integer} NOT NULL REFERENCES trioflow_runs (key) ON DELETE CASCADE,
      seq {integer} NOT NULL,
      at {real} NOT NULL,
      text {text} NOT NULL,
      PRIMARY KEY (run, seq)
    )
    """,
    """
    CREATE TABLE trioflow_requests (
      id {id},
      run {integer} NOT NULL REFERENCES trioflow_runs (key) ON DELETE CASCADE,
      kind {text} NOT NULL,
      payload {text} NOT NULL,
      requested_by {text},
      at {real} NOT NULL
    )
    """,
    "CREATE INDEX trioflow_requests_by_run ON trioflow_requests (run, id)",
    "{owners}",
)

SCHEDULES: Migration = (
    """
    CREATE TABLE trioflow_schedules (
      key {key},
      id {text} NOT NULL UNIQUE,
      workflow_id {text} NOT NULL,
      rule {text} NOT NULL,
      options {text} NOT NULL,
      input {text},
      is_declared {integer} NOT NULL,
      version {integer} NOT NULL,
      watermark {real} NOT NULL,
      since {real} NOT NULL,
      starts {integer} NOT NULL,
      is_paused {integer} NOT NULL,
      reason {text},
      kept_since {real},
      wake_at {real}
    ) {changing}
    """,
    "CREATE INDEX trioflow_schedules_by_wake ON trioflow_schedules (wake_at)",
    """
    CREATE TABLE trioflow_ticks (
      schedule {integer} NOT NULL REFERENCES trioflow_schedules (key) ON DELETE CASCADE,
      at {real} NOT NULL,
      decision {text} NOT NULL,
      decided_at {real} NOT NULL,
      run_id {text},
      reason {text},
      owner {text},
      requested_by {text},
      number_missed {integer} NOT NULL,
      first {real},
      count {integer} NOT NULL,
      PRIMARY KEY (schedule, at)
    ) {clustered}
    """,
    """
    CREATE INDEX trioflow_ticks_by_openness ON trioflow_ticks (schedule, at)
    WHERE decision IN ('decided', 'queued')
    """,
)

QUEUES: Migration = (
    "ALTER TABLE trioflow_runs ADD COLUMN queue {text} NOT NULL DEFAULT 'default'",
    "ALTER TABLE trioflow_runs ADD COLUMN priority {integer} NOT NULL DEFAULT 0",
    "ALTER TABLE trioflow_runs ADD COLUMN claimed_at {real}",
    # Only the runs that wait for a worker, in the order in which workers take them.
    """
    CREATE INDEX trioflow_runs_by_queue
    ON trioflow_runs (queue, priority DESC, created_at, run_id)
    WHERE owner IS NULL AND status IN ('pending', 'running')
    """,
)

PLACES: Migration = (
    """
    CREATE TABLE trioflow_tickets (
      id {id},
      of_limit {text} NOT NULL,
      ticket {text} NOT NULL UNIQUE,
      owner {text} NOT NULL,
      lives_until {real} NOT NULL,
      clock {text} NOT NULL,
      given_at {real},
      counts_until {real}
    ) {changing}
    """,
    "CREATE INDEX trioflow_tickets_by_limit ON trioflow_tickets (of_limit, id)",
    "CREATE INDEX trioflow_tickets_by_owner ON trioflow_tickets (owner)",
)

OVERLAPS: Migration = ("ALTER TABLE trioflow_ticks ADD COLUMN overlap {text}",)

MIGRATIONS: Sequence[Migration] = (FIRST, SCHEDULES, QUEUES, PLACES, OVERLAPS)
VERSION = len(MIGRATIONS)
"""The schema version that this code reads and writes."""


def migrate(
    database: Database,
    reader: Engine,
    writer: Engine,
    migrations: Sequence[Migration] = MIGRATIONS,
) -> None:
    """Migrate the schema in one transaction; write nothing if it is up to date.

    Raises:
      StoreError: if a later version created the database.
    """
    if transact(reader, partial(_version, database, len(migrations))) < len(migrations):
        transact(writer, partial(_upgrade, database, migrations))


def check_readable(database: Database, connection: Connection) -> None:
    """Check that the database has a schema that can be read without a migration.

    Raises:
      StoreError: if it does not.
    """
    version = _version(database, VERSION, connection)
    if version == 0:
        problem = "has no tables of trioflow; is it the right database?"
        raise StoreMissingError(database.name, problem)
    if version < VERSION:
        problem = f"its tables have version {version}, but only version {VERSION} can be read"
        raise StoreError(database.name, f"{problem}; open it for writing once to upgrade it")


def _version(database: Database, known: int, connection: Connection) -> int:
    """Return the number of migrations that were applied to the database."""
    if not inspect(connection).has_table(schema.name):
        return 0
    version: int = connection.execute(select(schema.c.version)).scalar_one()
    if version > known:
        raise StoreError(database.name, too_new(version, known))
    return version


def too_new(version: int, known: int = VERSION) -> str:
    """Return the error message for a schema of a later version."""
    problem = f"its tables have version {version}, but this version supports up to {known}"
    return f"{problem}; upgrade trioflow-sql and restart"


def _upgrade(database: Database, migrations: Sequence[Migration], connection: Connection) -> None:
    database.lock_schema(connection)
    version = _version(database, len(migrations), connection)  # may have been migrated meanwhile
    if version == 0:
        connection.exec_driver_sql(
            "CREATE TABLE trioflow_schema (version {integer} NOT NULL)".format(**database.ddl)
        )
    for migration in migrations[version:]:
        for statement in migration:
            if filled := statement.format(**database.ddl):
                connection.exec_driver_sql(filled)
    connection.execute(delete(schema))
    connection.execute(insert(schema), {"version": len(migrations)})
