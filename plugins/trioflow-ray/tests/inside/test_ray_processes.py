"""Programs with a runner: one that is killed, and one that idles."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
IDLE = 15
"""Seconds; the threads of Trio end after ten."""


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for what only other processes know."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def program(name: str, *args: object) -> subprocess.Popen[str]:
    environment = {name: os.environ[name] for name in os.environ if name != "RAY_ADDRESS"}
    command = [sys.executable, str(HERE / name), *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_bodies_stop_with_their_program_and_a_cluster_lives_as_long(
    cluster: Any, tmp_path: Path
) -> None:
    with program("idler.py", IDLE) as idler:
        path = tmp_path / "ticks"
        with program("driver.py", cluster.address, path) as driver:
            until(path.exists)
            driver.kill()
            driver.wait()

        def rests() -> bool:
            size = path.stat().st_size
            time.sleep(0.3)  # a body that goes on writes thirty times
            return path.stat().st_size == size

        until(rests, 5)
        output, _ = idler.communicate(timeout=120)

    assert output == "2 4\n"
    assert idler.returncode == 0
