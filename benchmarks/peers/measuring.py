"""Take samples of each engine in turns with those of trioflow and of the hand-written program.

A machine that slows down meanwhile slows down all of them, so an engine is compared with what
was measured just before and after it.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

from benchmarks.peers.asking import Program, open_program
from benchmarks.peers.engines import FLOOR, OURS, WORKLOADS, Engine, Workload
from benchmarks.peers.environments import UnavailableError, python_for
from benchmarks.peers.results import Results, Row

SAMPLES = 5
"""How often an engine does a workload at most; the first time, which warms up, not counted."""
PATIENCE = 15
"""Seconds after which an engine that is slow is asked for no further sample of a workload."""
BESIDE = 3
"""How many samples of the fast programs are taken for each one of an engine."""


@attrs.define
class Session:
    """The programs of ours that stay open, and what was measured so far."""

    environments: Path
    limit: float
    """Seconds that an engine gets for a workload."""
    report: Callable[[Row], None]
    floor: Program
    ours: Program
    rows: list[Row] = attrs.Factory(list)
    versions: dict[str, dict[str, str]] = attrs.Factory(dict)
    floor_samples: dict[str, list[float]] = attrs.Factory(dict)
    our_samples: dict[str, list[float]] = attrs.Factory(dict)

    async def measure(self, engine: Engine) -> None:
        """Measure all workloads of an engine, in a new process after each that went wrong."""
        workloads = deque(WORKLOADS.values())
        try:
            python = await python_for(engine, self.environments)
        except UnavailableError as error:
            for workload in workloads:
                self._add(Row(workload.id, engine.id, workload.per, reason=str(error)))
            return
        while workloads:
            try:
                async with open_program(engine, python) as program:
                    self.versions[engine.id] = program.versions
                    while workloads:
                        self._add(await self._row(engine, program, workloads[0]))
                        workloads.popleft()
            except UnavailableError as error:
                workload = workloads.popleft()
                self._add(Row(workload.id, engine.id, workload.per, reason=str(error)))

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        self.report(row)

    async def _row(self, engine: Engine, program: Program, workload: Workload) -> Row:
        row = Row(workload.id, engine.id, workload.per)
        if reason := program.cannot.get(workload.id) or self._too_long(engine, workload):
            return attrs.evolve(row, reason=reason)
        with trio.move_on_after(self.limit) as scope:
            row = await self._take_turns(program, row)
        if scope.cancelled_caught:
            raise UnavailableError(f"not done within {self.limit:.0f} s")
        return row

    def _too_long(self, engine: Engine, workload: Workload) -> str:
        """Say if a shorter workload, which no step of this one can undercut, leaves no hope."""
        for row in self.rows:
            if (row.engine, row.workload) == (engine.id, workload.longer_than) and row.samples:
                seconds = row.microseconds * workload.per / 1e6
                if seconds > self.limit:
                    return f"the chain that is shorter shows that it takes over {self.limit:.0f} s"
        return ""

    async def _take_turns(self, program: Program, row: Row) -> Row:
        patience = trio.current_time() + PATIENCE
        samples, floor_samples, our_samples = list[float](), list[float](), list[float]()
        await self._sample_ours(row.workload)  # warms up
        while len(samples) <= SAMPLES and (not samples or trio.current_time() < patience):
            for _ in range(BESIDE):
                floor_sample, our_sample = await self._sample_ours(row.workload)
                floor_samples.append(floor_sample)
                our_samples.append(our_sample)
            samples.append(await program.sample(row.workload))
        self.floor_samples.setdefault(row.workload, []).extend(floor_samples)
        self.our_samples.setdefault(row.workload, []).extend(our_samples)
        counted = samples[1:] or samples  # what takes that long needs no warming up
        return attrs.evolve(row, samples=tuple(counted), floor_samples=tuple(floor_samples))

    async def _sample_ours(self, workload: str) -> tuple[float, float]:
        # Takes less than a second. A program whose answer nobody waited for would give it to
        # the next question.
        try:
            with trio.CancelScope(shield=True):
                floor_sample = await self.floor.sample(workload)
                our_sample = await self.ours.sample(workload)
        except UnavailableError as error:
            raise RuntimeError(f"a program of ours, not of an engine, {error}") from error
        return floor_sample, our_sample

    def results(self) -> Results:
        """Return all rows, those of the fast programs with their samples of the whole session."""
        everything = [self._beside(workload) for workload in WORKLOADS.values()]
        return Results(
            day=dt.datetime.now(dt.UTC).date().isoformat(),
            machine=machine(),
            python=platform.python_version(),
            versions={
                FLOOR.id: self.floor.versions,
                OURS.id: self.ours.versions,
            }
            | self.versions,
            rows=tuple(row for pair in everything for row in pair) + tuple(self.rows),
        )

    def _beside(self, workload: Workload) -> list[Row]:
        floor = tuple(self.floor_samples.get(workload.id, ()))
        ours = tuple(self.our_samples.get(workload.id, ()))
        reason = "" if floor else "no other engine was measured"
        return [
            Row(workload.id, FLOOR.id, workload.per, floor, floor, reason),
            Row(workload.id, OURS.id, workload.per, ours, floor, reason),
        ]


async def measure(
    engines: Sequence[Engine], environments: Path, limit: float, report: Callable[[Row], None]
) -> Results:
    """Measure *engines*, reporting each row as soon as it is known."""
    async with open_session(environments, limit, report) as session:
        for engine in engines:
            await session.measure(engine)
        return session.results()


@asynccontextmanager
async def open_session(
    environments: Path, limit: float, report: Callable[[Row], None]
) -> AsyncGenerator[Session, None]:
    async with (
        open_program(FLOOR, await python_for(FLOOR, environments)) as floor,
        open_program(OURS, await python_for(OURS, environments)) as ours,
    ):
        yield Session(environments, limit, report, floor, ours)


def machine() -> str:
    """Return the processor's name and how many cores there are."""
    cores = os.cpu_count()
    return f"{processor()}, {cores} cores, {platform.system()}"


def processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            name, _, text = line.partition(":")
            if name.strip() == "model name":
                return f"{text.strip()} ({platform.machine()})"
    return platform.processor() or platform.machine()
