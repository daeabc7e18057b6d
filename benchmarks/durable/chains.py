"""Chains of durable runs, beside loops by hand, and beside another engine for durable runs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import attrs
import trio
from trioflow_sql import SqlStore

from benchmarks import bodies, ours
from benchmarks.durable import by_hand
from benchmarks.durable.databases import Kind, new_database
from benchmarks.durable.dbos import open_dbos
from benchmarks.measure import Program, Row, UnavailableError, expect, take_turns
from trioflow import open_engine, step

noop = step(bodies.noop)
NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
IN_THREADS = "by hand in Trio's threads"
DRIVERS = {"sqlite": "sqlite3", "postgres": "psycopg"}


def durable(kind: Kind, runs: int, length: int) -> float:
    """Submit durable runs to one engine, all at once, and wait for them."""
    with new_database(kind) as url:
        return trio.run(_durable, url, runs, length)


async def _durable(url: str, runs: int, length: int) -> float:
    workflow = ours.chain_of([noop] * length)
    async with open_engine(plugins=[], workflows=[workflow], store=SqlStore(url)) as engine:
        started = time.perf_counter()
        submitted = [engine.submit(workflow, 0) for _ in range(runs)]
        for run in submitted:
            expect("result", (await run.wait()).unwrap(), 0)
        return time.perf_counter() - started


@attrs.frozen
class Chains:
    """Runs one at a time or at once, each beside all others in turns: a row for each."""

    kind: Kind
    runs: int
    length: int
    samples: int = 9

    @property
    def id(self) -> str:
        size = f"{self.runs}x{self.length}" if self.runs > 1 else f"{self.length}"
        return f"durable-{size}" if self.kind == "sqlite" else f"durable-{self.kind}-{size}"

    def measure(self) -> list[Row]:
        size = (self.kind, self.runs, self.length)
        programs: dict[str, Program] = {
            "": partial(durable, *size),
            "by hand with SQLAlchemy": self._by_hand(by_hand.with_sqlalchemy),
            f"by hand with {DRIVERS[self.kind]}": self._by_hand(by_hand.with_driver),
            IN_THREADS: self._by_hand(by_hand.in_threads),
        }
        with ExitStack() as stack:
            with suppress_unavailable(self.id):
                programs["DBOS"] = stack.enter_context(open_dbos(*size))
            took = take_turns(list(programs.values()), self.samples)
        own, *others = took
        names = list(programs)[1:]
        return [self._row(name, own, each) for name, each in zip(names, others, strict=True)]

    def _by_hand(self, do: Callable[[Kind, int, int], float]) -> Program:
        """Return a loop that does the same work: of many runs a tenth, since each takes as long."""
        parts = 10 if self.runs >= 10 else 1
        return lambda: do(self.kind, self.runs // parts, self.length) * parts

    def _row(self, beside: str, own: list[float], others: list[float]) -> Row:
        what = f"{self.runs} runs of {self.length} steps at once" if self.runs > 1 else "a chain"
        median, floor_median = statistics.median(own), statistics.median(others)
        suffixes = {"DBOS": "-dbos", "by hand with SQLAlchemy": "", IN_THREADS: "-thread"}
        suffix = suffixes.get(beside, "-driver")
        return Row(
            id=self.id + suffix,
            title=f"{what} on {NAMES[self.kind]}; {beside}",
            unit="s",
            median=median,
            floor_median=floor_median,
            samples=self.samples,
            ratio=median / floor_median,
            per=self.runs * self.length,
            all_samples=tuple(own),
            all_floor_samples=tuple(others),
        )


@contextmanager
def suppress_unavailable(id: str) -> Iterator[None]:
    try:
        yield
    except UnavailableError as exc:
        print(f"{id + '-dbos':19}  not available: {exc}", flush=True)
