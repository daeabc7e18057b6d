"""Prefect: flows and tasks with its ephemeral server, which ends with this process.

Prefect reports each task run to an API server; there is no run without. The server's database
is in memory, five times as fast here as its usual file, so nothing outlives the run. Analytics,
the cache of results and the logs sent to the server are off. There are no events to read: the
caller waits for the result. Flows and tasks are those of asyncio, faster here than the others.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Coroutine
from typing import Any

# All are read when Prefect is imported.
os.environ["DO_NOT_TRACK"] = "1"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ.pop("PREFECT_API_URL", None)  # never a server that somebody uses
os.environ["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "true"
os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = "60"
os.environ["PREFECT_HOME"] = tempfile.mkdtemp()
os.environ["PREFECT_API_DATABASE_CONNECTION_URL"] = (
    "sqlite+aiosqlite:///file::memory:?cache=shared&uri=true&check_same_thread=false"
)
os.environ["PREFECT_LOGGING_LEVEL"] = "ERROR"
os.environ["PREFECT_LOGGING_TO_API_ENABLED"] = "false"

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from benchmarks.peers.programs.serving import Sample, expect, serve


@task(cache_policy=NO_CACHE)
async def noop(value: int) -> int:
    return value


@flow(validate_parameters=False)
async def chain_flow(value: int, length: int) -> int:
    for _ in range(length):
        value = await noop(value)
    return value


@flow(validate_parameters=False)
async def foreach_flow(length: int) -> int:
    limit = asyncio.Semaphore(100)

    async def run_item(item: int) -> int:
        async with limit:
            return await noop(item)

    return sum(await asyncio.gather(*(run_item(item) for item in range(length))))


async def timed_run(flow_run: Coroutine[Any, Any, int], wanted: int) -> float:
    started = time.perf_counter()
    result = await flow_run
    seconds = time.perf_counter() - started
    expect("result", result, wanted)
    return seconds


def chain(length: int) -> Sample:
    return lambda: asyncio.run(timed_run(chain_flow(7, length), 7))


def foreach(length: int) -> Sample:
    return lambda: asyncio.run(timed_run(foreach_flow(length), sum(range(length))))


def many_runs(runs: int, length: int) -> Sample:
    async def main() -> float:
        started = time.perf_counter()
        results = await asyncio.gather(*(chain_flow(value, length) for value in range(runs)))
        seconds = time.perf_counter() - started
        expect("results", results, list(range(runs)))
        return seconds

    return lambda: asyncio.run(main())


if __name__ == "__main__":
    try:
        chain(1)()  # starts the server
        serve(
            "prefect",
            {
                "chain-1000": lambda: chain(1000),
                "chain-10000": lambda: chain(10_000),
                "foreach-1000": lambda: foreach(1000),
                "runs-100": lambda: many_runs(100, 10),
            },
            others=("fastapi",),
            cannot={"loop-1000": "a chain is a loop in a function already"},
        )
    finally:
        shutil.rmtree(os.environ["PREFECT_HOME"])
