"""Worker processes die at any moment; what is recorded stays, and all that was begun ends."""

from __future__ import annotations

import importlib.util
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.crash.driver import Driver
from tests.crash.flows import FLOWS
from trioflow._engine.journal.codec import decode
from trioflow.abc import Store
from trioflow.testing import check_events

sql = pytest.importorskip("trioflow_sql", reason="trioflow-sql is not installed")

pytestmark = pytest.mark.slow
WORKFLOWS = {flow.id: flow for flow in FLOWS}


SERVERS = Path(__file__).parents[2] / "plugins" / "trioflow-sql" / "tests" / "conftest.py"


def drive(driver: Driver, kills: int, workers: int = 1) -> None:
    """Kill workers so often, and check what they have left each time."""

    async def look() -> None:
        async with open_store(driver.url) as store:
            await driver.look(store)

    with driver.open():
        running = [driver.start() for _ in range(workers)]
        for _ in range(kills):
            driver.work()
            running.pop(driver.chance.randrange(len(running))).kill()
            driver.counts["kills"] += 1
            if driver.counts["kills"] % 5 == 0:
                trio.run(look)
            running.append(driver.start())
        driver.work()
        if workers > 1:  # what the dead one had is for the others
            running.pop().kill()
            driver.counts["kills"] += 1
        driver.stop()
        for worker in running:
            assert worker.wait_end() == 0, (driver.folder / "errors").read_text()
    trio.run(check_end, driver)


async def check_end(driver: Driver) -> None:
    async with open_store(driver.url) as store:
        for run in await driver.check_end(store):
            log = decode(run.header.run_id, driver.known[run.header.run_id])
            check_events(log, WORKFLOWS[run.header.workflow_id])


def open_store(url: str) -> Store:
    store: Store = sql.SqlStore(url)
    return store


@pytest.fixture
def sqlite_driver(tmp_path: Path) -> Iterator[Driver]:
    yield Driver(f"sqlite:{tmp_path / 'runs.db'}", tmp_path, random.Random(1))
    with sqlite3.connect(tmp_path / "runs.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()


def test_killed_100_times_on_sqlite(
    sqlite_driver: Driver, capsys: pytest.CaptureFixture[str]
) -> None:
    drive(sqlite_driver, kills=100)
    with capsys.disabled():
        print("\n" + sqlite_driver.report("SQLite"))


def test_another_worker_takes_over_on_sqlite(
    sqlite_driver: Driver, capsys: pytest.CaptureFixture[str]
) -> None:
    drive(sqlite_driver, kills=10, workers=2)
    assert sqlite_driver.counts["recoveries"]
    with capsys.disabled():
        print("\n" + sqlite_driver.report("SQLite, two workers"))


@pytest.fixture
def postgres_driver(tmp_path: Path) -> Iterator[Driver]:
    """A driver on a server that is there for this test only, as the plugin's own tests have it."""
    pytest.importorskip("psycopg")
    if not SERVERS.exists():
        pytest.skip("the plugin is not beside these tests")
    spec = importlib.util.spec_from_file_location("sql_servers", SERVERS)
    assert spec is not None
    assert spec.loader is not None
    servers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(servers)
    with servers.running_server() as server:  # which skips where none is installed
        yield Driver(server.url("postgres"), tmp_path, random.Random(2))


@pytest.mark.postgres
def test_killed_50_times_on_postgresql(
    postgres_driver: Driver, capsys: pytest.CaptureFixture[str]
) -> None:
    drive(postgres_driver, kills=50)
    with capsys.disabled():
        print("\n" + postgres_driver.report("PostgreSQL"))
