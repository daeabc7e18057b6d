"""Places of runners: how many bodies run, whose turn it is, and that waiting bodies need none."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from trioflow import StepContext, Workflow, open_engine, step, tool
from trioflow.runners import Places, ThreadRunner

PATIENCE = 0.5


# ---------------------------------------------------------------- any bodies
@attrs.frozen
class Work:
    """Use the place for some time."""

    seconds: float


@attrs.frozen
class Await:
    """Wait for some answers of the engine, which all come after some time."""

    seconds: float
    answers: int = 1


@attrs.frozen
class CallOthers:
    """Call bodies in the same runner at the same time, and wait for them."""

    bodies: Sequence[Sequence[Any]]


@attrs.frozen
class GiveUp:
    """Call a body, and cancel it after some time."""

    body: Sequence[Any]
    seconds: float


SECONDS = st.sampled_from([0, 0.1, 0.4, 0.6, 1, 5])


def bodies() -> st.SearchStrategy[Sequence[Any]]:
    def extend(inner: Any) -> Any:
        call = st.lists(inner, min_size=1, max_size=3).map(CallOthers)
        deed = call | st.builds(GiveUp, inner, SECONDS) | st.builds(Work, SECONDS)
        return st.lists(deed | st.builds(Await, SECONDS, st.integers(1, 2)), max_size=3)

    return st.recursive(st.lists(st.builds(Work, SECONDS), max_size=2), extend, max_leaves=12)


@attrs.define
class Crowd:
    """Bodies that run in places, and how many of them used one at the same time."""

    places: Places
    working: int = 0
    most: int = 0
    ended: int = 0

    async def run(self, body: Sequence[Any], run_id: str) -> None:
        place = self.places.place(run_id)
        try:
            await place.take()
            with place.around():
                for deed in body:
                    assert place.is_held
                    await self.do(deed, place, run_id)
            self.ended += 1
        finally:
            place.end()

    async def do(self, deed: Any, place: Any, run_id: str) -> None:
        if isinstance(deed, Work):
            self.working += 1
            self.most = max(self.most, self.working)
            try:
                await trio.sleep(deed.seconds)
            finally:
                self.working -= 1
            return
        async with trio.open_nursery() as nursery:
            if isinstance(deed, CallOthers):
                for body in deed.bodies:
                    nursery.start_soon(self.ask, self.run, place, body, run_id)
            elif isinstance(deed, GiveUp):
                nursery.start_soon(self.ask, self.give_up, place, deed, run_id)
            else:
                for _ in range(deed.answers):
                    nursery.start_soon(self.ask, trio.sleep, place, deed.seconds)

    async def ask(self, wanted: Any, place: Any, *args: Any) -> None:
        place.begin_wait()
        await wanted(*args)
        await place.end_wait()

    async def give_up(self, deed: GiveUp, run_id: str) -> None:
        with trio.move_on_after(deed.seconds):
            await self.run(deed.body, run_id)


@example(1, [([Await(1, 2)], "a"), ([Work(5)], "a")])
@example(1, [([Work(5)], "a"), ([], "a"), ([GiveUp([GiveUp([Work(1)], 0.1)], 0.1)], "b")])
@example(1, [([CallOthers([[GiveUp([Work(5)], 0.1)], [Work(5)]])], "a")])
@given(st.integers(1, 3), st.lists(st.tuples(bodies(), st.sampled_from("ab")), max_size=5))
@settings(deadline=None)
def test_all_bodies_end_and_never_use_more_places_than_there_are(
    total: int, started: list[tuple[Sequence[Any], str]]
) -> None:
    async def main() -> Crowd:
        crowd = Crowd(Places(total, patience=PATIENCE))
        async with trio.open_nursery() as lending:
            lending.start_soon(crowd.places.lend)
            async with trio.open_nursery() as nursery:
                for body, run_id in started:
                    nursery.start_soon(crowd.run, body, run_id)
            lending.cancel_scope.cancel()
        for _ in range(total):  # all are free again
            await crowd.places.place("c").take()
        assert not crowd.places._free
        return crowd

    crowd = trio.run(main, clock=MockClock(autojump_threshold=0))
    assert crowd.most <= total
    assert crowd.working == 0
    assert crowd.ended >= len(started)


# ---------------------------------------------------------------- whose turn it is
async def order_of(total: int, *started: tuple[str, float]) -> list[str]:
    """Return the order in which bodies of runs begin: of each, its run and how long it works."""
    places, begun = Places(total), []

    async def run(run_id: str, seconds: float, *, task_status: trio.TaskStatus[None]) -> None:
        place = places.place(run_id)
        task_status.started()
        await place.take()  # stands in line at once
        begun.append(run_id)
        await trio.sleep(seconds)
        place.end()

    async with trio.open_nursery() as nursery:
        for one in started:
            await nursery.start(run, *one)
    return begun


async def test_a_run_that_comes_later_need_not_wait_for_all_of_another(
    autojump_clock: MockClock,
) -> None:
    begun = await order_of(2, ("long", 2), ("long", 3), *[("long", 2)] * 3, *[("short", 2)] * 2)

    assert begun == ["long", "long", "short", "long", "short", "long", "long"]


async def test_the_run_with_the_fewest_places_comes_first(autojump_clock: MockClock) -> None:
    begun = await order_of(2, ("a", 10), ("b", 1), *[("a", 1)] * 3, *[("b", 1)] * 3)

    assert begun == ["a", "b", "b", "b", "b", "a", "a", "a"]


async def test_runs_with_equally_many_take_turns(autojump_clock: MockClock) -> None:
    begun = await order_of(1, ("x", 1), *[("a", 1)] * 3, *[("b", 1)] * 3, *[("c", 1)] * 2)

    assert begun == ["x", "a", "b", "c", "a", "b", "c", "a", "b"]


async def test_a_body_that_waits_long_lends_its_place_and_gets_one_back_first(
    autojump_clock: MockClock,
) -> None:
    places, notes = Places(1, patience=PATIENCE), []

    def note(what: str) -> None:
        notes.append((what, trio.current_time()))

    async def wait_long(*, task_status: trio.TaskStatus[None]) -> None:
        place = places.place("r")
        await place.take()
        place.begin_wait()
        task_status.started()
        await trio.sleep(1)
        await place.end_wait()
        note("continues")
        place.end()

    async def work(run_id: str) -> None:
        place = places.place(run_id)
        await place.take()
        note("begins")
        await trio.sleep(2)
        place.end()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(places.lend)
        async with trio.open_nursery() as bodies:
            await bodies.start(wait_long)
            for _ in range(2):
                bodies.start_soon(work, "r")
        nursery.cancel_scope.cancel()

    assert notes == [("begins", 0.5), ("continues", 2.5), ("begins", 2.5)]


async def test_bodies_between_in_other_places_do_not_matter(autojump_clock: MockClock) -> None:
    places, others = Places(1), Places(1)
    outer = places.place("r")
    await outer.take()
    with outer.around():
        between = others.place("r", waits=True)
        await between.take()
        outer.begin_wait()
        with between.around():
            inner = places.place("r")
            with trio.fail_after(1):
                await inner.take()

    assert (outer.is_held, inner.is_held) == (False, True)
    inner.end()
    assert outer.is_held


# ---------------------------------------------------------------- threads
def test_a_body_in_a_thread_can_call_tools_in_threads() -> None:
    @tool
    def square(n: int) -> int:
        return n * n

    @step
    def call(n: int, ctx: StepContext[Any]) -> int:
        async def call_both() -> int:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ctx.call_tool, square, n)
                nursery.start_soon(ctx.call_tool, square, n)
            return await ctx.call_tool(square, n)

        return trio.from_thread.run(call_both)

    async def main() -> Any:
        workflow = Workflow("w", input=list[int]).foreach(call, concurrency=4)
        async with open_engine(plugins=[], runners={"thread": ThreadRunner(2)}) as engine:
            return await engine.create_run(workflow).start([1, 2, 3, 4])

    assert trio.run(main).unwrap() == [1, 4, 9, 16]


@pytest.mark.parametrize("is_tool", [False, True])
def test_waiting_for_a_thread_is_no_part_of_the_timeout(is_tool: bool) -> None:
    leave, begun = threading.Event(), threading.Event()

    @step
    def hold(_: int) -> None:
        begun.set()
        leave.wait(10)

    @step(timeout=0.2)
    def quick(n: int) -> int:
        return n

    @tool(timeout=0.2)
    def quick_tool(n: int) -> int:
        return n

    @step(timeout=600)
    async def calls(n: int, ctx: StepContext[Any]) -> int:
        return await ctx.call_tool(quick_tool, n)

    async def main() -> Any:
        async with open_engine(plugins=[], runners={"thread": ThreadRunner(1)}) as engine:
            engine.submit(Workflow("h", input=int).then(hold), 0)
            await trio.to_thread.run_sync(begun.wait)
            run = engine.submit(Workflow("w", input=int).then(calls if is_tool else quick), 7)
            await wait_all_tasks_blocked()
            clock.jump(100)
            await wait_all_tasks_blocked()
            assert run.status == "running"
            leave.set()
            return await run.wait()

    clock = MockClock()
    assert trio.run(main, clock=clock).unwrap() == 7
