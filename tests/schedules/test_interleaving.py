"""Schedulers over one store, in any interleaving, and killed at every await."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

import attrs
import pytest
import trio
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.schedules.mortals import Fate, MortalMemory, set_calendar
from tests.schedules.stage import Story
from trioflow import Cron, Engine, Every
from trioflow.abc import TickRecord
from trioflow.errors import StoreError
from trioflow.events import FINISHED_STATUSES
from trioflow.schedules import Missed, Overlap, Rule
from trioflow.stores import MemoryStore
from trioflow.testing import VirtualClock

HOUR = 3600.0
CLAIM = 900.0
"""Seconds until the run of a dead engine is recovered."""
SLACK = 60.0
"""Seconds in which an engine that lives has decided about all that is due."""
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
RULES: st.SearchStrategy[Rule] = st.one_of(
    st.builds(Every, minutes=st.integers(7, 50), offset=st.integers(0, 600)),
    st.builds(
        Cron, st.sampled_from(["*/20 * * * *", "30 2 * * *", "0 * * * *"]), st.sampled_from(ZONES)
    ),
)
STARTS = st.sampled_from(
    [
        datetime(2036, 6, 1, 0, 10, tzinfo=UTC),
        datetime(2036, 3, 29, 23, 50, tzinfo=UTC),  # clocks change in Berlin
        datetime(2036, 10, 25, 23, 50, tzinfo=UTC),
        datetime(2036, 11, 2, 4, 50, tzinfo=UTC),  # in New York
    ]
)
PARTS = st.floats(0.1, 1)
TOLD = [Phase.explicit, Phase.reuse, Phase.generate]
"""An example is a few numbers: to make it smaller takes long and shows little."""


@attrs.frozen(kw_only=True)
class Plan:
    """What happens in one example. Times are hours after its start."""

    rule: Rule
    start: datetime
    jitter: int
    overlap: Overlap
    missed: Missed
    seconds: float
    """How long each run takes."""
    lives: Sequence[int]
    """After how many uses of the store each engine dies, but one. Three begin at once."""
    pause: tuple[float, float] | None
    triggers: Sequence[float]
    seed: int
    behind: float
    """How long nothing has looked before the first engine."""


PLANS = st.builds(
    Plan,
    rule=RULES,
    start=STARTS,
    jitter=st.sampled_from([0, 90]),
    overlap=st.sampled_from(["allow", "skip", "queue", "cancel"]),
    missed=st.sampled_from(["all", "last", "none"]),
    seconds=st.sampled_from([0.0, 400.0, 1500.0]),
    lives=st.lists(st.integers(1, 90), max_size=5),
    pause=st.none() | st.tuples(PARTS, PARTS),
    triggers=st.lists(st.floats(0.01, 2), max_size=3),
    seed=st.integers(0, 10**6),
    behind=st.sampled_from([0, 0, 1.5]),
)


@attrs.frozen
class Pause:
    """A time without ticks."""

    since: float
    until: float
    lived: Sequence[tuple[float, float]]
    """From when to when each engine has lived."""

    def may_lose(self, at: float, due: float) -> bool:
        """Return whether no engine could decide about a tick before the pause, or only shortly."""
        times = (min(death, self.since) - max(birth, due) for birth, death in self.lived)
        return at <= self.until and max(times, default=0.0) < SLACK


class Play:
    """One example: engines that live and die as planned, and what they have left."""

    def __init__(self, plan: Plan, open_store: Callable[[Fate], Any]) -> None:
        self.plan, self.open_store = plan, open_store
        self.story, self.luck = Story(), random.Random(plan.seed)
        self.schedule = self.story.schedule(
            plan.rule,
            plan.seconds,
            jitter=plan.jitter,
            overlap=plan.overlap,
            catch_up=9 * HOUR,
            missed=plan.missed,
        )
        self.headers: list[str] = []
        self.lived: list[tuple[float, float]] = []
        self.paused: list[tuple[float, float]] = []
        self.is_over = trio.Event()

    def now(self) -> float:
        return self.plan.start.timestamp() + trio.current_time()

    async def run(self) -> None:
        """Let all happen, and check it."""
        set_calendar(self.plan.start)
        fate = Fate(math.inf, self.luck, self.headers)
        async with self._engine(self.open_store(fate), False) as first:
            await trio.sleep(self.plan.behind * HOUR)
            with trio.move_on_after(2.5 * HOUR):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._pause, first)
                    nursery.start_soon(self._trigger, first)
                    for number, dies_at in enumerate((*self.plan.lives, math.inf)):
                        if number > 2:
                            await trio.sleep(0.3 * HOUR)
                        nursery.start_soon(self._live, dies_at)
                    await trio.sleep_forever()
            end = self.now() - 2 * SLACK - self.plan.jitter
            await self._end(first)
            await self._check(first, end)

    def _engine(self, store: Any, runs: bool) -> Any:
        options: Any = {"claim_seconds": CLAIM, "store_patience": 0.1}
        return self.story.engine(store, self.schedule, runs=runs, **options)

    async def _live(self, dies_at: float) -> None:
        fate = Fate(dies_at, self.luck, self.headers)
        born = self.now()
        try:
            with fate.scope:
                async with self._engine(self.open_store(fate), True):
                    await trio.sleep_forever()
        except* StoreError:
            assert fate.is_dead
        finally:
            self.lived.append((born, self.now()))

    async def _pause(self, engine: Engine) -> None:
        if self.plan.pause is not None:
            await trio.sleep(self.plan.pause[0] * HOUR)
            since = self.now()
            await engine.schedules.pause("s")
            await trio.sleep(self.plan.pause[1] * HOUR)
            await engine.schedules.resume("s")
            self.paused.append((since, self.now()))

    async def _trigger(self, engine: Engine) -> None:
        for hours in sorted(self.plan.triggers):
            await trio.sleep(hours * HOUR - trio.current_time() + self.plan.behind * HOUR)
            await engine.schedules.trigger("s")

    async def _end(self, engine: Engine) -> None:
        """Recover what dead engines have left, and let all runs end."""
        await trio.sleep(CLAIM + 1)
        with trio.move_on_after(4 * CLAIM + 4 * self.plan.seconds):
            async with self._engine(
                self.open_store(Fate(math.inf, self.luck, self.headers)), True
            ) as last:
                for _ in range(3):
                    await last.recover()
                    await trio.sleep(CLAIM + self.plan.seconds)

    async def _check(self, engine: Engine, end: float) -> None:
        records = await engine.schedules.ticks("s", None)
        started = [str(record.run_id) for record in records if record.decision == "started"]
        assert sorted(started) == sorted(self.headers)
        assert len(set(started)) == len(started)
        await self._check_overlap(engine, records)
        self._check_ticks(records, end)

    async def _check_overlap(self, engine: Engine, records: Sequence[TickRecord]) -> None:
        others = {record.decision for record in records} - {"started", "missed"}
        waiting = [record for record in records if record.decision == "queued"]
        match self.plan.overlap:
            case "allow":
                assert not others
            case "skip":
                assert others <= {"skipped"}
                for record in records:
                    if record.decision == "skipped":
                        await self._check_skipped(engine, record)
            case "queue" | "cancel":
                assert others <= {"queued"}
                assert len(waiting) <= 1
        assert self.plan.overlap == "allow" or self.story.peak <= 1

    async def _check_skipped(self, engine: Engine, record: TickRecord) -> None:
        assert record.reason is not None
        earlier = await engine.find_run_info(record.reason.split()[1])
        is_finished = earlier.status in FINISHED_STATUSES
        assert not is_finished or earlier.updated_at >= record.decided_at

    def _check_ticks(self, records: Sequence[TickRecord], end: float) -> None:
        found = {record.at: record for record in records}
        assert len(found) == len(records)
        pauses = [Pause(*times, self.lived) for times in self.paused]
        for tick in self.schedule.after(self.plan.start):
            at, due = tick.timestamp(), tick.timestamp() + self.schedule.delay(tick)
            if at > end:
                break
            if any(pause.may_lose(at, due) for pause in pauses):
                continue
            covering = [record for record in records if record.covers(at)]
            assert len(covering) == 1, tick
            if self.plan.overlap == "allow" and self.plan.missed == "all":
                assert covering[0].decision == "started", tick


def play_in_memory(plan: Plan) -> None:
    shared = MemoryStore()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trioflow.schedules._loop.OPEN_LOOK", 20.0)  # of two hours
        play = Play(plan, lambda fate: MortalMemory(shared, fate))
        trio.run(play.run, clock=VirtualClock())


@given(PLANS)
@settings(deadline=None, max_examples=settings().max_examples // 8, phases=TOLD)
def test_each_tick_is_decided_once_whoever_lives_and_dies(plan: Plan) -> None:
    """Jobs doubled with several processes elsewhere: agronholm/apscheduler#463, #488. Buffered
    starts and the first trigger ignored the policy elsewhere: temporalio/sdk-typescript#1594."""
    play_in_memory(plan)


@pytest.mark.slow
@pytest.mark.parametrize("overlap", get_args(Overlap))
def test_an_engine_may_die_at_each_of_its_uses_of_the_store(overlap: Overlap) -> None:
    for dies_at in range(1, 60, 2):
        plan = Plan(
            rule=Every(minutes=20),
            start=datetime(2036, 6, 1, 0, 10, tzinfo=UTC),
            jitter=0,
            overlap=overlap,
            missed="all",
            seconds=1500.0,
            lives=[dies_at, dies_at + 7],
            pause=None,
            triggers=[0.3],
            seed=dies_at,
            behind=0,
        )
        play_in_memory(plan)
