"""Limits over all engines on one store, and rates."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from trioflow import Engine, Limit, StepContext, Workflow, open_engine, step, tool
from trioflow.abc import PlaceRule
from trioflow.errors import DefinitionError, StoreError
from trioflow.stores import MemoryStore


@attrs.define
class Crowd:
    """Which bodies run, how many ran at most, and when each began."""

    limit: Any
    seconds: float = 1.0
    now: int = 0
    most: int = 0
    begins: list[tuple[float, Any]] = attrs.field(factory=list)

    def flow(self) -> Workflow[Any, Any]:
        @step(limit=self.limit)
        async def body(value: Any) -> Any:
            self.begins.append((trio.current_time(), value))
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                await trio.sleep(self.seconds)
            finally:
                self.now -= 1
            return value

        return Workflow[Any, Any]("w", input=Any).then(body)

    @property
    def times(self) -> list[float]:
        return [round(at, 3) for at, _ in self.begins]


@asynccontextmanager
async def engines(
    crowd: Crowd, count: int, store: Any = None, **options: Any
) -> AsyncGenerator[list[Engine], None]:
    """Engines on one store."""
    store = MemoryStore() if store is None else store
    async with trio.open_nursery() as nursery:
        opened: list[Engine] = []
        close = trio.Event()

        async def run(task_status: Any) -> None:
            async with open_engine(
                plugins=[], store=store, workflows=[crowd.flow()], **options
            ) as engine:
                opened.append(engine)
                task_status.started()
                await close.wait()

        for _ in range(count):
            await nursery.start(run)
        yield opened
        close.set()


STORE_TWO = Limit("llm", 2, scope="store")


async def test_a_limit_of_the_store_holds_for_all_engines(autojump_clock: MockClock) -> None:
    crowd = Crowd(STORE_TWO)
    async with engines(crowd, 3) as opened:
        runs = [opened[number % 3].submit("w", number) for number in range(9)]
        for run in runs:
            assert (await run.wait()).status == "success"

    assert crowd.most == 2
    assert len(crowd.begins) == 9
    assert trio.current_time() < 9


async def test_places_are_given_in_order_of_arrival(autojump_clock: MockClock) -> None:
    crowd = Crowd(Limit("llm", 1, scope="store"))
    async with engines(crowd, 3) as opened:
        runs = []
        for number in range(9):
            runs.append(opened[number % 3].submit("w", number))
            await trio.sleep(0.01)
        for run in runs:
            await run.wait()

    assert [value for _, value in crowd.begins] == list(range(9))
    assert crowd.most == 1


async def test_places_of_the_dead_are_free_when_their_claims_are(
    autojump_clock: MockClock,
) -> None:
    store, rule = MemoryStore(), PlaceRule(2)
    crowd = Crowd(STORE_TWO)
    for number in range(2):
        assert await store.join_line("llm", str(number), "dead", 30.0, rule)
    async with engines(crowd, 1, store) as (engine,):
        await engine.submit("w", 1).wait()

    assert crowd.times[0] == pytest.approx(30, abs=1)


async def test_who_waits_for_a_place_can_be_canceled_and_timed_out(
    autojump_clock: MockClock,
) -> None:
    crowd = Crowd(Limit("llm", 1, scope="store"), seconds=100)
    async with engines(crowd, 2) as (one, two):
        first = one.submit("w", 1)
        await trio.sleep(1)
        canceled, late = two.submit("w", 2), two.submit("w", 3, timeout=5.0)
        last = two.submit("w", 4)
        await trio.sleep(1)
        canceled.cancel()
        assert (await canceled.wait()).status == "canceled"
        assert (await late.wait()).status == "failed"
        assert trio.current_time() == pytest.approx(6, abs=0.1)
        await first.wait()
        await last.wait()

    assert [value for _, value in crowd.begins] == [1, 4]
    assert trio.current_time() < 202


async def test_a_closed_engine_gives_back_its_places(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    crowd = Crowd(Limit("llm", 1, scope="store"), seconds=10)
    async with engines(crowd, 1, store) as (engine,):
        engine.submit("w", 1)
        await trio.sleep(1)
    async with engines(crowd, 1, store) as (engine,):
        await engine.submit("w", 2).wait()

    assert trio.current_time() < 12
    assert store._shelf.lines.tickets == {}


async def test_a_tool_shares_the_place_of_its_step(autojump_clock: MockClock) -> None:
    limit = Limit("llm", 1, scope="store")

    @tool(limit=limit)
    async def inner(value: int) -> int:
        return value + 1

    @step(limit=limit)
    async def outer(value: int, ctx: StepContext[Any]) -> Any:
        return await ctx.call_tool(inner, value=value)

    async with open_engine(plugins=[], store=MemoryStore()) as engine:
        flow = Workflow[Any, Any]("w", input=int).then(outer)
        assert await engine.run(flow, 1) == 2


class Flaky(MemoryStore):
    """A store that is away now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[StoreError] = []

    async def join_line(self, *args: Any, **options: Any) -> bool:
        has_place = await super().join_line(*args, **options)
        if self.failures:
            raise self.failures.pop()
        return has_place

    async def take_places(self, *args: Any, **options: Any) -> set[str]:
        found = await super().take_places(*args, **options)
        if self.failures:
            raise self.failures.pop()
        return found


