"""trioflow with the SQLite store of trioflow-sql: durable runs, to set beside DBOS.

Each sample has a database file of its own in a temporary folder, with a write-ahead log; what is
committed is on disk. Every run has a reader that reads all events.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import trio
from trioflow_sql import SqlStore

from benchmarks import bodies, ours
from benchmarks.peers.programs.serving import Sample, expect, serve
from trioflow import Workflow, open_engine, step

noop = step(bodies.noop)


@step
async def add_one(value: int) -> int:
    return value + 1


def durable(workflow: Workflow[Any, Any], inputs: list[Any], wanted: int) -> Sample:
    """Submit a run for each input, all at once; the reader of each must see *wanted* events."""

    async def main() -> float:
        with tempfile.TemporaryDirectory() as folder:
            store = SqlStore(f"sqlite:{Path(folder) / 'runs.db'}")
            async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
                started = time.perf_counter()
                async with trio.open_nursery() as nursery:
                    for value in inputs:
                        nursery.start_soon(read, engine.submit(workflow, value))
                return time.perf_counter() - started

    async def read(run: Any) -> None:
        events = 0
        async with run.observe() as stream:
            async for _ in stream:
                events += 1
        expect("events", events, wanted)

    return lambda: trio.run(main)


def chain(length: int, runs: int = 1) -> Sample:
    workflow = ours.chain_of([noop] * length)
    return durable(workflow, list(range(runs)), ours.PER_STEP * length + ours.ENDS)


def loop(length: int) -> Sample:
    workflow = Workflow("loop", input=int).dountil(add_one, lambda value: value == length)
    return durable(workflow, [0], ours.PER_STEP * length + ours.ENDS)


def foreach(length: int) -> Sample:
    workflow = Workflow("loop", input=list[int]).foreach(noop, concurrency=100)
    return durable(workflow, [list(range(length))], length + ours.PER_STEP + ours.ENDS)


if __name__ == "__main__":
    serve(
        "trioflow-sql",
        {
            "chain-1000": lambda: chain(1000),
            "chain-10000": lambda: chain(10_000),
            "loop-1000": lambda: loop(1000),
            "foreach-1000": lambda: foreach(1000),
            "runs-100": lambda: chain(10, runs=100),
        },
        others=("trioflow", "trio"),
    )
