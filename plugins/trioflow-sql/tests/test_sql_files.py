"""What may happen to a file: it is taken away, gets smaller, is copied; and its clock."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
import trio
from sqlalchemy import Connection
from trioflow_sql import SqlStore
from trioflow_sql.sqlite import clock, copying

from trioflow.abc import Append, Entry, RunHeader
from trioflow.errors import StoreError

HEADER = RunHeader(run_id="a", workflow_id="w", created_at=1.0, format=1, fingerprint="{}")
BEGIN = Append(run_id="a", entries=(), after=-1, status="running", header=HEADER)


def following(after: int, text: str = "{}") -> Append:
    entry = Entry(after + 1, 1.0, text)
    return Append(run_id="a", entries=(entry,), after=after, status="running")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


# ---------------------------------------------------------------- taken away
def remove(file: Path) -> None:
    file.unlink()


def remove_all(file: Path) -> None:
    for path in file.parent.glob("runs.db*"):
        if path.is_file():
            path.unlink()


def move(file: Path) -> None:
    file.rename(file.with_name("moved.db"))


def replace(file: Path) -> None:
    other = file.with_name("other.db")
    with contextlib.closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE something_else (x)")
    other.replace(file)


def replace_by_copy(file: Path) -> None:
    shutil.copy(file, file.with_name("copy.db"))
    file.with_name("copy.db").replace(file)


@pytest.mark.parametrize("take_away", [remove, remove_all, move, replace, replace_by_copy])
async def test_a_file_that_is_taken_away_is_noticed(
    file: Path, take_away: Callable[[Path], None]
) -> None:
    async with SqlStore(f"sqlite:{file}") as store:
        await store.append([BEGIN, following(-1)])
        take_away(file)
        before = sorted(file.parent.iterdir())

        for call in (
            lambda: store.append([following(0)]),
            lambda: store.claim("a", "me", 1.0),
            lambda: store.get("a"),
            lambda: store.append([following(0)]),
        ):
            with pytest.raises(StoreError, match="removed or replaced") as caught:
                await call()
            assert not caught.value.transient
        assert sorted(file.parent.iterdir()) == before  # nothing is made in its place


async def test_a_file_that_is_taken_away_during_a_commit_is_noticed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SqlStore(f"sqlite:{file}") as store:
        await store.append([BEGIN])
        append = store._database.append

        def append_without(*args: object) -> object:
            done = append(*args)  # type: ignore[arg-type]
            file.unlink()
            return done

        monkeypatch.setattr(store._database, "append", append_without)
        with pytest.raises(StoreError, match="removed or replaced"):
            await store.append([following(-1)])


async def test_a_file_that_was_moved_and_put_back_is_used_again(file: Path) -> None:
    async with SqlStore(f"sqlite:{file}") as store:
        await store.append([BEGIN])
        move(file)
        with pytest.raises(StoreError, match="restore it"):
            await store.append([following(-1)])
        file.with_name("moved.db").rename(file)
        assert await store.append([following(-1)]) == [None]


# ---------------------------------------------------------------- size
@pytest.mark.parametrize(("how", "share"), [("prune", 0.1), ("delete", 0.4)])
async def test_the_file_gets_smaller(file: Path, how: str, share: float) -> None:
    def run(number: int) -> Append:
        header = attrs.evolve(HEADER, run_id=str(number))
        entries = tuple(Entry(seq, 1.0, "x" * 5000) for seq in range(20))
        return Append(
            run_id=str(number), entries=entries, after=-1, status="success", header=header
        )

    async with SqlStore(f"sqlite:{file}") as store, SqlStore(f"sqlite:{file}") as other:
        await store.append([run(number) for number in range(40)])
        await other.get("1")
        full = size(file)
        if how == "prune":
            assert await store.prune(2.0) == 40
        else:
            for number in range(40):
                await store.delete(str(number))
        assert size(file) < full * share
        assert await other.get("1") is None
        assert await other.append([run(1)]) == [None]


def size(file: Path) -> int:
    return sum(path.stat().st_size for path in file.parent.glob("runs.db*") if path.is_file())


# ---------------------------------------------------------------- copies
async def test_a_copy_of_a_file_in_use_is_consistent(file: Path) -> None:
    copies = [file.with_name(f"copy {number}.db") for number in range(5)]
    async with SqlStore(f"sqlite:{file}") as store, trio.open_nursery() as nursery:
        await store.append([BEGIN])

        @nursery.start_soon
        async def write() -> None:
            seq = -1
            while True:
                await store.append([following(seq, "x" * 1000)])
                seq += 1

        for copy in copies:
            await store.backup(copy)
        nursery.cancel_scope.cancel()

    lengths = []
    for copy in copies:
        async with SqlStore(f"sqlite:{copy}").read_only() as reader:
            run = await reader.get("a")
            assert run is not None
            entries = await reader.read("a", limit=10**6)
            assert [entry.seq for entry in entries] == [*range(run.last_seq + 1)]
            lengths.append(len(entries))
    assert lengths == sorted(lengths)
    async with SqlStore(f"sqlite:{copies[-1]}") as store:
        assert await store.append([following(lengths[-1] - 1)]) == [None]


async def test_a_copy_is_no_other_file_and_complete_or_not_there(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SqlStore(f"sqlite:{file}") as store:
        await store.append([BEGIN])
        with pytest.raises(StoreError, match="File exists"):
            await store.backup(file)
        assert await store.get("a") is not None
        with pytest.raises(StoreError, match="No such file"):
            await store.backup(file.parent / "nowhere" / "copy.db")

        def fail(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(StoreError, match="No space left"):
            await store.backup(file.with_name("copy.db"))
        assert list(file.parent.glob("copy*")) == []


async def test_a_copy_of_a_closed_file_is_made_again_if_somebody_begins_to_write(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SqlStore(f"sqlite:{file}") as store:
        await store.append([BEGIN])
    copies: list[Path] = []
    make_copy = copying._copy

    def copy_and_write(path: Path, connection: Connection) -> None:
        make_copy(path, connection)
        copies.append(path)
        if len(copies) == 1:
            with contextlib.closing(sqlite3.connect(file)) as other:
                other.execute("UPDATE trioflow_runs SET status = 'paused'")
                other.commit()

    monkeypatch.setattr(copying, "_copy", copy_and_write)
    async with SqlStore(f"sqlite:{file}").read_only() as reader:
        await reader.backup(file.with_name("copy.db"))

    assert len(copies) == 2
    async with SqlStore(f"sqlite:{file.with_name('copy.db')}").read_only() as reader:
        run = await reader.get("a")
        assert run is not None
        assert run.status == "paused"


def trioflow(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [sys.executable, "-m", "trioflow", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_line_copies(file: Path) -> None:
    async def begin() -> None:
        async with SqlStore(f"sqlite:{file}") as store:
            await store.append([BEGIN])

    trio.run(begin)
    copies = [file.with_name("one.db"), file.with_name("two.db")]

    assert trioflow("backup", str(copies[0]), "--store", f"sqlite:{file}").returncode == 0
    assert trioflow("backup", str(copies[1]), TRIOFLOW_STORE=f"sqlite:{file}").returncode == 0

    for copy in copies:
        with contextlib.closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("SELECT run_id FROM trioflow_runs").fetchall() == [("a",)]
    assert sorted(path.name for path in file.parent.iterdir()) == ["one.db", "runs.db", "two.db"]


def test_the_command_line_says_what_it_cannot_copy(file: Path) -> None:
    for words, code, said in [
        (["--store", f"sqlite:{file}"], 2, "there is no such file"),
        (["--store", "mysql:x"], 1, "is not supported"),
        ([], 2, "use --store URL"),
    ]:
        done = trioflow("backup", str(file.with_name("copy.db")), *words, TRIOFLOW_STORE="")
        assert done.returncode == code
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert list(file.parent.iterdir()) == []


@pytest.mark.postgres
@pytest.mark.slow
async def test_a_server_is_copied_by_its_own_program(postgres_url: str, file: Path) -> None:
    async with SqlStore(postgres_url) as store:
        with pytest.raises(StoreError, match="pg_dump"):
            await store.backup(file)


# ---------------------------------------------------------------- time
CLAIM = """
import sys, trio
from trioflow_sql import SqlStore

