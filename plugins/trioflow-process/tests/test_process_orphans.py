"""Nothing of a program that was killed goes on: no worker, none of its children, no folder."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
from process_steps.doomed import BODIES

MARK = "PROCESS_STEPS_MARK"
SOON = 5.0
"""Seconds after which a process counts as left. The figures show how long it takes."""
SEED = "TRIOFLOW_CAMPAIGN_SEED"

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")


def marked(mark: str) -> Iterator[int]:
    """Yield the ids of the processes that have inherited a mark in their environment."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                environ = (folder / "environ").read_bytes()
            except OSError:
                continue
            if mark.encode() in environ:  # that of a dead process is empty
                yield int(folder.name)


@attrs.frozen
class Killed:
    """What was seen when a program was killed."""

    others: int
    """How many other processes it had then."""
    seconds: float
    """How long it took until all were gone."""
    left: tuple[int, ...]
    files: tuple[str, ...]


@contextmanager
def program(mark: str, folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program, and kill it at the end of the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "process_steps.doomed", *arguments],
        cwd=Path(__file__).parents[1],
        env={**os.environ, MARK: mark, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as started:
        yield started
        started.send_signal(signal.SIGKILL)


def kill(names: list[str], lines: int, delay: float, folder: Path) -> Killed:
    """Start a program, and kill it some time after it has printed some lines."""
    mark = uuid.uuid4().hex
    with program(mark, folder, *names) as started:
        assert started.stdout is not None
        for _ in range(lines):
            started.stdout.readline()
        time.sleep(delay)
        others = len(set(marked(mark)) - {started.pid})
    seconds, left = wait_until_gone(mark)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return Killed(others, seconds, left, tuple(path.name for path in folder.iterdir()))


def wait_until_gone(mark: str, keep: int = 0) -> tuple[float, tuple[int, ...]]:
    """Wait until no process has a mark, and return which are left.

    One process may be kept, and with it what multiprocessing ends when all files are closed.
    """
    begun = time.monotonic()
    while left := tuple(pid for pid in marked(mark) if not (keep and is_kept(pid, keep))):
        if time.monotonic() - begun > SOON:
            break
        time.sleep(0.005)
    return time.monotonic() - begun, left


def is_kept(pid: int, keep: int) -> bool:
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    return pid == keep or b"multiprocessing.resource_tracker" in command


@needs_linux
@pytest.mark.parametrize("name", BODIES)
def test_no_body_goes_on_after_its_program_was_killed(name: str, tmp_path: Path) -> None:
    killed = kill([name], 1, 0, tmp_path)

    assert killed.others >= 1
    assert (killed.left, killed.files) == ((), ())


@needs_linux
def test_a_process_that_the_program_has_forked_keeps_no_worker_alive(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    with program(mark, tmp_path, "write", "--fork") as started:
        assert started.stdout is not None
        started.stdout.readline()
        forked = int(started.stdout.readline())
    _, left = wait_until_gone(mark, forked)
    os.kill(forked, signal.SIGKILL)
    _, left_at_all = wait_until_gone(mark)
    for pid in left_at_all:
        os.kill(pid, signal.SIGKILL)

    assert (left, left_at_all) == ((), ())


@needs_linux
@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.campaign)])
def test_kills_at_any_moment_leave_nothing(
    kills: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get(SEED) or random.randrange(1_000_000))
    chance = random.Random(seed)
    bodies: Counter[str] = Counter()
    results = []
    for _ in range(kills):
        names = chance.sample(sorted(BODIES), 2)
        bodies.update(names)
        # Before, while and after workers start.
        results.append(kill(names, chance.randrange(3), chance.uniform(0, 0.5), tmp_path))
    orphans = sum(len(one.left) for one in results)
    with capsys.disabled():
        print(
            f"\nseed {seed}: {kills} kills while {sum(one.others for one in results)} other "
            f"processes ran ({dict(bodies)}); {orphans} orphans, "
            f"all gone after at most {max(one.seconds for one in results):.2f} s"
        )
    assert orphans == 0
    assert list(tmp_path.iterdir()) == []
