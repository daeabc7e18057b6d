"""The schema, and how older ones become it.

A database says how many of the `MIGRATIONS` it has seen. A migration that was published is
never changed: the next change of the schema is another one at the end. Every transaction that
writes looks at that number first, so a process of an older version that is still running when
the schema changes stops writing with an error, and what it has written before is whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, Engine, delete, insert, inspect, select

from trioflow.errors import StoreError, StoreMissingError
from trioflow_sql.database import Database, transact
from trioflow_sql.tables import schema

Migration = Sequence[str]
"""Statements. Names in braces stand for what the databases say differently, see
``Database.ddl``; what is nothing in a database is left out."""

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
    # What changes with every append is in no index, which would have to change with it.
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
    # In the order in which they come, so that those of many runs share the pages of a commit.
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

MIGRATIONS: Sequence[Migration] = (FIRST,)
VERSION = len(MIGRATIONS)
"""The version that this code reads and writes."""


def migrate(
    database: Database,
    reader: Engine,
    writer: Engine,
    migrations: Sequence[Migration] = MIGRATIONS,
) -> None:
    """Bring the schema up to date, in one transaction; write nothing if it is.

    Raises:
      StoreError: if the database was made by a later version.
    """
    if transact(reader, partial(_version, database, len(migrations))) < len(migrations):
        transact(writer, partial(_upgrade, database, migrations))


def check_readable(database: Database, connection: Connection) -> None:
    """Check that there is a schema which can be read as it is.

    Raises:
      StoreError: if there is not.
    """
    version = _version(database, VERSION, connection)
    if version == 0:
        problem = "has no tables of trioflow; is it the right database?"
        raise StoreMissingError(database.name, problem)
    if version < VERSION:
        problem = f"its tables have version {version}, and only {VERSION} can be read"
        raise StoreError(database.name, f"{problem}; open it for writing once, to upgrade it")


def _version(database: Database, known: int, connection: Connection) -> int:
    """Return how many migrations the database has seen."""
    if not inspect(connection).has_table(schema.name):
        return 0
    version: int = connection.execute(select(schema.c.version)).scalar_one()
    if version > known:
        raise StoreError(database.name, too_new(version, known))
    return version


def too_new(version: int, known: int = VERSION) -> str:
    """Return what is wrong with a schema of a later version."""
    problem = f"its tables have version {version}, and the latest known here is {known}"
    return f"{problem}; upgrade trioflow-sql and restart"


def _upgrade(database: Database, migrations: Sequence[Migration], connection: Connection) -> None:
    database.lock_schema(connection)
    version = _version(database, len(migrations), connection)  # others may have been faster
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
