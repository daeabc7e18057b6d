"""Workers die or are stopped at any moment; what is recorded stays, and all that was begun ends."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from tests.crash.checks import faults_of
from tests.crash.driver import Driver
from tests.crash.history import History, Journal, counts, read_history
from tests.crash.notes import read_notes
from tests.crash.settings import Settings
from tests.databases import POSTGRESQL, SQLITE, Opens, postgresql_server, sqlite_file
from trioflow._engine.journal.codec import decode
from trioflow.abc import Store, StoredRun

sql = pytest.importorskip("trioflow_sql", reason="trioflow-sql is not installed")

SEED = "TRIOFLOW_CRASH_SEED"
"""Names the environment variable that chooses the seed; without, each campaign has another."""


@attrs.frozen
class Plan:
    """What is done to the workers."""

    kills: int
    claim_seconds: float
    grace: str = ""
    """What is added to a URL of PostgreSQL."""
    stop_for: tuple[float, float] = (0.1, 1.0)
    """Seconds that a worker is stopped for."""
    stop_share: float = 0.15
    long_stop: float = 0.0
    """Seconds that one worker is stopped for in a long campaign."""


SHORT = Plan(0, claim_seconds=1.0, grace="&reconnect_grace=0.5", stop_for=(1.2, 3.0))
"""Claims that end while their owner is stopped."""
DEFAULT = Plan(0, claim_seconds=30.0, long_stop=33.0)
"""The claims of dead owners must be free long before they end."""


def campaign(plan: Plan, url: str, folder: Path, seed: int) -> tuple[History, Counter[str]]:
    """Let workers work and die, and return what has happened."""
    if url.startswith("postgresql"):
        url += plan.grace
    Settings(url, plan.claim_seconds, seed, time.time()).write(folder)
    driver = Driver(folder, random.Random(seed), stop_for=plan.stop_for, stop_share=plan.stop_share)
    with driver.open():
        driver.torment(plan.kills)
        seconds = driver.end()
    history = trio.run(read_all, url, folder)
    found = driver.counts + counts(history)
    found["seconds until all had ended"] = round(seconds)
    return history, found


async def read_all(url: str, folder: Path) -> History:
    """Read notes, journals and the inbox."""
    store: Store
    async with sql.SqlStore(url) as store:
        runs = await store.list_runs()
        journals = {run.header.run_id: await read_journal(store, run) for run in runs}
        left = await store.take_requests("nobody", run_ids=list(journals))
    return read_history(read_notes(folder), journals, [str(request) for request in left])


async def read_journal(store: Store, run: StoredRun) -> Journal:
    entries: list[Any] = list(await store.read(run.header.run_id, limit=10**6))
    recorded = decode(run.header.run_id, entries)
    return Journal(run=run.header.run_id, workflow=run.header.workflow_id, events=recorded)


CLAIMS = [pytest.param(SHORT, id="short-claims"), pytest.param(DEFAULT, id="default-claims")]


def hold(
    database: Opens, plan: Plan, kills: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Do a campaign and check that nothing went wrong."""
    seed = int(os.environ.get(SEED) or random.randrange(10**6))
    with database(folder) as opened:
        history, found = campaign(attrs.evolve(plan, kills=kills), opened.url, folder, seed)
    with capsys.disabled():
        said = ", ".join(f"{number} {name}" for name, number in sorted(found.items()))
        print(f"\n{SEED}={seed}: {said}")
    faults = faults_of(history)
    assert not faults, f"{len(faults)} faults ({SEED}={seed}):\n" + "\n".join(faults[:20])


@pytest.mark.slow
@pytest.mark.parametrize("plan", CLAIMS)
@pytest.mark.parametrize("database", [SQLITE, POSTGRESQL])
def test_20_kills(
    database: Opens, plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hold(database, attrs.evolve(plan, long_stop=0.0), 20, tmp_path, capsys)


@pytest.mark.campaign
@pytest.mark.parametrize("plan", CLAIMS)
def test_300_kills_on_sqlite(
    plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hold(sqlite_file, plan, 300, tmp_path, capsys)


@pytest.mark.campaign
@pytest.mark.postgres
@pytest.mark.parametrize("plan", CLAIMS)
def test_150_kills_on_postgresql(
    plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hold(postgresql_server, plan, 150, tmp_path, capsys)
