"""Owners: what is free when their process dies, and what is not while it lives."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trioflow_sql import SqlStore
from trioflow_sql.sqlite.owners import OwnerFolder

from trioflow.abc import Append, RunHeader, StoredRun

PROGRAM = Path(__file__).with_name("owner.py")
GRACE = 1.0
"""Seconds after which PostgreSQL's sessions count as dead, here."""


def first(run_id: str) -> Append:
    header = RunHeader(run_id=run_id, workflow_id="w", created_at=1.0, format=1, fingerprint="{}")
    return Append(run_id=run_id, entries=(), after=-1, status="running", header=header)


def with_grace(url: str) -> str:
    return url if url.startswith("sqlite:") else f"{url}&reconnect_grace={GRACE}"


ELSEWHERE = ("unshare", "--uts", "--pid", "--mount-proc", "--fork", "--kill-child")
"""Runs a command on what looks to it like another machine: other processes, another host name."""
AS_HOST = ("sh", "-c", 'hostname elsewhere && exec "$@"', "sh")


@contextmanager
def holder(
    what: str, url: str, owner: str, *run_ids: str, on: tuple[str, ...] = ()
) -> Iterator[subprocess.Popen[str]]:
    """Run a process that holds claims until it is killed."""
    command = [*on, sys.executable, str(PROGRAM), what, with_grace(url), owner, *run_ids]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline().split()
            assert line[0] == "holds"
            yield process
        finally:
            process.kill()


async def until_free(store: SqlStore, run_id: str) -> float:
    """Return after how many seconds a run is free."""
    began = trio.current_time()
    for _ in range(3000):
        if (await stored(store, run_id)).held_for == 0:
            return trio.current_time() - began
        await trio.sleep(0.02)
    raise AssertionError(f"run {run_id} is not free after a minute")


async def stored(store: SqlStore, run_id: str) -> StoredRun:
    run = await store.get(run_id)
    assert run is not None
    return run


async def test_the_claims_of_a_killed_process_are_free(url: str) -> None:
    async with SqlStore(with_grace(url)) as store:
        await store.append([first("a"), first("b")])
        with holder("hold", url, "me", "a", "b") as process:
            for claimant in ("you", "third"):
                assert not await store.claim("a", claimant, 60)
            assert 590 < (await stored(store, "a")).held_for <= 600
            assert await store.list_claimable(now=2.0) == []
            process.kill()
            await trio.to_thread.run_sync(process.wait)

            seconds = await until_free(store, "a")

        assert seconds < (0.5 if url.startswith("sqlite:") else GRACE + 1.0)
        assert [run.header.run_id for run in await store.list_claimable(now=2.0)] == ["a", "b"]
        assert (await stored(store, "b")).owner == "me"
        assert await store.claim("a", "you", 60)
        assert not await store.claim("a", "third", 60)
        assert await store.renew("me", 60) == {"b"}


@pytest.mark.postgres
async def test_so_are_those_of_a_process_that_was_killed_on_another_machine(
    listening_server: Any,
) -> None:
    on = (*ELSEWHERE, *AS_HOST)
    tried = await trio.run_process([*on, "true"], check=False, capture_stderr=True)
    if tried.returncode:
        pytest.skip("this user may not make namespaces, which stand for the other machine")
    url = listening_server.url("postgres")
    async with SqlStore(with_grace(url)) as store:
        await store.append([first("a")])
        with holder("hold", url, "me", "a", on=on) as process:
            assert not await store.claim("a", "you", 60)
            process.kill()
            await trio.to_thread.run_sync(process.wait)

            assert await until_free(store, "a") < GRACE + 1.0

        assert await store.claim("a", "you", 60)


async def test_a_process_that_is_stopped_is_not_dead(url: str) -> None:
    async with SqlStore(with_grace(url)) as store:
        await store.append([first("a")])
        with holder("hold", url, "me", "a") as process:
            process.send_signal(signal.SIGSTOP)
            await trio.sleep(0.1 if url.startswith("sqlite:") else 2 * GRACE)
            assert not await store.claim("a", "you", 60)
            assert (await stored(store, "a")).held_for > 500


async def test_a_forked_process_does_not_keep_its_parent_alive(url: str) -> None:
    async with SqlStore(with_grace(url)) as store:
        await store.append([first("a")])
        with holder("fork", url, "me", "a") as process:
            assert not await store.claim("a", "you", 60)
            process.kill()
            await trio.to_thread.run_sync(process.wait)

            await until_free(store, "a")

            assert await store.claim("a", "you", 60)


