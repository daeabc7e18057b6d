"""What somebody would write by hand: a row for each step, inserted and committed in a loop."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import trio
from sqlalchemy import BigInteger, Column, Engine, MetaData, Table, Text, create_engine, event

from benchmarks.durable.databases import Kind, new_database
from benchmarks.measure import expect

SETTINGS = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL")
CREATE = """
    CREATE TABLE steps_done (
      run BIGINT NOT NULL, step BIGINT NOT NULL, output TEXT NOT NULL, PRIMARY KEY (run, step)
    )
"""
INSERT = "INSERT INTO steps_done VALUES (?, ?, ?)"
INSERT_PSYCOPG = "INSERT INTO steps_done VALUES (%s, %s, %s)"

steps_done = Table(
    "steps_done",
    MetaData(),
    Column("run", BigInteger, primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("output", Text, nullable=False),
)


def with_sqlalchemy(kind: Kind, runs: int, length: int) -> float:
    """Do the steps in a loop; each is recorded by SQLAlchemy."""
    with new_database(kind) as url:
        engine = _engine(url)
        steps_done.metadata.create_all(engine)
        started = time.perf_counter()
        for run in range(runs):
            for position in range(length):
                with engine.begin() as connection:
                    row = {"run": run, "step": position, "output": "0"}
                    connection.execute(steps_done.insert(), row)
        seconds = time.perf_counter() - started
        with engine.connect() as connection:
            rows = connection.execute(steps_done.select()).fetchall()
        engine.dispose()
    expect("rows written by hand", len(rows), runs * length)
    return seconds


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    engine = create_engine(url.replace("sqlite:", "sqlite:///"))

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        for setting in SETTINGS:
            connection.execute(setting)

    return engine


def with_driver(kind: Kind, runs: int, length: int) -> float:
    """Do the steps in a loop; each is recorded by the bare driver."""
    with new_database(kind) as url:
        if kind == "sqlite":
            return _with_sqlite3(url, runs, length)
        return _with_psycopg(url, runs, length)


def _with_sqlite3(url: str, runs: int, length: int) -> float:
    with _open_sqlite3(url) as connection:
        return _insert(connection, INSERT, runs, length)


@contextmanager
def _open_sqlite3(url: str) -> Iterator[sqlite3.Connection]:
    path = url.removeprefix("sqlite:")
    with closing(sqlite3.connect(path, check_same_thread=False)) as connection:
        for setting in SETTINGS:
            connection.execute(setting)
        connection.execute(CREATE)
        yield connection


def in_threads(kind: Kind, runs: int, length: int) -> float:
    """Do the steps in a loop on Trio, which a commit must not block, with the bare driver."""
    with new_database(kind) as url:
        if kind == "sqlite":
            with _open_sqlite3(url) as connection:
                return trio.run(_in_threads, connection, INSERT, runs, length)
        with _open_psycopg(url) as connection:
            return trio.run(_in_threads, connection, INSERT_PSYCOPG, runs, length)


async def _in_threads(connection: Any, statement: str, runs: int, length: int) -> float:
    def record(run: int, position: int) -> None:
        connection.execute(statement, (run, position, "0"))
        connection.commit()

    started = time.perf_counter()
    for run in range(runs):
        for position in range(length):
            await trio.to_thread.run_sync(record, run, position)
    return time.perf_counter() - started


def _with_psycopg(url: str, runs: int, length: int) -> float:
    with _open_psycopg(url) as connection:
        return _insert(connection, INSERT_PSYCOPG, runs, length)


@contextmanager
def _open_psycopg(url: str) -> Iterator[Any]:
    import psycopg

    with closing(psycopg.connect(url)) as connection:
        connection.execute(CREATE)
        connection.commit()
        yield connection


def _insert(connection: Any, statement: str, runs: int, length: int) -> float:
    started = time.perf_counter()
    for run in range(runs):
        for position in range(length):
            connection.execute(statement, (run, position, "0"))
            connection.commit()
    seconds = time.perf_counter() - started
    [(rows,)] = connection.execute("SELECT count(*) FROM steps_done").fetchall()
    expect("rows written by hand", rows, runs * length)
    return seconds
