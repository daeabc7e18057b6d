"""Loading a suspended run and resuming it, and what its journal takes on disk."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import trio
from trioflow_sql import SqlStore

from benchmarks import ours
from benchmarks.durable.chains import noop
from benchmarks.durable.databases import new_database
from benchmarks.measure import Row, expect, take_turns
from trioflow import Engine, StepContext, Workflow, open_engine, step


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
        with new_database("sqlite") as url:
            names = iter(range(10**6))
            programs: list[Callable[[], float]] = [
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
        await engine.submit(workflow, 0, run_id=f"first{number}").wait()
        await engine.submit(workflow, 0, run_id=f"run{number}").wait()
    async with open_engine(plugins=[], workflows=[workflow], store=SqlStore(url)) as engine:
        await _resume(engine, f"first{number}")  # connections and statements are made once
        started = time.perf_counter()
        await _resume(engine, f"run{number}")
        return time.perf_counter() - started


async def _resume(engine: Engine, run_id: str) -> None:
    run = await engine.load_run(run_id)
    expect("output", (await run.resume(True)).unwrap(), 1)


async def _read(url: str) -> float:
    async with SqlStore(url) as store:
        newest = (await store.list_runs(limit=1))[0]
        await store.read(newest.header.run_id, limit=1)  # connections and statements are made once
        started = time.perf_counter()
        entries = await store.read(newest.header.run_id, limit=10**6)
        seconds = time.perf_counter() - started
        expect("last entry", entries[-1].seq, newest.last_seq)
        return seconds


@attrs.frozen
class JournalBytes:
    """How much the journal of steps takes that pass on an int: as text, and of the file."""

    length: int = 1000

    @property
    def id(self) -> str:
        return "journal-bytes"

    def measure(self) -> list[Row]:
        with new_database("sqlite") as url:
            path = Path(url.removeprefix("sqlite:"))
            trio.run(_open, url)
            before = path.stat().st_size  # the tables
            text = trio.run(self._text, url)
            file = path.stat().st_size - before
        title = f"a step of {self.length:,} that pass on an int"
        return [
            self._row(self.id, f"text in the journal of {title}", text),
            self._row("file-bytes", f"growth of the file by {title}", file),
        ]

    def _row(self, id: str, title: str, size: int) -> Row:
        value = size / self.length
        return Row(
            id=id,
            title=title,
            unit="bytes/step",
            median=value,
            floor_median=0,
            samples=1,
            value=value,
        )

    async def _text(self, url: str) -> int:
        workflow: Workflow[Any, Any] = ours.chain_of([noop] * self.length)
        store = SqlStore(url)
        async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
            await engine.submit(workflow, 0, run_id="r").wait()
            entries = await store.read("r", limit=10**6)
        expect("entries", len(entries), ours.PER_STEP * self.length + ours.ENDS)
        return sum(len(entry.text.encode()) for entry in entries)


async def _open(url: str) -> None:
    async with SqlStore(url):
        pass  # whoever closes it last has what is in the log written to the file
