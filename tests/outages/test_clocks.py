"""Clocks that are set while processes run, and one that is ten years ahead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs
import pytest
import trio

from tests.outages.ticking import read_journals, wait_end
from trioflow.abc import Store

sql = pytest.importorskip("trioflow_sql", reason="trioflow-sql is not installed")
from tests.outages.keeper import CLAIM, SLEEP, TICK, Diary  # noqa: E402 - it needs the plugin

pytestmark = pytest.mark.slow

LIBRARIES = [*Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")]
ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds until what has to happen has happened, on a slow machine. An hour is longer."""


@attrs.define
class Keeper:
    """A process whose calendar can be set."""

    process: subprocess.Popen[bytes]
    diary: Diary
    calendar: Path

    def set(self, offset: str) -> None:
        """Set its calendar so far from the right time."""
        self.calendar.write_text(offset)


@contextmanager
def keeper(folder: Path, name: str, run_id: str = "-", offset: str = "+0") -> Iterator[Keeper]:
    """Run a process on the file in a folder."""
    if not LIBRARIES:
        pytest.skip("libfaketime is not installed")
    calendar = folder / f"{name}.calendar"
    calendar.write_text(offset)
    environment = {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(calendar),
        "FAKETIME_CACHE_DURATION": "1",  # seconds after which it is read again
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # nobody can set that one
        "NO_FAKE_STAT": "1",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "tests.outages.keeper", str(folder), name, run_id]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | environment) as process:
        try:
            yield Keeper(process, Diary(folder, name), calendar)
        finally:
            process.kill()


def wait_for(what: Callable[[], bool]) -> None:
    """Wait until something has happened."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("offset", "signum"),
    [
        ("+1h", signal.SIGKILL),
        ("-1h", signal.SIGSTOP),
        pytest.param("-1h", signal.SIGKILL, marks=pytest.mark.campaign),
        pytest.param("+1h", signal.SIGSTOP, marks=pytest.mark.campaign),
    ],
)
def test_claims_survive_a_calendar_that_is_set(
    offset: str, signum: signal.Signals, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        owner = stack.enter_context(keeper(tmp_path, "owner", "run"))
        other = stack.enter_context(keeper(tmp_path, "other"))
        wait_for(lambda: bool(owner.diary.read("run") and other.diary.read("opened")))
        for each in (owner, other):
            each.set(offset)
        enough = len(owner.diary.read("run")) + 1.25 * CLAIM / TICK
        # On a machine that is slow enough the owner may have to leave the run to the other.
        wait_for(lambda: sum(len(each.diary.read("run")) for each in (owner, other)) > enough)
        # One that is killed is known to be dead; of one that is stopped only time tells.
        owner.process.send_signal(signum)
        wait_for(lambda: bool(other.diary.read("run")))
        assert max(owner.diary.read("run")) < min(other.diary.read("run"))


async def wait_stored(store: Store, run_id: str) -> None:
    """Wait until there is a run."""
    with trio.fail_after(PATIENCE):
        while True:
            if await store.get(run_id) is not None:
                return
            await trio.sleep(0.02)


async def test_a_run_of_ten_years_ahead_ends_no_sleep_of_others(tmp_path: Path) -> None:
    with keeper(tmp_path, "ahead", "future", offset="+3650d") as ahead:
        url = f"sqlite:{tmp_path / 'runs.db'}"
        async with sql.SqlStore(url) as store:
            await wait_stored(store, "future")
        ahead.process.kill()
    with keeper(tmp_path, "today", "present") as today:
        wait_for(lambda: bool(today.diary.read("present")) and bool(today.diary.read("future")))
        (opened,) = today.diary.read("opened")
        assert min(today.diary.read("present")) >= opened + SLEEP
        async with sql.SqlStore(url) as store:
            with trio.fail_after(PATIENCE):
                for run_id in ("present", "future"):
                    await wait_end(store, run_id)
            journals = await read_journals(store)
    years = 365 * 24 * 3600
    assert all(event.at > time.time() + 9 * years for event in journals["future"].events)
    assert all(event.at < time.time() + 1 for event in journals["present"].events)
