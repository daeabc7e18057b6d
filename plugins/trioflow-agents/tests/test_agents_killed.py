"""Processes that run agents are killed, and others recover the runs from a file."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

PROGRAM = Path(__file__).with_name("killed.py")
EVENTS = 105
"""So many events has a run that nothing disturbs."""
SEEDS = 40


@pytest.fixture(scope="module")
def process() -> Iterator[subprocess.Popen[str]]:
    """The process whose forks are killed."""
    command = [sys.executable, str(PROGRAM)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        yield process


@frozen
class Story:
    """One run, and the processes that die of it."""

    process: subprocess.Popen[str]
    folder: Path

    @property
    def store(self) -> Path:
        return self.folder / "runs.db"

    @property
    def noted(self) -> list[str]:
        """What the processes have noted."""
        notes = self.folder / "notes"
        return notes.read_text().splitlines() if notes.exists() else []

    def start(self, at: int) -> int:
        """Run a process that is killed at an event, -1 for never; return its exit code."""
        paths = (f"sqlite:{self.store}", str(self.folder / "notes"), str(self.folder / "out"))
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps([*paths[:2], at, paths[2]]), file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())


def entries(store: Path) -> list[list[Any]]:
    """Return the entries of the journal."""
    with closing(sqlite3.connect(store)) as connection:
        try:
            rows = connection.execute("SELECT text FROM trioflow_entries ORDER BY seq").fetchall()
        except sqlite3.OperationalError:  # killed before there were tables
            return []
    return [json.loads(row) for (row,) in rows]


def recorded(store: Path) -> set[str]:
    """Return what the journal holds as done, in the words of the notes."""
    if not store.exists():
        return set()
    done = set()
    for entry in entries(store):
        if entry[0] == "private-update":
            done |= {WORDS.get(key.rpartition("#")[2], "") for key in entry[-1]["updates"]}
        if entry[0] == "step-answered":
            done.add("approve")
    return done - {""}


WORDS = {"1": "ask 1", "2": "ask 2", "3": "ask 3", "1.0": "begin look", "2.0": "begin pay"}
"""What is noted before the private state gets a key that ends like this."""
NEEDED = {*WORDS.values(), "approve"}


def check_kills(story: Story, kills: Sequence[int]) -> Counter[str]:
    """Kill one process after the other at an event, and let the last one end the run.

    Returns what was counted.
    """
    counted = Counter[str]()
    for at in (*kills, -1):
        done, before = recorded(story.store), story.noted
        code = story.start(at)
        assert code in (0, -9)
        counted["kills"] += code == -9
        after = story.noted[len(before) :]
        assert not done & set(after), f"done again, of {kills}: {done & set(after)}"
        assert len(after) == len(set(after)), f"done twice, of {kills}: {after}"
        counted["done again since it was not recorded"] += len(set(before) & set(after))
    assert (story.folder / "out").read_text() == "done"
    assert set(story.noted) == NEEDED
    return counted


@pytest.mark.parametrize("seed", range(3))
def test_nothing_recorded_is_asked_or_run_again(
    process: subprocess.Popen[str], tmp_path: Path, seed: int
) -> None:
    check_kills(Story(process, tmp_path), [random.Random(seed).randrange(2, EVENTS)])


def test_a_run_has_as_many_events_as_the_campaign_kills_at(
    process: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert Story(process, tmp_path).start(EVENTS) == 0
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection:
        (last,) = connection.execute("SELECT max(seq) FROM trioflow_entries").fetchone()
    assert last + 1 == EVENTS


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_kill_at_each_event(
    process: subprocess.Popen[str], tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """All seeds together kill at each event. Every other one also kills who recovers the run."""
    chance = random.Random(seed)
    counted = Counter[str]()
    for at in range(seed, EVENTS, SEEDS):
        folder = tmp_path / str(at)
        folder.mkdir()
        again = [chance.randrange(EVENTS - at)] if seed % 2 else []
        counted += check_kills(Story(process, folder), [at, *again])
    with capsys.disabled():
        told = ", ".join(f"{number} {name}" for name, number in counted.items())
        print(f"\nseed {seed}: {told}")
