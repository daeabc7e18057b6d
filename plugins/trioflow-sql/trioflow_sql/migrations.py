"""The schema, and how older ones become it.

A database says how many of the `MIGRATIONS` it has seen. A migration that was published is
never changed: the next change of the schema is another one at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, Engine, delete, insert, inspect, select

from trioflow.errors import StoreError
from trioflow_sql.database import Database, transact
from trioflow_sql.tables import schema

Migration = Sequence[str]
"""Statements. ``{text}``, ``{integer}`` and ``{real}`` are the types of the database."""

FIRST: Migration = (
    """
    CREATE TABLE trioflow_runs (
      run_id {text} NOT NULL PRIMARY KEY,
      workflow_id {text} NOT NULL,
      resource_id {text},
      created_at {real} NOT NULL,
      format {integer} NOT NULL,
      fingerprint {text} NOT NULL,
      status {text} NOT NULL,
      updated_at {real} NOT NULL,
      last_seq {integer} NOT NULL,
      owner {text},
      claimed_until {real}
    )
    """,
    # What changes with every append is in no index, which would have to change with it.
    "CREATE INDEX trioflow_runs_by_age ON trioflow_runs (created_at, run_id)",
    "CREATE INDEX trioflow_runs_by_status ON trioflow_runs (status, created_at, run_id)",
    "CREATE INDEX trioflow_runs_by_workflow ON trioflow_runs (workflow_id, created_at, run_id)",
    "CREATE INDEX trioflow_runs_by_resource ON trioflow_runs (resource_id, created_at, run_id)",
    "CREATE INDEX trioflow_runs_by_owner ON trioflow_runs (owner) WHERE owner IS NOT NULL",
    """
    CREATE TABLE trioflow_entries (
      run_id {text} NOT NULL REFERENCES trioflow_runs (run_id) ON DELETE CASCADE,
      seq {integer} NOT NULL,
      at {real} NOT NULL,
      text {text} NOT NULL,
      PRIMARY KEY (run_id, seq)
    )
    """,
)

MIGRATIONS: Sequence[Migration] = (FIRST,)


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


def _version(database: Database, known: int, connection: Connection) -> int:
    """Return how many migrations the database has seen."""
    if not inspect(connection).has_table(schema.name):
        return 0
    version: int = connection.execute(select(schema.c.version)).scalar_one()
    if version > known:
        problem = f"its tables have version {version}, and the latest known here is {known}"
        raise StoreError(database.name, f"{problem}; upgrade trioflow-sql")
    return version


def _upgrade(database: Database, migrations: Sequence[Migration], connection: Connection) -> None:
    database.lock_schema(connection)
    version = _version(database, len(migrations), connection)  # others may have been faster
    if version == 0:
        connection.exec_driver_sql(
            "CREATE TABLE trioflow_schema (version {integer} NOT NULL)".format(**database.ddl)
        )
    for migration in migrations[version:]:
        for statement in migration:
            connection.exec_driver_sql(statement.format(**database.ddl))
    connection.execute(delete(schema))
    connection.execute(insert(schema), {"version": len(migrations)})
