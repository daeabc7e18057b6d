"""SQLite: one file, several processes, and what may be wrong with a file."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from sqlalchemy import text
from trioflow_sql import SqlStore
from trioflow_sql.database import transact
from trioflow_sql.sqlite import appending
from trioflow_sql.sqlite import database as sqlite
from trioflow_sql.sqlite.clock import teach
from trioflow_sql.sqlite.paths import path_of

from trioflow import open_engine
from trioflow.abc import Append, Entry, Request, RunHeader
from trioflow.errors import StoreError

HEADER = RunHeader(run_id="a", workflow_id="w", created_at=1.0, format=1, fingerprint="{}")
BEGIN = Append(run_id="a", entries=(), after=-1, status="running", header=HEADER)


def following(after: int, text: str = "{}") -> Append:
    entry = Entry(after + 1, 1.0, text)
    return Append(run_id="a", entries=(entry,), after=after, status="running")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


# ---------------------------------------------------------------- URLs
def test_a_relative_path_is_one_from_where_the_store_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(store: SqlStore) -> None:
        async with store:
            await store.append([BEGIN])

    monkeypatch.chdir(tmp_path)
    store = SqlStore("sqlite:some runs?.db")
    monkeypatch.chdir("/")
    trio.run(use, store)

    assert (tmp_path / "some runs?.db").stat().st_size > 0


@pytest.mark.parametrize("slashes", ["/", "///", "////"])
def test_an_absolute_path_may_be_written_in_three_ways(slashes: str) -> None:
    path = path_of(f"sqlite:{slashes}var/runs.db")

    assert Path("/", path.lstrip("/")) == Path("/var/runs.db")
    assert Path(path).is_absolute()


@pytest.mark.parametrize("url", ["sqlite:", "sqlite://", "sqlite:///", "sqlite::memory:"])
def test_a_url_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="has no file"):
        SqlStore(url)


@pytest.mark.parametrize("url", ["sqlite:", "sqlite::memory:", "postgresql:"])
async def test_an_engine_reports_a_wrong_url_as_an_error_of_the_store(url: str) -> None:
    with pytest.raises(StoreError, match=r"use (sqlite:runs\.db|postgresql://user)"):
        async with open_engine(plugins=["sql"], store=url):
            pass


async def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is it a file"):
        async with SqlStore(f"sqlite:{tmp_path}").read_only():
            pass


def test_a_path_that_looks_like_a_host_is_refused() -> None:
    with pytest.raises(StoreError, match=r"use sqlite:runs\.db"):
        SqlStore("sqlite://runs.db")


# ---------------------------------------------------------------- settings
async def test_every_connection_is_durable_and_no_reader_waits(file: Path) -> None:
    settings = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    async with SqlStore(f"sqlite:{file}", patience=1.5) as store:
        assert store._access.is_open
        with (
            store._access.opened.reader.connect() as one,
            store._access.opened.writer.connect() as other,
        ):
            # The writer waits by itself, and asks more often than SQLite does.
            for connection, waits in [(one, 1500), (other, 0)]:
                found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in settings]
                assert found == ["wal", 2, 1, waits]


async def test_a_write_takes_the_lock_before_it_reads(file: Path) -> None:
    async with SqlStore(f"sqlite:{file}") as store:

        def is_locked(connection: Any) -> bool:
            connection.execute(text("SELECT 1"))
            with contextlib.closing(sqlite3.connect(file, timeout=0)) as other:
                try:
                    other.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    return True
                return False

        assert transact(store._access.opened.writer, is_locked)
        assert not transact(store._access.opened.reader, is_locked)


# ---------------------------------------------------------------- trouble
@pytest.fixture
def lock(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection of somebody else, who holds the lock for writing."""
    sqlite3.connect(file).close()
    with contextlib.closing(
        sqlite3.connect(file, isolation_level=None, timeout=0, check_same_thread=False)
    ) as connection:
        yield connection


async def test_a_locked_file_can_be_read_and_not_written(
    file: Path, lock: sqlite3.Connection
) -> None:
    async with SqlStore(f"sqlite:{file}", patience=0.05) as store:
        await store.append([BEGIN, following(-1)])
        lock.execute("BEGIN IMMEDIATE")

        for write in (store.append([following(0)]), store.claim("a", "me", 1.0)):
            with pytest.raises(StoreError, match="locked") as caught:
                await write
            assert caught.value.transient
        assert [entry.seq for entry in await store.read("a")] == [0]
        async with SqlStore(f"sqlite:{file}", patience=0.05) as another:
            assert len(await another.list_runs()) == 1

        lock.execute("ROLLBACK")
        assert await store.append([following(0)]) == [None]


