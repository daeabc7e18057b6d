"""A store that only reads: of a file that is in use, closed, copied, or not to be written."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from trioflow_sql import SqlStore

from trioflow.abc import Append, Entry, RunHeader
from trioflow.errors import StoreError, StoreMissingError

HEADER = RunHeader(run_id="a", workflow_id="w", created_at=1.0, format=1, fingerprint="{}")
BEGIN = Append(run_id="a", entries=(), after=-1, status="running", header=HEADER)


def following(after: int) -> Append:
    entry = Entry(after + 1, 1.0, "{}")
    return Append(run_id="a", entries=(entry,), after=after, status="running")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with one run, which is closed."""

    async def make() -> None:
        async with SqlStore(f"sqlite:{tmp_path / 'runs.db'}") as store:
            await store.append([BEGIN, following(-1)])

    trio.run(make)
    return tmp_path / "runs.db"


def seen(file: Path) -> dict[str, tuple[int, int]]:
    """Return all files beside a file, and when they were changed."""
    return {
        path.name: (path.stat().st_mtime_ns, path.stat().st_size) for path in file.parent.iterdir()
    }


async def test_looking_at_a_closed_file_makes_and_changes_nothing(file: Path) -> None:
    before = seen(file)

    async with SqlStore(f"sqlite:{file}").read_only() as reader:
        assert await reader.count_runs() == 1
        assert seen(file) == before

    assert seen(file) == before


async def test_what_begins_to_be_written_is_seen(file: Path) -> None:
    async with SqlStore(f"sqlite:{file}").read_only() as reader:
        assert len(await reader.read("a")) == 1
        async with SqlStore(f"sqlite:{file}") as store:
            for after in range(3):
                await store.append([following(after)])
                assert len(await reader.read("a")) == after + 2
        assert len(await reader.read("a")) == 4


async def test_what_is_missing_is_not_made(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:{tmp_path / 'none.db'}").read_only()

    with pytest.raises(StoreMissingError, match="there is no such file") as caught:
        await store.__aenter__()

    assert not caught.value.transient
    assert seen(tmp_path / "none.db") == {}


async def test_an_empty_database_has_nothing_to_read(url: str) -> None:
    if url.startswith("sqlite:"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:"))) as other:
            other.execute("CREATE TABLE somebody_elses (x)")

    with pytest.raises(StoreMissingError, match="no tables of trioflow") as caught:
        await SqlStore(url).read_only().__aenter__()

    assert not caught.value.transient


async def test_the_database_itself_refuses_what_would_be_written(url: str) -> None:
    async with SqlStore(url) as store:
        await store.append([BEGIN])
        async with store.read_only() as reader:
            with pytest.raises(StoreError, match=r"read-?only"):
                await reader._access.read(
                    lambda connection: connection.exec_driver_sql("DELETE FROM trioflow_runs")
                )
        assert await store.get("a") is not None


LOOK = """
import os, sys, trio
from trioflow.errors import StoreError
from trioflow_sql import SqlStore

async def look():
    try:
        async with SqlStore(sys.argv[1]).read_only() as store:
            print([run.header.run_id for run in await store.list_runs()])
    except StoreError as error:
        print(error.transient, error)

trio.run(trio.sleep, 0)  # all is imported
if os.geteuid() == 0:  # who is bound by no permission
    os.setuid(65534)
trio.run(look)
"""


def look(file: Path) -> str:
    """Have another user list the runs of a file."""
    done = subprocess.run(
        [sys.executable, "-c", LOOK, f"sqlite:{file}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Copy files into a folder where nothing may be written."""

    def seal(*files: Path) -> Path:
        folder = tmp_path_factory.mktemp("sealed")
        for part in (folder, *list(folder.parents)[:-2]):
            if part.stat().st_uid == os.geteuid():
                part.chmod(part.stat().st_mode | 0o055)
        for file in files:
            shutil.copy(file, folder)
            (folder / file.name).chmod(0o444)
        folder.chmod(0o555)
        return folder / files[0].name

    return seal


def test_a_file_that_may_only_be_read_is_read(file: Path, sealed: Callable[..., Path]) -> None:
    assert look(sealed(file)) == "['a']"


async def test_a_file_that_was_not_closed_says_what_to_do(
    file: Path, sealed: Callable[..., Path]
) -> None:
    async with SqlStore(f"sqlite:{file}") as store:
        await store.append([following(0)])
        copy = sealed(file, file.with_name("runs.db-wal"))

    said = await trio.to_thread.run_sync(look, copy)

    assert said.startswith(f"False store sqlite:{copy}: ")
    assert "the file was not closed" in said
    assert "-wal" in said


ENGINE = """
import os, sys, trio
from datetime import timedelta
from trioflow import Workflow, open_engine
from trioflow.errors import StoreError
from trioflow_sql import SqlStore

async def warm_up():  # all is imported then
    async with open_engine(store=sys.argv[2], workflows=[Workflow("w")]) as engine:
        await engine.submit("w").wait()

async def look():
    async with open_engine(store=sys.argv[1], workflows=[Workflow("w")]) as engine:
        print([run.run_id for run in await engine.list_runs()], engine.store.is_read_only)
        for change in (lambda: engine.submit("w").wait(), lambda: engine.delete_run("a")):
            try:
                await change()
            except StoreError as error:
                print("reading only" in str(error))
    try:
        async with open_engine(store=sys.argv[1], recover=True):
            print("open")
    except StoreError as error:
        print("reading only" in str(error))

trio.run(warm_up)
if os.geteuid() == 0:  # who is bound by no permission
    os.setuid(65534)
trio.run(look)
"""


def test_an_engine_looks_at_what_it_may_not_write(file: Path, sealed: Callable[..., Path]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENGINE, f"sqlite:{sealed(file)}", f"sqlite:{file}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.splitlines() == ["['a'] True", "True", "True", "True"], done.stderr
    assert "is write-protected; it is opened read-only" in done.stderr
