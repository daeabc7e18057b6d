"""Schedulers over one store, in any interleaving, and killed at every await."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from trioflow import Cron, Every, Schedule
from trioflow.abc import Append, Entry, RunHeader, TickRecord
from trioflow.events import RunStatus
from trioflow.run_info import RunInfo
from trioflow.schedules import Rule
from trioflow.schedules._book import Book, next_due, stored_of
from trioflow.schedules._deciding import moment_of
from trioflow.schedules._loop import Loop
from trioflow.schedules._ports import TickStart
from trioflow.stores import MemoryStore
from trioflow.testing import VirtualClock

HOUR = 3600.0
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
RULES: st.SearchStrategy[Rule] = st.one_of(
    st.builds(Every, minutes=st.integers(7, 50), offset=st.integers(0, 600)),
    st.builds(
        Cron, st.sampled_from(["*/20 * * * *", "30 2 * * *", "0 * * * *"]), st.sampled_from(ZONES)
    ),
)
STARTS = st.sampled_from(
    [
        datetime(2026, 6, 1, 0, 10, tzinfo=UTC),
        datetime(2026, 3, 28, 23, 50, tzinfo=UTC),  # clocks change in Berlin
        datetime(2026, 10, 24, 23, 50, tzinfo=UTC),
        datetime(2026, 11, 1, 4, 50, tzinfo=UTC),  # in New York
    ]
)


class Storage(MemoryStore):
    """What all schedulers share. Its clock is set."""

    def __init__(self, start: datetime) -> None:
        super().__init__()
        self.start = start.timestamp()
        self.headers: list[str] = []

    async def now(self) -> float:
        await trio.lowlevel.checkpoint()
        return self.start + trio.current_time()

    async def append(self, appends: Sequence[Append]) -> Any:
        found = await super().append(appends)
        self.headers += [
            append.run_id for append, bad in zip(appends, found, strict=True) if not bad
        ]
        return found


@attrs.define(eq=False)
class Mortal:
    """A scheduler's way to the storage: it dies at its n-th use, before it or after it."""

    storage: Storage
    luck: random.Random
    dies_at: int
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    uses: int = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.storage, name)
        if name == "wait_schedules":
            return method

        async def use(*args: Any, **options: Any) -> Any:
            for _ in range(self.luck.randrange(3)):
                await trio.lowlevel.checkpoint()
            self.uses += 1
            is_last, is_before = self.uses == self.dies_at, self.luck.random() < 0.5
            if is_last and is_before:
                self.scope.cancel()
                await trio.lowlevel.checkpoint()
            found = await method(*args, **options)
            if is_last:
                self.scope.cancel()
                await trio.lowlevel.checkpoint()
            return found

        return use


@attrs.define(eq=False)
class Port:
    """An engine whose runs are headers in the storage, finished at once."""

    store: Any
    workflows: Mapping[str, Any] = attrs.field(factory=lambda: {"w": None})

    async def start_tick(self, start: TickStart) -> Any:
        header = RunHeader(
            run_id=start.run_id, workflow_id="w", created_at=0.0, format=1, fingerprint="{}"
        )
        append = Append(
            run_id=start.run_id,
            entries=(Entry(0, 0.0, "{}"),),
            after=-1,
            status="success",
            header=header,
            tick=start.key,
        )
        (conflict,) = await self.store.append([append])
        if conflict is not None:
            raise conflict
        return self

    async def wait(self) -> None:
        await trio.lowlevel.checkpoint()

    async def find_runs(
        self, tag: str, statuses: Collection[RunStatus], limit: int
    ) -> Sequence[RunInfo]:
        await trio.lowlevel.checkpoint()
        return ()

    async def cancel_run(self, run_id: str, reason: str | None = None) -> None:
        await trio.lowlevel.checkpoint()

    def notify(self, record: TickRecord) -> None: ...
    def encode_input(self, value: Any) -> str:
        return "null"

    def decode_input(self, text: str) -> Any:
        return None