async def test_a_lock_is_waited_for(file: Path, lock: sqlite3.Connection) -> None:
    async with SqlStore(f"sqlite:{file}", patience=60) as store:
        await store.append([BEGIN])
        lock.execute("BEGIN IMMEDIATE")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.append, [following(-1)])
            while not store._access.writer.waiting:
                await trio.lowlevel.checkpoint()
            lock.execute("ROLLBACK")

        assert [entry.seq for entry in await store.read("a")] == [0]


async def test_one_who_hardly_lets_go_does_not_keep_others_from_writing(
    file: Path, lock: sqlite3.Connection
) -> None:
    enough = threading.Event()

    def keep_writing() -> None:
        while not enough.is_set():
            with contextlib.suppress(sqlite3.OperationalError):  # locked, and asked for at once
                lock.execute("BEGIN IMMEDIATE")
                enough.wait(0.02)
                lock.execute("COMMIT")
            enough.wait(0.001)

    async with SqlStore(f"sqlite:{file}", patience=1.0) as store:
        await store.append([BEGIN])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, keep_writing)
            try:
                for seq in range(20):
                    assert await store.append([following(seq - 1)]) == [None]
            finally:
                enough.set()


async def test_a_new_file_that_is_locked_is_an_error_that_may_pass(
    file: Path, lock: sqlite3.Connection
) -> None:
    lock.execute("BEGIN EXCLUSIVE")

    with pytest.raises(StoreError, match="locked") as caught:
        await SqlStore(f"sqlite:{file}", patience=0.05).__aenter__()

    assert caught.value.transient
    lock.execute("ROLLBACK")
    async with SqlStore(f"sqlite:{file}") as store:
        assert await store.append([BEGIN]) == [None]


