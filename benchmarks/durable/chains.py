"""Durable runs on SQLite, beside a loop that inserts and commits once per step by hand.

Both write to a database file of their own in a temporary folder, with a write-ahead log and
``synchronous=FULL``: a commit is on disk when it returns.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import trio
from sqlalchemy import BigInteger, Column, Engine, MetaData, Table, Text, create_engine, event
from trioflow_sql import SqlStore

from benchmarks import bodies, ours
from benchmarks.measure import Comparison, Row, expect, take_turns
from trioflow import StepContext, Workflow, open_engine, step

noop = step(bodies.noop)

steps_done = Table(
    "steps_done",
    MetaData(),
    Column("run", BigInteger, primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("output", Text, nullable=False),
)


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


# ---------------------------------------------------------------- by hand
def by_hand(runs: int, length: int) -> float:
    """Do the steps in a loop; each is recorded with an insert and a commit of its own."""
    with folder() as path:
        engine = _open_by_hand(path)
        started = time.perf_counter()
        for run in range(runs):
            for position in range(length):
                with engine.begin() as connection:
                    row = {"run": run, "step": position, "output": "0"}
                    connection.execute(steps_done.insert(), row)
        seconds = time.perf_counter() - started
        with engine.connect() as connection:
            rows = connection.execute(steps_done.select()).fetchall()
        engine.dispose()
    expect("rows written by hand", len(rows), runs * length)
    return seconds


def _open_by_hand(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path / 'hand.db'}")

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    steps_done.metadata.create_all(engine)
    return engine


# ---------------------------------------------------------------- with trioflow
def durable(runs: int, length: int) -> float:
    """Submit durable runs to one engine, all at once, and wait for them."""
    return trio.run(_durable, runs, length)


async def _durable(runs: int, length: int) -> float:
    workflow = ours.chain_of([noop] * length)
    with folder() as path:
        store = SqlStore(f"sqlite:{path / 'runs.db'}")
        async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
            started = time.perf_counter()
            submitted = [engine.submit(workflow, 0) for _ in range(runs)]
            for run in submitted:
                expect("result", (await run.wait()).unwrap(), 0)
            return time.perf_counter() - started


def chain(runs: int, length: int, samples: int) -> Comparison:
    at_once = f"{runs} durable runs of {length:,} steps at once" if runs > 1 else ""
    return Comparison(
        f"durable-{length}" if runs == 1 else f"durable-{runs}x{length}",
        at_once or f"durable chain of {length:,} steps",
        lambda: durable(runs, length),
        lambda: by_hand(runs, length),
        samples,
        per=runs * length,
    )


@attrs.frozen
class Resume:
    """Loading a suspended run from its journal, and resuming it, by length."""

    length: int
    samples: int = 9

    @property
    def id(self) -> str:
        return f"resume-{self.length}"

    def measure(self) -> list[Row]:
        """Measure loading and resuming beside reading the journal's entries alone."""
        with folder() as path:
            url = f"sqlite:{path / 'runs.db'}"
            names = iter(range(10**6))
            programs = [
                lambda: trio.run(_load_and_resume, url, self.length, next(names)),
                lambda: trio.run(_read, url),
            ]
            load, read = take_turns(programs, self.samples)
        median, floor_median = statistics.median(load), statistics.median(read)
        return [
            Row(
                id=self.id,
                title=f"load and resume a run of {self.length:,} steps; by hand: read its rows",
                unit="s",
                median=median,
                floor_median=floor_median,
                samples=self.samples,
                ratio=median / floor_median,
                per=self.length,
                all_samples=tuple(load),
                all_floor_samples=tuple(read),
            )
        ]


@step(id="asks")
async def asks(value: int, ctx: StepContext) -> int:
    if ctx.resume_data is None:
        ctx.suspend()
    return value + 1


async def _load_and_resume(url: str, length: int, number: int) -> float:
    workflow = ours.chain_of([noop] * length).then(asks)
    async with open_engine(
        plugins=[], workflows=[workflow], store=SqlStore(url), durability="exit"
    ) as engine:
        await engine.submit(workflow, 0, run_id=f"run{number}").wait()
    async with open_engine(plugins=[], workflows=[workflow], store=SqlStore(url)) as engine:
        started = time.perf_counter()
        run = await engine.load_run(f"run{number}")
        expect("result", (await run.resume(resume_data=True)).unwrap(), 1)
        return time.perf_counter() - started


async def _read(url: str) -> float:
    async with SqlStore(url) as store:
        newest = (await store.list_runs(limit=1))[0]
        started = time.perf_counter()
        entries = await store.read(newest.header.run_id, limit=10**6)
        seconds = time.perf_counter() - started
        expect("last entry", entries[-1].seq, newest.last_seq)
        return seconds


@attrs.frozen
class JournalBytes:
    """How much a journal takes on disk."""

    length: int = 1000

    @property
    def id(self) -> str:
        return "journal-bytes"

    def measure(self) -> list[Row]:
        entries = trio.run(self._entries)
        per_step = sum(entries) / self.length
        return [
            Row(
                id=self.id,
                title=f"text in the journal of {self.length:,} steps that pass on an int",
                unit="bytes/step",
                median=per_step,
                floor_median=0,
                samples=1,
                value=per_step,
            )
        ]

    async def _entries(self) -> list[int]:
        workflow: Workflow[Any, Any] = ours.chain_of([noop] * self.length)
        with folder() as path:
            store = SqlStore(f"sqlite:{path / 'runs.db'}")
            async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
                await engine.submit(workflow, 0, run_id="r").wait()
                entries = await store.read("r", limit=10**6)
        expect("entries", len(entries), ours.PER_STEP * self.length + ours.ENDS)
        return [len(entry.text.encode()) for entry in entries]


DURABLE: dict[str, Callable[[], Any]] = {
    "durable-1000": lambda: chain(1, 1000, samples=9),
    "durable-100x100": lambda: chain(100, 100, samples=9),
    "resume-1000": lambda: Resume(1000),
    "resume-3000": lambda: Resume(3000),
    "resume-10000": lambda: Resume(10_000),
    "journal-bytes": JournalBytes,
}
