"""Schedules of several processes on one database, of which one is killed."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import trio
from trioflow_sql import SqlStore

SCHEDULER = Path(__file__).parent / "scheduler.py"
PATIENCE = 90.0


def start(url: str, file: Path, mode: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(SCHEDULER), url, str(file), mode])


def lines_of(file: Path) -> list[list[str]]:
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def wait_for_takeover(file: Path) -> str:
    """Wait until the run of the killed process and ten more have begun; return its id."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        lines = lines_of(file)
        killed = [line[1] for line in lines if line[0] == "killed"]
        if killed and killed[0] in [line[0] for line in lines] and len(lines) >= 12:
            return killed[0]
        time.sleep(0.2)
    raise AssertionError(f"nobody has started the run: {lines_of(file)}")


@pytest.mark.slow
def test_a_tick_of_a_process_that_was_killed_after_its_decision_starts_once(
    url: str, tmp_path: Path
) -> None:
    file = tmp_path / "bodies"
    processes = [start(url, file, mode) for mode in ("dies", "lives", "lives")]
    try:
        assert processes[0].wait(PATIENCE) == -signal.SIGKILL
        wait_for_takeover(file)
    finally:
        for process in processes:
            process.kill()
            process.wait()

    bodies = Counter(line[0] for line in lines_of(file) if line[0] != "killed")
    assert set(bodies.values()) == {1}

    async def look() -> None:
        async with SqlStore(url) as store:
            records = await store.list_ticks("s", None)
            now = await store.now()
        times = [record.at for record in records]
        assert len(times) == len(set(times))
        assert all(at <= now for at in times)
        assert set(bodies) <= {record.run_id for record in records}
        steps = [round(later - earlier) for later, earlier in itertools.pairwise(times)]
        assert set(steps) == {1}  # none was lost

    trio.run(look)
