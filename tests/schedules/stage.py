"""Engines with schedules in virtual time, on stores whose clock can be set."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import trio

from trioflow import Engine, Every, Schedule, Workflow, open_engine, step
from trioflow.abc import TickRecord
from trioflow.errors import StoreError
from trioflow.schedules import Rule
from trioflow.stores import MemoryStore
from trioflow.testing import VirtualClock

HOUR = 3600.0
START = datetime(2026, 6, 1, 0, 30, tzinfo=UTC)
"""What the stores show when a test begins: half past midnight."""


class SetStore(MemoryStore):
    """A memory store whose clock starts at `START` with Trio's, and can be set."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = START.timestamp()
        self.is_away = False

    async def now(self) -> float:
        await trio.lowlevel.checkpoint()
        self._fail()
        return self.ahead + trio.current_time()

    async def advance(self, id: str, **changes: Any) -> bool:
        self._fail()
        return await super().advance(id, **changes)

    async def get_schedule(self, id: str) -> Any:
        self._fail()
        return await super().get_schedule(id)

    def _fail(self) -> None:
        if self.is_away:
            raise StoreError("set", "is away", transient=True)

    def at(self) -> datetime:
        """Return the time it shows."""
        return datetime.fromtimestamp(self.ahead + trio.current_time(), UTC)


class Story:
    """A workflow that writes down what ran, and takes as long as its input says."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self.ended: list[float] = []
        self.peak = 0

        @step
        async def sleeps(seconds: float) -> float:
            self.began.append(trio.current_time())
            self.peak = max(self.peak, len(self.began) - len(self.ended))
            try:
                await trio.sleep(seconds)
            finally:
                self.ended.append(trio.current_time())
            return seconds

        self.workflow = Workflow("sleeps", input=float, output=float).then(sleeps)

    def schedule(
        self, rule: Rule | None = None, seconds: Any = 0.0, *, id: str = "s", **options: Any
    ) -> Schedule:
        """Return a schedule of the workflow, hourly by default."""
        return Schedule(id, self.workflow, rule or Every(hours=1), seconds, **options)

    @asynccontextmanager
    async def engine(
        self, store: MemoryStore | None, *schedules: Schedule, runs: bool = True, **options: Any
    ) -> AsyncGenerator[Engine, None]:
        """Open an engine that keeps schedules."""
        async with open_engine(
            plugins=options.pop("plugins", ()),
            workflows=[self.workflow],
            schedules=schedules,
            schedule=runs,
            store=store,
            **options,
        ) as engine:
            yield engine


def in_virtual_time(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test on a clock that starts at zero."""
    trio.run(test, clock=VirtualClock())


async def decisions(engine: Engine, id: str = "s") -> list[tuple[str, str]]:
    """Return what became of the ticks, oldest first, with their local times."""
    records = await engine.schedules.ticks(id, None)
    return [(hour_of(record), record.decision) for record in records[::-1]]


def hour_of(record: TickRecord) -> str:
    return f"{datetime.fromtimestamp(record.at, UTC):%H:%M}"


async def pass_hours(hours: float) -> None:
    """Let virtual time pass."""
    await trio.sleep(hours * HOUR)


def hours(*numbers: float) -> Sequence[timedelta]:
    return [timedelta(hours=number) for number in numbers]