@pytest.mark.parametrize("per", [None, 1.0])
async def test_waiting_outlasts_a_store_that_is_away(
    autojump_clock: MockClock, per: float | None
) -> None:
    store, crowd = Flaky(), Crowd(Limit("llm", 1, per=per, scope="store"))
    away = StoreError("s", "is away", transient=True)
    store.failures = [away]
    async with engines(crowd, 1, store) as (engine,):
        runs = [engine.submit("w", number) for number in range(3)]
        await trio.sleep(0.5)
        store.failures = [away]
        for run in runs:
            assert (await run.wait()).status == "success"
    assert len(crowd.begins) == 3
    assert crowd.most == 1 or per is not None


@pytest.mark.parametrize("waits", [False, True])
async def test_a_store_that_fails_fails_who_asks_for_a_place(
    autojump_clock: MockClock, waits: bool
) -> None:
    store, crowd = Flaky(), Crowd(Limit("llm", 1, scope="store"), seconds=10)
    async with engines(crowd, 1, store) as (engine,):
        if waits:
            engine.submit("w", 0)
            await trio.sleep(1)
            run = engine.submit("w", 1)
            await trio.sleep(1)
        store.failures = [StoreError("s", "is broken")]
        if not waits:
            run = engine.submit("w", 1)
        error = (await run.wait()).error
    assert isinstance(error, StoreError)
    assert "is broken" in str(error)


# ---------------------------------------------------------------- rates
@pytest.mark.parametrize("scope", ["engine", "store"])
async def test_a_rate_bounds_how_many_begin(autojump_clock: MockClock, scope: Any) -> None:
    crowd = Crowd(Limit("llm", 3, per=timedelta(seconds=60), scope=scope), seconds=100)
    async with engines(crowd, 1) as (engine,):
        runs = [engine.submit("w", number) for number in range(7)]
        for run in runs:
            await run.wait()

    assert sorted(value for _, value in crowd.begins) == list(range(7))
    assert crowd.times == pytest.approx([0, 0, 0, 60, 60, 60, 120], abs=0.5)


async def test_a_rate_of_the_store_holds_for_all_engines(autojump_clock: MockClock) -> None:
    crowd = Crowd(Limit("llm", 2, per=10, scope="store"))
    async with engines(crowd, 3) as opened:
        runs = [engine.submit("w", number) for engine in opened for number in range(2)]
        for run in runs:
            await run.wait()

    assert crowd.times == pytest.approx([0, 0, 10, 10, 20, 20], abs=0.5)


async def test_who_is_canceled_leaves_its_turn_to_the_next(autojump_clock: MockClock) -> None:
    crowd = Crowd(Limit("llm", 1, per=10))
    async with open_engine(plugins=[], workflows=[crowd.flow()]) as engine:
        runs = []
        for number in range(3):
            runs.append(engine.submit("w", number))
            await trio.sleep(1)
        runs[1].cancel()
        await runs[2].wait()

    assert crowd.times == [0, 10]