async def test_a_full_disk_is_an_error_and_what_was_saved_before_is_there(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SqlStore(f"sqlite:{file}"):
        pass
    full = "PRAGMA max_page_count = 40"
    monkeypatch.setattr(sqlite, "SETTINGS", (*sqlite.SETTINGS, full))
    last = -1
    async with SqlStore(f"sqlite:{file}") as store:
        await store.append([BEGIN])
        with pytest.raises(StoreError, match="is full; free disk space") as caught:
            while True:
                assert await store.append([following(last, "x" * 5000)]) == [None]
                last += 1

        assert caught.value.transient
        run = await store.get("a")
        assert run is not None
        assert run.last_seq == last > 0
        assert [entry.seq for entry in await store.read("a")] == [*range(last + 1)]

    monkeypatch.undo()
    async with SqlStore(f"sqlite:{file}") as store:
        assert await store.append([following(last, "x" * 5000)]) == [None]


async def test_a_database_that_may_not_be_written_is_an_error(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SqlStore(f"sqlite:{file}") as store:
        await store.append([BEGIN])
    monkeypatch.setattr(sqlite, "SETTINGS", (*sqlite.SETTINGS, "PRAGMA query_only = ON"))

    async with SqlStore(f"sqlite:{file}") as store:
        assert await store.get("a") is not None
        with pytest.raises(StoreError, match="readonly") as caught:
            await store.append([following(-1)])

    assert not caught.value.transient


READ_ONLY = """
import os, sys, trio
from trioflow.abc import Append, RunHeader
from trioflow.errors import StoreError
from trioflow_sql import SqlStore

url, file, folder_mode = sys.argv[1:]
header = RunHeader(run_id="a", workflow_id="w", created_at=1.0, format=1, fingerprint="{}")

async def make():
    async with SqlStore(url) as store:
        await store.append(
            [Append(run_id="a", entries=(), after=-1, status="running", header=header)]
        )

async def use():
    try:
        async with SqlStore(url) as store:
            print(len(await store.list_runs()))
            await store.append([Append(run_id="a", entries=(), after=-1, status="failed")])
    except StoreError as error:
        print(error.transient, error)

trio.run(make)
os.chmod(file, 0o444)
os.chmod(os.path.dirname(file), int(folder_mode, 8))
if os.geteuid() == 0:  # who is bound by no permission
    os.setuid(65534)
trio.run(use)
"""


@pytest.mark.parametrize("folder_mode", ["555", "777"])
def test_writing_without_permission_is_an_error(folder_mode: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "runs.db"
        command = [sys.executable, "-c", READ_ONLY, f"sqlite:{file}", str(file), folder_mode]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        Path(folder).chmod(0o700)

    assert done.returncode == 0, done.stderr
    listed, refused = done.stdout.splitlines()
    assert listed == "1"
    remedy = "are the file and its folder writable?"
    assert refused == f"False store sqlite:{file}: is open for reading only; {remedy}"


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda content: b"This is a letter to my aunt. " * 200, "not a database"),
        (lambda content: content[:4096] + b"\xff" * (len(content) - 4096), "malformed"),
        (lambda content: content[: len(content) // 2], "malformed"),
    ],
    ids=["no database", "overwritten", "cut off"],
)
def test_a_damaged_file_is_an_error(
    file: Path, damage: Callable[[bytes], bytes], problem: str
) -> None:
    async def make() -> None:
        async with SqlStore(f"sqlite:{file}") as store:
            await store.append([BEGIN, following(-1, "x" * 100_000)])

    async def use() -> None:
        with pytest.raises(StoreError, match=problem) as caught:
            async with SqlStore(f"sqlite:{file}") as store:
                await store.read("a")
                await store.append([following(0)])
        assert not caught.value.transient

    trio.run(make)
    file.write_bytes(damage(file.read_bytes()))
    trio.run(use)


async def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does its folder exist") as caught:
        await SqlStore(f"sqlite:{tmp_path}/nowhere/runs.db").__aenter__()

    assert not caught.value.transient


# ---------------------------------------------------------------- statements
async def test_what_grows_is_looked_up_by_an_index(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    connect = sqlite.Sqlite._connect

    def connect_and_note(self: sqlite.Sqlite, waits: float) -> sqlite3.Connection:
        connection = connect(self, waits)
        connection.set_trace_callback(done.append)
        return connection

    monkeypatch.setattr(sqlite.Sqlite, "_connect", connect_and_note)
    async with SqlStore(f"sqlite:{file}") as store, store.open_owner("me"):
        done.clear()
        await use_all(store)

    with contextlib.closing(sqlite3.connect(file)) as connection:
        teach(connection)
        plans = {
            statement: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
            for statement in done
            if statement.split()[0] in ("SELECT", "UPDATE", "DELETE", "WITH")
            and "trioflow_schema" not in statement  # a row
        }

    assert len(plans) > 30
    for statement, plan in plans.items():
        for line in plan:
            scans = line.startswith("SCAN trioflow_") and not line.startswith(FEW)
            assert not scans, (statement, plan)
            if "trioflow_requests" not in statement:  # the runs that have something to do
                assert "TEMP B-TREE FOR ORDER" not in line, (statement, plan)


FEW = (
    # In the order that is wanted, so that a limit ends it.
    "SCAN trioflow_runs USING INDEX trioflow_runs_by_age",
    # All that are pending or claimed; and to count all runs.
    "SCAN trioflow_requests USING COVERING INDEX trioflow_requests_by_run",
    "SCAN trioflow_runs USING COVERING INDEX",
)
"""What may be gone through."""


async def use_all(store: SqlStore) -> None:
    await store.append([attrs.evolve(BEGIN, header=attrs.evolve(HEADER, tags=("t",)))])
    await store.append([following(-1), attrs.evolve(following(-1))])
    await store.append([attrs.evolve(following(0), status="suspended", requests=(1,))])
    await store.read("a")
    await store.get("a")
    filters: list[dict[str, Any]] = [
        *({}, {"workflow_id": "w"}, {"resource_id": "r"}, {"status": ["failed"]}),
        *({"since": 0.5}, {"before": 0.5}),
    ]
    for asked in filters:
        for cursor in (None, "1.0:a"):
            await store.list_runs(limit=10, cursor=cursor, **asked)
        await store.count_runs(**asked)
    await store.claim("a", "me", 1.0)
    await store.claim("a", "you", 1.0)
    await store.renew("me", 1.0)
    await store.post_request(Request(run_id="a", kind="cancel", at=1.0))
    await store.wait_requests("me")
    await store.take_requests("me")
    await store.take_requests("me", run_ids=["a"])
    with trio.move_on_after(0.3):
        await store.wait_requests("me")
    await store.release("a", "me")
    await store.list_claimable(now=1.0)
    await store.prune(0.0)
    await store.delete("a")


# ---------------------------------------------------------------- long texts
async def test_long_texts_are_written_in_parts_and_read_as_they_are(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appending, "LONG", 100)
    monkeypatch.setattr(appending, "SLICE", 7)
    texts = ["{}", "x" * 99, "x" * 100, "é€😀\\u0000 " * 50, "[]"]
    entries = tuple(Entry(seq, 1.0, each) for seq, each in enumerate(texts))
    async with SqlStore(f"sqlite:{file}") as store:
        await store.append([attrs.evolve(BEGIN, entries=entries)])
        await store.append([following(len(texts) - 1)])

        assert tuple(await store.read("a", -1, len(texts))) == entries
        assert [entry.text for entry in await store.read("a")] == [*texts, "{}"]
    with contextlib.closing(sqlite3.connect(file)) as connection:
        kinds = connection.execute("SELECT DISTINCT typeof(text) FROM trioflow_entries").fetchall()
    assert {kind for (kind,) in kinds} == {"text", "blob"}
