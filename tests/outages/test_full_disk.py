"""A disk that is full under many runs, and gets room again."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from tests.databases import server_kit
from tests.outages.ticking import RUNS, Ticking
from trioflow import open_engine

pytest.importorskip("trioflow_sql", reason="trioflow-sql is not installed")
pytestmark = pytest.mark.slow

SECONDS = 3
"""For how long it is full."""


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Generator[Path, None, None]:
    """Mount a file system of that size, in memory: a limit for files says something else."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=777", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, check=False, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def filled(disk: Path) -> Generator[None, None, None]:
    """Leave no room on a disk while the block runs."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (2**16, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError as error:
                assert "No space left" in str(error)
    yield
    filler.unlink()


async def run_through(url: str, disk: Path) -> None:
    ticking = Ticking(seconds=0.3)
    async with open_engine(store=url, workflows=[ticking.workflow]) as engine:
        for number in range(RUNS):
            engine.submit("ticking", 0, run_id=f"run-{number}")
        await trio.sleep(0.7)
        with filled(disk):
            await trio.sleep(SECONDS)
            assert engine.store is not None
            assert await engine.store.count_runs(status=["running"])  # readers read on
        found = await ticking.check(engine)
    assert found["crashes"] == found["interruptions"] == 0


async def test_a_full_disk_fails_no_run_on_sqlite(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        await run_through(f"sqlite:{disk / 'runs.db'}", disk)
    assert "full; free disk space" in caplog.text


@pytest.mark.postgres
async def test_a_full_disk_fails_no_run_on_postgresql(caplog: pytest.LogCaptureFixture) -> None:
    kit = server_kit()
    # What the tables need lies on the small disk, the log of the server does not: without room for
    # that a server stops, which is another test.
    with kit.running_server() as server, small_disk(server.folder / "disk", 16) as disk:
        space = disk / "space"
        space.mkdir(mode=0o700)
        if (user := kit.unprivileged()) != {}:
            shutil.chown(space, user["user"], user["group"])
        with server.connect() as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{space}'")
            connection.execute("CREATE DATABASE runs TABLESPACE small")
        await run_through(server.url("runs"), disk)
        server.stop()
    assert "(53100)" in caplog.text