@attrs.frozen
class Pause:
    """A time without ticks."""

    since: float
    until: float
    lived: Sequence[tuple[float, float]]
    """From when to when each scheduler has lived."""

    def may_lose(self, at: float, due: float) -> bool:
        """Return whether nobody could decide about a tick before the pause, or only shortly."""
        times = (min(death, self.since) - max(birth, due) for birth, death in self.lived)
        return at <= self.until and max(times, default=0.0) < 60


@given(
    rule=RULES,
    start=STARTS,
    jitter=st.sampled_from([0, 90]),
    lives=st.lists(st.integers(1, 60), max_size=6),
    pause=st.none() | st.tuples(st.floats(0.1, 1), st.floats(0.1, 1)),
    seed=st.integers(0, 10**6),
)
@settings(deadline=None, max_examples=settings().max_examples // 2)
def test_each_tick_is_decided_once_whoever_lives_and_dies(
    rule: Rule,
    start: datetime,
    jitter: int,
    lives: list[int],
    pause: tuple[float, float] | None,
    seed: int,
) -> None:
    """Jobs doubled with several processes elsewhere: agronholm/apscheduler#463, #488."""
    schedule = Schedule(
        "s", "w", rule, jitter=jitter, overlap="allow", catch_up=9 * HOUR, missed="all"
    )
    storage, luck = Storage(start), random.Random(seed)
    paused: list[tuple[float, float]] = []
    lived: list[tuple[float, float]] = []

    async def live(dies_at: int) -> None:
        mortal = Mortal(storage, luck, dies_at)
        book = Book(Port(mortal), mortal, f"owner {luck.random()}", {"s": schedule})  # type: ignore[arg-type]
        born = storage.start + trio.current_time()
        try:
            with mortal.scope:
                await Loop(book).run()
        finally:
            lived.append((born, storage.start + trio.current_time()))

    async def pauses() -> None:
        if pause is None:
            return
        await trio.sleep(pause[0] * HOUR)
        since = await _change(storage, schedule, is_paused=True)
        await trio.sleep(pause[1] * HOUR)
        paused.append((since, await _change(storage, schedule, is_paused=False)))

    async def main() -> None:
        first = stored_of(schedule, storage.start, input=None, is_declared=True, wake_at=None)
        await storage.put_schedule(first, if_version=None)
        with trio.move_on_after(2.5 * HOUR):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pauses)
                for dies_at in lives[:3]:
                    nursery.start_soon(live, dies_at)
                for dies_at in lives[3:]:
                    await trio.sleep(0.3 * HOUR)
                    nursery.start_soon(live, dies_at)
                nursery.start_soon(live, 10**9)  # lives on
                await trio.sleep_forever()
        end = storage.start + trio.current_time() - 120 - jitter
        records = await storage.list_ticks("s", None)
        _check(schedule, storage, records, end, [Pause(*times, lived) for times in paused])

    trio.run(main, clock=VirtualClock())


async def _change(storage: Storage, schedule: Schedule, is_paused: bool) -> float:
    while True:
        found = await storage.get_schedule("s")
        now = await storage.now()
        assert found is not None
        fresh = attrs.evolve(found, is_paused=is_paused)
        if not is_paused:
            fresh = attrs.evolve(fresh, watermark=max(now, found.watermark), since=now)
            fresh = attrs.evolve(fresh, wake_at=next_due(schedule, fresh))
        if await storage.put_schedule(fresh, if_version=found.version):
            return now


def _check(
    schedule: Schedule,
    storage: Storage,
    records: Sequence[TickRecord],
    end: float,
    pauses: Sequence[Pause],
) -> None:
    found = {record.at: record for record in records}
    assert len(found) == len(records)
    for tick in schedule.after(moment_of(storage.start)):
        at = tick.timestamp()
        if at > end:
            break
        due = at + schedule.delay(tick)
        if not any(pause.may_lose(at, due) for pause in pauses):
            assert found[at].decision == "started", tick
    assert all(record.at <= end + 300 for record in records)
    ran = [run_id for run_id in storage.headers if run_id.startswith("s@")]
    assert len(ran) == len(set(ran))
    started = {record.run_id for record in records if record.decision == "started"}
    assert started == set(ran)
