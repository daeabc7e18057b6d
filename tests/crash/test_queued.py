"""Workers that share a queue are killed, paused and cut off from the database; no run suffers."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise
from pathlib import Path

import attrs
import pytest
import trio

from tests.crash.checks import faults_of
from tests.crash.checks.bodies import results_of
from tests.crash.driver import ROOT, Driver
from tests.crash.history import Body, History, counts
from tests.crash.settings import Settings
from tests.crash.test_kills import SEED, read_all
from tests.databases import POSTGRESQL, SQLITE, Opens, postgresql_server

sql = pytest.importorskip("trioflow_sql", reason="trioflow-sql is not installed")

LAST = 20
"""How many runs may be left when the last worker has to end them alone."""
KILLING = 200.0
"""Seconds after which no more workers are killed."""
LONGEST = 150.0
"""Seconds that the workers then have for the rest: on a slow machine there is some."""


@attrs.define(eq=False)
class QueueDriver(Driver):
    """Kills a worker at regular times, while a fourth process enqueues and commands."""

    module: str = "tests.crash.queued"
    kill_every: float = 2.0
    pause: float = 0.0
    """Seconds for which one worker is stopped: longer than its claims."""
    away: Callable[[], AbstractContextManager[None]] | None = None
    """Takes the database away, and brings it back."""

    @contextmanager
    def commanding(self, runs: int) -> Generator[subprocess.Popen[str], None, None]:
        """Have runs enqueued and commands given while the block runs."""
        with (
            (self.folder / "errors").open("a") as errors,
            subprocess.Popen(
                [sys.executable, "-m", self.module, str(self.folder), str(runs)],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stderr=errors,
                text=True,
            ) as commander,
        ):
            try:
                yield commander
            finally:
                commander.kill()

    def kill_until(self, is_over: Callable[[], bool]) -> None:
        """Kill workers one after another; in the middle, pause one and restart the database."""
        deadline = time.monotonic() + KILLING
        while not is_over() and time.monotonic() < deadline:
            time.sleep(self.kill_every)
            self.look()
            kills = self.counts["kills"]
            if kills == 2 and self.pause:
                self.long_stop, self.pause = self.pause, 0.0
                self.stop_for_long()
            if kills == 4 and self.away is not None:
                self.counts["restarts of the database"] += 1
                with self.away():
                    time.sleep(1.0)
                self.away = None
            # On a slow machine some have not begun yet: to kill these would test nothing.
            for worker in self.chance.sample(self.alive, len(self.alive)):
                if not self.is_idle(worker):
                    self.kill(worker)
                    self.start(worker.place)
                    break

    def wait_until(self, is_over: Callable[[], bool]) -> None:
        """Let the workers work in peace."""
        deadline = time.monotonic() + LONGEST
        while not is_over():
            assert time.monotonic() < deadline, self.errors()
            time.sleep(0.5)
            self.look()


def unfinished(url: str) -> int:
    """Return how many runs have not ended."""

    async def count() -> int:
        async with sql.SqlStore(url) as store:
            found: int = await store.count_runs(status=("pending", "running", "suspended"))
            return found

    return trio.run(count)


def repeats(history: History) -> tuple[int, int]:
    """Return how many bodies began again, and how many of them were cut off in the middle before.

    In the middle are those that had given nothing, and those whose result was not recorded when
    the body began again: their process had died, or had lost the database for so long that its
    claim was over.
    """
    recorded = {
        call: at for journal in history.journals.values() for call, at, _ in results_of(journal)
    }
    bodies: dict[str, list[Body]] = {}
    for body in sorted(history.bodies, key=lambda body: body.begin):
        bodies.setdefault(body.call, []).append(body)
    again = [pair for calls in bodies.values() for pair in pairwise(calls)]
    middle = sum(
        not earlier.has_given or recorded.get(later.call, math.inf) > later.begin
        for earlier, later in again
    )
    return len(again), middle


def hold(
    database: Opens,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    runs: int,
    kill_every: float,
    claim_seconds: float,
) -> None:
    """Do a campaign, print its counts, and check that nothing went wrong."""
    seed = int(os.environ.get(SEED) or random.randrange(10**6))
    with database(folder) as opened:
        is_server = opened.url.startswith("postgresql")
        url = opened.url + ("&reconnect_grace=1" if is_server else "")
        Settings(url, claim_seconds, seed, time.time()).write(folder)
        driver = QueueDriver(
            folder,
            random.Random(seed),
            stop_for=(1.0, 2.0),
            stop_share=0.0,
            kill_every=kill_every,
            pause=2 * claim_seconds,
            away=opened.away if is_server else None,
        )

        def is_over() -> bool:
            return (folder / "enqueued").exists() and unfinished(url) <= LAST

        with driver.commanding(runs) as commander, driver.open():
            driver.kill_until(is_over)
            driver.wait_until(is_over)
            seconds = driver.end()
            assert commander.wait(timeout=60) == 0, driver.errors()
        history = trio.run(read_all, url, folder)
    again, middle = repeats(history)
    found = driver.counts + counts(history)
    found["bodies begun again"], found["bodies in the middle"] = again, middle
    found["seconds until all had ended"] = round(seconds)
    with capsys.disabled():
        said = ", ".join(f"{number} {name}" for name, number in sorted(found.items()))
        print(f"\n{SEED}={seed}: {said}")
    faults = faults_of(history)
    assert not faults, f"{len(faults)} faults ({SEED}={seed}):\n" + "\n".join(faults[:20])
    assert len(history.journals) == runs
    assert again == middle


@pytest.mark.slow
@pytest.mark.parametrize("database", [SQLITE, POSTGRESQL])
def test_60_runs(database: Opens, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hold(database, tmp_path, capsys, runs=60, kill_every=1.0, claim_seconds=2.0)


@pytest.mark.campaign
@pytest.mark.postgres
def test_1000_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hold(postgresql_server, tmp_path, capsys, runs=1000, kill_every=2.0, claim_seconds=5.0)
