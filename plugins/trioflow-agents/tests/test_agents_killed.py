"""Processes that run agents are killed, and others recover the runs from a file."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("killed.py")
EVENTS = 80
"""More than an undisturbed run has; a process that is not killed has finished the run."""
TIMES = 3


def start(store: Path, notes: Path, at: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM), f"sqlite:{store}", str(notes), str(at)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def entries(store: Path) -> list[list[Any]]:
    """Return the entries of the journal."""
    with closing(sqlite3.connect(store)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
        table = next(name for name in tables if name.endswith("entries"))
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        text = next(name for name in columns if name in ("text", "data", "entry"))
        rows = connection.execute(f"SELECT {text} FROM {table} ORDER BY seq").fetchall()
    return [json.loads(row) for (row,) in rows]


def recorded(store: Path) -> set[str]:
    """Return what the journal holds as done, in the words of the notes."""
    keys = {
        key.rpartition("#")[2]
        for entry in entries(store)
        if entry[0] == "private-update"
        for key in entry[-1]["updates"]
    }
    words = {"1": "ask 1", "2": "ask 2", "3": "ask 3", "1.0": "begin look", "2.0": "begin pay"}
    return {words[key] for key in keys if key in words}


def check_kill(folder: Path, at: int) -> None:
    store, notes = folder / "runs.db", folder / "notes"
    notes.touch()
    killed = start(store, notes, at)
    if killed.returncode == 0:
        assert killed.stdout == "done\n"
        return
    assert killed.returncode == -9, killed.stderr
    has_begun = store.exists() and bool(entries(store))
    if not has_begun:
        return
    done, before = recorded(store), notes.read_text().splitlines()

    recovered = start(store, notes, -1)

    assert recovered.stdout == "done\n", recovered.stderr
    after = notes.read_text().splitlines()[len(before) :]
    assert not done & set(after), (done, after)
    assert len(after) == len(set(after))


@pytest.mark.parametrize("seed", range(TIMES))
def test_nothing_recorded_is_asked_or_run_again(tmp_path: Path, seed: int) -> None:
    check_kill(tmp_path, random.Random(seed).randrange(2, EVENTS))


@pytest.mark.campaign
@pytest.mark.parametrize("at", range(EVENTS))
def test_a_kill_at_each_event(tmp_path: Path, at: int) -> None:
    check_kill(tmp_path, at)
