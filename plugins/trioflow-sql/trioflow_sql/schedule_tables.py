"""The tables of schedules as the statements use them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Table, Text

from trioflow_sql.tables import metadata

schedules = Table(
    "trioflow_schedules",
    metadata,
    Column("key", BigInteger, primary_key=True),
    Column("id", Text, nullable=False),
    Column("workflow_id", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("input", Text),
    Column("is_declared", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("watermark", Double, nullable=False),
    Column("since", Double, nullable=False),
    Column("starts", BigInteger, nullable=False),
    Column("is_paused", BigInteger, nullable=False),
    Column("reason", Text),
    Column("kept_since", Double),
    Column("wake_at", Double),
)
"""No times of ticks but the hint ``wake_at``."""

ticks = Table(
    "trioflow_ticks",
    metadata,
    Column("schedule", BigInteger, primary_key=True),
    Column("at", Double, primary_key=True),
    Column("decision", Text, nullable=False),
    Column("decided_at", Double, nullable=False),
    Column("run_id", Text),
    Column("reason", Text),
    Column("owner", Text),
    Column("requested_by", Text),
    Column("number_missed", BigInteger, nullable=False),
    Column("first", Double),
    Column("count", BigInteger, nullable=False),
    Column("overlap", Text),
)