async def test_one_who_claims_without_being_open_is_judged_by_time_alone(url: str) -> None:
    async with SqlStore(with_grace(url)) as store:
        async with SqlStore(with_grace(url)) as other:
            await store.append([first("a")])
            assert await other.claim("a", "me", 600)
        await trio.sleep(0 if url.startswith("sqlite:") else 1.5 * GRACE)

        assert not await store.claim("a", "you", 60)


# ---------------------------------------------------------------- files
@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


def locks(file: Path) -> list[Path]:
    folder = file.with_name("runs.db-owners")
    return sorted(folder.iterdir()) if folder.exists() else []


async def test_locks_are_tidied_up(file: Path) -> None:
    url = f"sqlite:{file}"
    async with SqlStore(url) as store:
        await store.append([first("a"), first("b")])
        async with store.open_owner("one"), store.open_owner("two"):
            assert len(locks(file)) == 2
        assert not file.with_name("runs.db-owners").exists()

        for owner in ("first", "second"):
            with holder("hold", url, owner, "a" if owner == "first" else "b"):
                pass
        assert len(locks(file)) == 2
        assert await store.claim("b", "me", 60)  # so nothing is left of the second
        async with store.open_owner("me"):
            assert len(locks(file)) == 2
            assert (await stored(store, "a")).held_for == 0
    assert len(locks(file)) == 1


async def test_the_lock_that_is_missing_says_nothing(file: Path) -> None:
    async with SqlStore(f"sqlite:{file}") as store:
        await store.append([first("a")])
        with holder("hold", f"sqlite:{file}", "me", "a"):
            for lock in locks(file):
                lock.unlink()
        assert not await store.claim("a", "you", 60)
        assert (await stored(store, "a")).held_for > 500


async def test_the_lock_that_cannot_be_opened_says_nothing(file: Path) -> None:
    async with SqlStore(f"sqlite:{file}") as store:
        await store.append([first("a")])
        with holder("hold", f"sqlite:{file}", "me", "a"):
            [lock] = locks(file)
        lock.unlink()
        lock.symlink_to(file.with_name("nowhere"))
        assert not await store.claim("a", "you", 60)


async def test_where_locks_do_not_work_only_time_counts(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)  # as on some network drives

    async with SqlStore(f"sqlite:{file}") as store, store.open_owner("me"):
        await store.append([first("a")])
        assert await store.claim("a", "me", 60)
        monkeypatch.undo()
        assert not await store.claim("a", "you", 60)
        assert "its claims only expire" in caplog.text
        assert locks(file) == []


def test_a_lock_outlives_neither_its_owner_nor_a_look_at_it(tmp_path: Path) -> None:
    folder = OwnerFolder(tmp_path / "runs.db")
    lock = folder.lock("me")
    assert lock is not None
    for _ in range(3):
        assert folder.gone(["me", "you"]) == set()

    lock.let_go()

    assert folder.gone(["me", "you"]) == {"me"}


def test_what_a_child_closes_stays_open_in_its_parent(tmp_path: Path) -> None:
    folder = OwnerFolder(tmp_path / "runs.db")
    lock = folder.lock("me")
    assert lock is not None
    child = os.fork()
    if child == 0:
        lock.close()
        os._exit(0)
    os.waitpid(child, 0)

    assert folder.gone(["me"]) == set()
    assert len(locks(tmp_path / "runs.db")) == 1
    lock.close()


def test_an_executed_program_does_not_keep_the_lock(tmp_path: Path) -> None:
    folder = OwnerFolder(tmp_path / "runs.db")
    lock = folder.lock("me")
    assert lock is not None
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, close_fds=False) as program:
        lock.let_go()
        deadline = time.monotonic() + 10  # the system closes files when the program begins
        while not (gone := folder.gone(["me"])) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert gone == {"me"}
        program.communicate(b"\n")


def test_an_unfinished_lock_is_left_to_who_makes_it(tmp_path: Path) -> None:
    folder = OwnerFolder(tmp_path / "runs.db")
    path = tmp_path / "runs.db-owners"
    path.mkdir()
    fresh, old = path / "fresh", path / "old"
    for file in (fresh, old):
        file.touch()
    with contextlib.suppress(OSError):
        os.utime(old, (time.time() - 3600, time.time() - 3600))

    folder.tidy([])

    assert sorted(path.iterdir()) == [fresh]
