"""Databases for tests that start processes: a file, or a PostgreSQL server of its own."""

from __future__ import annotations

import importlib.util
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

SERVERS = Path(__file__).parents[1] / "plugins" / "trioflow-sql" / "tests" / "conftest.py"

LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
"""


@attrs.frozen
class Database:
    """One that is there while a test runs."""

    url: str
    away: Callable[[], AbstractContextManager[None]]
    """Blocks for as long as it takes to go away, and to come back."""


Opens = Callable[[Path], AbstractContextManager[Database]]


@contextmanager
def sqlite_file(folder: Path) -> Generator[Database, None, None]:
    """A new file, which another process can lock."""
    path = folder / "runs.db"

    @contextmanager
    def away() -> Generator[None, None, None]:
        with locked(path):
            yield

    yield Database(f"sqlite:{path}", away)
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()


@contextmanager
def locked(path: Path) -> Generator[None, None, None]:
    """Have another process hold the lock for writing to a file."""
    with subprocess.Popen(
        [sys.executable, "-c", LOCK, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield


def server_kit() -> Any:
    """Return what the plugin's own tests start servers with."""
    pytest.importorskip("psycopg")
    if not SERVERS.exists():
        pytest.skip("the plugin is not beside these tests")
    spec = importlib.util.spec_from_file_location("sql_servers", SERVERS)
    assert spec is not None
    assert spec.loader is not None
    kit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kit)
    return kit


@contextmanager
def postgresql_server(folder: Path) -> Generator[Database, None, None]:
    """A new server, which can be stopped as by a crash and started again."""
    with server_kit().running_server() as server:  # which skips where none is installed

        @contextmanager
        def away() -> Generator[None, None, None]:
            server.process.send_signal(signal.SIGQUIT)  # at once: clients are cut off
            server.process.wait(timeout=60)
            yield
            server.start()

        yield Database(server.url("postgres"), away)


SQLITE = pytest.param(sqlite_file, id="sqlite")
POSTGRESQL = pytest.param(postgresql_server, id="postgresql", marks=pytest.mark.postgres)