async def test_a_rate_without_an_engine_holds_in_one_event_loop(
    autojump_clock: MockClock,
) -> None:
    crowd = Crowd(Limit("llm", 1, per=10))
    flow = crowd.flow()
    async with trio.open_nursery() as nursery:
        for number in range(2):
            nursery.start_soon(flow.run, number)

    assert crowd.times == [0, 10]


# ---------------------------------------------------------------- where the number comes from
async def test_numbers_and_limits_of_the_engine_override(autojump_clock: MockClock) -> None:
    crowd = Crowd(Limit("llm", 1, per=10, scope="store"))
    async with engines(crowd, 2, limits={"llm": 2}) as opened:
        runs = [opened[number % 2].submit("w", number) for number in range(4)]
        for run in runs:
            await run.wait()
    assert crowd.times == pytest.approx([0, 0, 10, 10], abs=0.5)

    crowd = Crowd("llm")
    async with engines(crowd, 2, limits={"llm": STORE_TWO}) as opened:
        runs = [opened[number % 2].submit("w", number) for number in range(6)]
        for run in runs:
            await run.wait()
    assert crowd.most == 2


async def test_a_limit_of_the_store_needs_a_store() -> None:
    flow = Crowd(STORE_TWO).flow()
    with pytest.raises(DefinitionError, match="there is no store"):
        await flow.run(1)
    async with open_engine(plugins=[]) as engine:
        with pytest.raises(DefinitionError, match="there is no store"):
            await engine.run(flow, 1)


async def test_limits_that_differ_are_refused() -> None:
    @step(limit=STORE_TWO)
    async def one(value: int) -> int:
        return value

    @step(limit=Limit("llm", 2, per=3))
    async def two(value: int) -> int:
        return value

    flow = Workflow[Any, Any]("w", input=int).then(one).then(two)
    with pytest.raises(DefinitionError, match="2 places per 3 s here, and 2 places in the whole"):
        async with open_engine(plugins=[], store=MemoryStore()) as engine:
            await engine.run(flow, 1)
    with pytest.raises(DefinitionError, match="another name"):
        async with open_engine(plugins=[], limits={"gpu": STORE_TWO}):
            pass


@pytest.mark.parametrize(
    "options", [{"per": 0}, {"per": -1}, {"per": "1"}, {"per": float("inf")}, {"scope": "world"}]
)
def test_wrong_limits_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match="llm"):
        Limit("llm", 1, **options)


# ---------------------------------------------------------------- properties
@given(
    places=st.integers(1, 3),
    per=st.none() | st.sampled_from([1.0, 5.0]),
    count=st.integers(1, 3),
    asked=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from([0.0, 0.3, 2.0]), st.booleans()), max_size=12
    ),
    seconds=st.sampled_from([0.0, 0.5, 3.0]),
)
def test_no_more_bodies_than_places_whoever_asks_and_leaves(
    places: int,
    per: float | None,
    count: int,
    asked: list[tuple[int, float, bool]],
    seconds: float,
) -> None:
    crowd = Crowd(Limit("llm", places, per=per, scope="store"), seconds=seconds)

    async def main() -> None:
        async with engines(crowd, count) as opened:
            runs = []
            for number, (which, pause, is_canceled) in enumerate(asked):
                run = opened[which % count].submit("w", number)
                await trio.sleep(pause)
                if is_canceled:
                    run.cancel()
                runs.append(run)
            for run, (_, _, is_canceled) in zip(runs, asked, strict=True):
                assert (await run.wait()).status in {"success", "canceled" if is_canceled else ""}

    trio.run(main, clock=MockClock(autojump_threshold=0))

    if per is None:
        assert crowd.most <= places
    for (first, _), (last, _) in itertools.pairwise(crowd.begins[::places]):
        assert per is None or last - first >= per - 0.001
