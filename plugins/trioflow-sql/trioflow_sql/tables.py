"""The tables, as the statements see them. How they come to be is told by the migrations."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, MetaData, Table, Text

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
