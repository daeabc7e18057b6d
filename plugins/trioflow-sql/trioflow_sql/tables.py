"""The tables, as the statements see them. How they come to be is told by the migrations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Double, MetaData, Table, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

metadata = MetaData()

runs = Table(
    "trioflow_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("workflow_id", Text, nullable=False),
    Column("resource_id", Text),
    Column("created_at", Double, nullable=False),
    Column("format", BigInteger, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("owner", Text),
    Column("claimed_until", Double),
)

entries = Table(
    "trioflow_entries",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("at", Double, nullable=False),
    Column("text", Text, nullable=False),
)

schema = Table("trioflow_schema", metadata, Column("version", BigInteger, nullable=False))
"""One row: how many of the migrations have been applied."""


class database_time(FunctionElement[float]):  # noqa: N801 - used like the functions of SQL
    """The time by the clock of the database: seconds since the epoch."""

    type = Double()
    inherit_cache = True


@compiles(database_time, "sqlite")
def _in_sqlite(element: database_time, compiler: Any, **options: Any) -> str:
    # To the millisecond, in all versions; unixepoch('subsec') is of 2023.
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(database_time, "postgresql")
def _in_postgresql(element: database_time, compiler: Any, **options: Any) -> str:
    # Not now(): that is when the transaction began, before it waited for a lock.
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"