async def main():
    async with SqlStore(sys.argv[1]) as store:
        print(await store.claim("a", sys.argv[2], float(sys.argv[3])))

trio.run(main)
"""


def claim_at(offset: str, file: Path, owner: str, seconds: float) -> bool:
    """Claim the run in a process whose calendar is off by so much."""
    command = [sys.executable, "-c", CLAIM, f"sqlite:{file}", owner, str(seconds)]
    done = subprocess.run(
        ["faketime", "-f", offset, *command],
        env={**os.environ, "FAKETIME_DONT_FAKE_MONOTONIC": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() == "True"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
def test_a_calendar_that_is_set_changes_no_claim(file: Path) -> None:
    async def begin() -> None:
        async with SqlStore(f"sqlite:{file}") as store:
            await store.append([BEGIN])

    trio.run(begin)
    assert claim_at("+0", file, "me", 60.0)
    for offset in ("+400d", "-1h"):
        assert not claim_at(offset, file, "you", 60.0)
    assert claim_at("+1h", file, "me", 0.0)
    assert claim_at("-1h", file, "you", 0.0)  # without waiting for two hours
    assert claim_at("+1h", file, "me", 60.0)


async def test_nobody_of_before_a_restart_of_the_machine_lives(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SqlStore(f"sqlite:{file}") as store:
        await store.append([BEGIN])
        assert await store.claim("a", "me", 1e6)
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE trioflow_runs SET claim_clock = 'earlier'")
        connection.commit()

    async with SqlStore(f"sqlite:{file}") as store:
        run = await store.get("a")
        assert run is not None
        assert (run.owner, run.held_for) == ("me", 0.0)
        assert await store.claim("a", "you", 60)


def test_the_clock_of_the_machine_is_used_if_it_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock.clock_name.cache_clear()
    monkeypatch.setattr(clock, "BOOT_ID", tmp_path / "none")
    try:
        assert clock.clock_name() == clock.CALENDAR
        assert abs(clock.clock_time() - time.time()) < 60
    finally:
        clock.clock_name.cache_clear()
