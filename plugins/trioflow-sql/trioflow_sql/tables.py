"""The tables as the statements use them. The migrations create them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Double, MetaData, Table, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

metadata = MetaData()

runs = Table(
    "trioflow_runs",
    metadata,
    Column("key", BigInteger, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("workflow_id", Text, nullable=False),
    Column("resource_id", Text),
    Column("created_at", Double, nullable=False),
    Column("format", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("due_at", Double),
    Column("owner", Text),
    Column("claimed_until", Double),
    Column("claim_clock", Text),
    Column("queue", Text, nullable=False),
    Column("priority", BigInteger, nullable=False),
    Column("claimed_at", Double),
)
"""The columns that appends change or that runs are found by. Other tables refer to ``key``."""

headers = Table(
    "trioflow_headers",
    metadata,
    Column("run", BigInteger, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("tags", Text, nullable=False),
    Column("input", Text),
)
"""Large data that never changes. It is separate because an update rewrites a whole row."""

tags = Table(
    "trioflow_tags",
    metadata,
    Column("tag", Text, primary_key=True),
    Column("run", BigInteger, primary_key=True),
)

entries = Table(
    "trioflow_entries",
    metadata,
    Column("run", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("at", Double, nullable=False),
    Column("text", Text, nullable=False),
)

requests = Table(
    "trioflow_requests",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("run", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("requested_by", Text),
    Column("at", Double, nullable=False),
)

tickets = Table(
    "trioflow_tickets",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("of_limit", Text, nullable=False),
    Column("ticket", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("lives_until", Double, nullable=False),
    Column("clock", Text, nullable=False),
    Column("given_at", Double),
    Column("counts_until", Double),
)
"""The lines of limits. ``given_at`` is when a rate gave a place, which counts for a while even if
the ticket has left; others wait or have a place."""

schema = Table("trioflow_schema", metadata, Column("version", BigInteger, nullable=False))
"""One row: the number of migrations that were applied."""


class database_time(FunctionElement[float]):  # noqa: N801 - used like the functions of SQL
    """The time by which claims expire, in seconds since an arbitrary start."""

    type = Double()
    inherit_cache = True


@compiles(database_time, "sqlite")
def _in_sqlite(element: database_time, compiler: Any, **options: Any) -> str:
    return "trioflow_time()"  # see trioflow_sql.sqlite.clock


@compiles(database_time, "postgresql")
def _in_postgresql(element: database_time, compiler: Any, **options: Any) -> str:
    # Not now(), which is the start of the transaction, before it waited for a lock.
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"


class database_clock(FunctionElement[str]):  # noqa: N801
    """The name of that clock. Times of different clocks cannot be compared."""

    type = Text()
    inherit_cache = True


@compiles(database_clock, "sqlite")
def _clock_in_sqlite(element: database_clock, compiler: Any, **options: Any) -> str:
    return "trioflow_clock()"


@compiles(database_clock, "postgresql")
def _clock_in_postgresql(element: database_clock, compiler: Any, **options: Any) -> str:
    return "'server'"
