"""DBOS: durable workflows on SQLite, the database that needs no set-up.

DBOS records each step in its database; there is no run without. So its figures belong beside
those of durable runs. The database is a file in a temporary folder, changed to a write-ahead log
beforehand, which takes a third of the time off; commits are on disk when they return. There are
no events to read: the caller waits for the result. Chains are synchronous workflows, faster here
than those of asyncio; many at once are the latter, faster than threads.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from dbos import DBOS

from benchmarks.peers.programs.serving import Sample, expect, serve


@DBOS.step()
def noop(value: int) -> int:
    return value


@DBOS.step()
async def noop_async(value: int) -> int:
    return value


@DBOS.workflow()
def chain_workflow(value: int, length: int) -> int:
    for _ in range(length):
        value = noop(value)
    return value


@DBOS.workflow()
async def chain_async(value: int, length: int) -> int:
    for _ in range(length):
        value = await noop_async(value)
    return value


@DBOS.workflow()
async def foreach_workflow(length: int) -> int:
    limit = asyncio.Semaphore(100)

    async def run_item(item: int) -> int:
        async with limit:
            return await noop_async(item)

    return sum(await asyncio.gather(*(run_item(item) for item in range(length))))


def chain(length: int) -> Sample:
    def main() -> float:
        started = time.perf_counter()
        result = chain_workflow(7, length)
        seconds = time.perf_counter() - started
        expect("result", result, 7)
        return seconds

    return main


def foreach(length: int) -> Sample:
    async def main() -> float:
        started = time.perf_counter()
        result = await foreach_workflow(length)
        seconds = time.perf_counter() - started
        expect("result", result, sum(range(length)))
        return seconds

    return lambda: asyncio.run(main())


def many_runs(runs: int, length: int) -> Sample:
    async def main() -> float:
        started = time.perf_counter()
        handles = [
            await DBOS.start_workflow_async(chain_async, value, length) for value in range(runs)
        ]
        results = [await handle.get_result() for handle in handles]
        seconds = time.perf_counter() - started
        expect("results", results, list(range(runs)))
        return seconds

    return lambda: asyncio.run(main())


def database(folder: Path) -> str:
    """Return the URL of its database, a new file unless the environment names another one."""
    if url := os.environ.get("BENCHMARK_DBOS_URL"):
        return url
    file = folder / "dbos.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")  # a property of the file from now on
    return f"sqlite:///{file}"


def main(folder: Path) -> None:
    DBOS(
        config={
            "name": "benchmark",
            "system_database_url": database(folder),
            "log_level": "WARNING",
        }
    )
    DBOS.launch()
    try:
        serve(
            "dbos",
            {
                "chain-1000": lambda: chain(1000),
                "chain-10000": lambda: chain(10_000),
                "foreach-1000": lambda: foreach(1000),
                "runs-100": lambda: many_runs(100, 10),
            },
            cannot={"loop-1000": "a chain is a loop in a function already"},
        )
    finally:
        DBOS.destroy()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
