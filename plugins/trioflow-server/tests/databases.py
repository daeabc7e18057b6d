"""Databases that several servers share: a file, or a PostgreSQL server of its own."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

KIT = Path(__file__).parents[2] / "trioflow-sql" / "tests" / "conftest.py"
Opens = Callable[[Path], AbstractContextManager[str]]
"""Opens a database, whose files may be in a folder; gives its URL."""


@contextmanager
def sqlite(folder: Path) -> Iterator[str]:
    """A new file."""
    yield f"sqlite:{folder / 'runs.db'}"


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A new server; skips where none is installed."""
    pytest.importorskip("psycopg")
    if not KIT.exists():
        pytest.skip("the plugin trioflow-sql is not beside this one")
    spec = importlib.util.spec_from_file_location("sql_servers", KIT)
    assert spec is not None
    assert spec.loader is not None
    kit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(kit)
    with kit.running_server() as server:
        yield server.url("postgres")
