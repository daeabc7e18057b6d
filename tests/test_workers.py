"""Runs that are enqueued by one engine and driven by others."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trioflow import Engine, RunResult, StepContext, Workflow, events, open_engine, step
from trioflow._engine.life.life import Life
from trioflow._engine.life.registry import KEEP_FINISHED
from trioflow.abc import Instrument, WorkReport
from trioflow.errors import (
    CrashLoopError,
    DuplicateRunError,
    InvalidIdError,
    InvalidValueError,
    RunCanceledError,
    RunStateError,
    RunTimeoutError,
    StoreError,
)
from trioflow.stores import MemoryStore
from trioflow.testing import check_events
from trioflow.wire import RecordedError

began: list[Any] = []


@pytest.fixture(autouse=True)
def forget() -> None:
    began.clear()


@step
async def one(value: int) -> int:
    began.append(value)
    return value + 1


@step
async def slow(value: int) -> int:
    began.append(value)
    await trio.sleep(10)
    return value + 1


@step
async def endless(value: int) -> int:
    await trio.sleep_forever()


@step
async def asks(value: int, ctx: StepContext[Any]) -> str:
    return await ctx.ask("which?", str)


@step
async def told(value: int, ctx: StepContext[Any]) -> str:
    return await ctx.wait_for("go", str)


def flow(id: str, *steps: Any, output: Any = int, **options: Any) -> Workflow[Any, Any]:
    workflow = Workflow(id, input=int, output=output, **options)
    for each in steps:
        workflow = workflow.then(each)
    return workflow


FLOWS = (
    flow("one", one),
    flow("slow", slow, one),
    flow("asks", asks, output=str),
    flow("told", told, output=str),
    flow("endless", endless),
    flow("short", slow, timeout=3.0),
)


@asynccontextmanager
async def engine_on(store: Any, *flows: Any, **options: Any) -> AsyncGenerator[Engine, None]:
    async with open_engine(plugins=[], store=store, workflows=flows or FLOWS, **options) as engine:
        yield engine


@asynccontextmanager
async def working(
    store: Any, *flows: Any, claim_seconds: float = 30.0, **options: Any
) -> AsyncGenerator[Engine, None]:
    """An engine that works while the block runs."""
    async with (
        engine_on(store, *flows, claim_seconds=claim_seconds) as engine,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(lambda: engine.work(**options))
        yield engine
        nursery.cancel_scope.cancel()


async def end_of(engine: Engine, run_id: str) -> RunResult[Any]:
    return await (await engine.load_run(run_id)).wait()


async def test_a_worker_drives_what_another_engine_enqueues(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with engine_on(store) as web:
        run_id = await web.enqueue("one", 1, resource_id="ada", tags=["t"], by="bob")
        info = await web.find_run_info(run_id)
        async with working(store):
            result = await end_of(web, run_id)
        run = await web.load_run(run_id)

    assert (info.status, info.resource_id, info.tags, info.input) == ("pending", "ada", ("t",), 1)
    assert (result.output, began) == (2, [1])
    assert run.record.status == "success"


async def test_the_journal_follows_the_grammar(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with working(store) as engine:
        run_id = await engine.enqueue("one", 1)
        async with engine.observe(run_id, until="finished") as stream:
            seen = [event async for event in stream]

    check_events(seen, FLOWS[0])
    assert [event.type for event in seen[:3]] == ["start", "recover", "step-start"]
    assert isinstance(seen[1], events.Recover)
    assert not seen[1].crashed


async def test_an_enqueued_run_is_taken_at_once(autojump_clock: MockClock) -> None:
    async with working(MemoryStore(), poll=3600) as engine:
        await wait_all_tasks_blocked()
        await end_of(engine, await engine.enqueue("one", 1))

        assert trio.current_time() < 60


async def test_an_id_is_enqueued_once() -> None:
    store = MemoryStore()
    async with engine_on(store) as here, engine_on(store) as there:
        assert await here.enqueue("one", 1, run_id="r") == "r"
        for engine in (here, there):
            with pytest.raises(DuplicateRunError):
                await engine.enqueue("one", 1, run_id="r")
            assert await engine.start_once("one", 1, run_id="r") is None
        async with working(store):
            assert (await end_of(there, "r")).output == 2
        with pytest.raises(DuplicateRunError):
            await there.enqueue("one", 1, run_id="r")
    assert began == [1]


async def test_what_cannot_run_is_refused_before_it_is_stored() -> None:
    async with engine_on(MemoryStore()) as engine:
        with pytest.raises(InvalidValueError):
            await engine.enqueue("one", "x", run_id="r")
        with pytest.raises(InvalidIdError):
            await engine.enqueue("one", 1, queue="", run_id="r")
        for priority in (1.5, 2**31, True):
            with pytest.raises(ValueError, match="priority must be"):
                await engine.enqueue("one", 1, priority=priority, run_id="r")  # type: ignore[arg-type]
        assert await engine.count_runs() == 0
        assert await engine.enqueue("one", 1, run_id="r") == "r"
    async with engine_on(None) as engine:
        with pytest.raises(RunStateError, match="only a store"):
            await engine.enqueue("one", 1, run_id="r")
        assert await engine.run("one", 1, run_id="r") == 2
        with pytest.raises(StoreError, match="store="):
            await engine.work()


@pytest.mark.parametrize(
    "options",
    [
        {"capacity": 0},
        {"capacity": 1.5},
        {"queues": ()},
        {"queues": "default"},
        {"queues": [""]},
        {"poll": 0},
        {"poll": float("inf")},
        {"drain": -1},
        {"drain": float("nan")},
    ],
)
async def test_arguments_of_work_are_checked(options: dict[str, Any]) -> None:
    async with engine_on(MemoryStore()) as engine:
        with pytest.raises((ValueError, InvalidIdError)):
            await engine.work(**options)


async def test_a_store_that_is_read_only_gives_no_work() -> None:
    async with engine_on(MemoryStore().read_only()) as engine:
        with pytest.raises(StoreError, match="reading only"):
            await engine.work()


async def test_higher_priorities_come_first_then_older_runs(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with engine_on(store) as web:
        for value, priority in enumerate([0, -1, 5, 0, 5]):
            await web.enqueue("one", value, priority=priority, run_id=str(value))
        async with working(store, capacity=1):
            for value in range(5):
                await end_of(web, str(value))

    assert began == [2, 4, 0, 3, 1]


async def test_a_worker_takes_only_from_its_queues(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with engine_on(store) as web:
        await web.enqueue("one", 1, run_id="gpu", queue="gpu")
        await web.enqueue("one", 2, run_id="default")
        async with working(store):
            await end_of(web, "default")
            await trio.sleep(100)
        assert began == [2]
        async with working(store, queues=["gpu", "other"], poll=timedelta(seconds=1)):
            await end_of(web, "gpu")
    assert began == [2, 1]


async def test_a_worker_takes_a_part_of_its_room_at_a_time(autojump_clock: MockClock) -> None:
    store = CountingStore()
    async with engine_on(store) as web:
        for value in range(40):
            await web.enqueue("slow", value, run_id=str(value))
        async with working(store, capacity=30):
            await trio.sleep(5)
            assert len(began) == 30
            assert store.limits[:4] == [7, 5, 4, 3]
            assert max(store.limits) == 7
            await trio.sleep(20)
            assert len(began) == 80  # two steps each
        store.limits.clear()
        await web.enqueue("one", 1, run_id="last")
        async with working(store, capacity=1000):
            await end_of(web, "last")
            assert set(store.limits) == {20}


class CountingStore(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.limits: list[int] = []
        self.failures: list[Exception] = []

    async def claim_next(self, *args: Any, **options: Any) -> Any:
        self.limits.append(options["limit"])
        found = await super().claim_next(*args, **options)
        if self.failures:
            raise self.failures.pop()  # the reply is lost
        return found


async def test_an_idle_worker_looks_once_per_poll(autojump_clock: MockClock) -> None:
    store = CountingStore()
    async with working(store, poll=10):
        await trio.sleep(1000)

    assert 100 <= len(store.limits) <= 135


@pytest.mark.parametrize("transient", [True, False])
async def test_claims_of_a_lost_reply_are_found_again(
    autojump_clock: MockClock, transient: bool, caplog: pytest.LogCaptureFixture
) -> None:
    store = CountingStore()
    async with engine_on(store) as web:
        await web.enqueue("one", 1, run_id="r")
        store.failures = [StoreError("s", "is away", transient)]
        if transient:
            async with working(store):
                assert (await end_of(web, "r")).output == 2
            assert "no runs could be taken" in caplog.text
        else:
            async with engine_on(store) as engine:
                with pytest.raises(StoreError, match="is away"):
                    await engine.work()


async def test_a_canceled_worker_drains_and_releases(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with engine_on(store) as web:
        await web.enqueue("slow", 1, run_id="r")
        async with engine_on(store) as engine:
            submitted = engine.submit("slow", 5, run_id="mine")
            with trio.move_on_after(3):
                await engine.work(drain=20)
            assert trio.current_time() == 10  # the body of the first step has ended
            stored = await store.get("r")
            assert stored is not None
            assert (stored.status, stored.owner) == ("running", None)
            assert (await submitted.wait()).output == 7  # not taken, so not halted
        began.clear()
        async with working(store):
            assert (await end_of(web, "r")).output == 3
        assert began == [2]


async def test_a_worker_forgets_the_runs_that_have_ended(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with engine_on(store) as web, working(store):
        for number in range(3 * KEEP_FINISHED):
            await web.enqueue("one", number)
        await trio.sleep(60)
        assert await web.count_runs(status="success") == 3 * KEEP_FINISHED
        gc.collect()  # a run and its journal know each other
        lives = [each for each in gc.get_objects() if type(each) is Life]
        held = [life for life in lives if life.run_id in store._shelf.journals]
        assert len(held) <= KEEP_FINISHED + 1


async def test_bodies_that_take_too_long_to_drain_are_stopped(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with engine_on(store) as web:
        await web.enqueue("slow", 1, run_id="r")
        async with engine_on(store) as engine:
            with trio.move_on_after(3):
                await engine.work(drain=2)
            assert trio.current_time() == 5
        async with working(store):
            assert (await end_of(web, "r")).output == 3
        run = await web.load_run("r")
    assert began == [1, 1, 2]
    assert run.record.crashes == 0


async def test_answers_and_events_reach_runs_of_workers(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with open_engine(plugins=[], store=store) as web, working(store) as engine:
        for id in ("asks", "told"):
            await engine.enqueue(id, 1, run_id=id)
        await trio.sleep(1)
        await web.resume_run("asks", "this")
        await web.send_event("told", "go", "there")

        assert (await end_of(engine, "asks")).output == "this"
        assert (await end_of(engine, "told")).output == "there"


async def test_requests_for_an_enqueued_run_leave_it_to_workers(
    autojump_clock: MockClock,
) -> None:
    store = MemoryStore()
    async with engine_on(store, recover=True) as web:
        await web.enqueue("told", 1, run_id="told")
        await web.enqueue("told", 1, run_id="canceled")
        await web.send_event("told", "go", "early")
        await web.cancel_run("canceled", "not needed")
        await trio.sleep(100)
        assert (await web.find_run_info("told")).status == "pending"
        with pytest.raises(RunCanceledError):
            (await end_of(web, "canceled")).unwrap()
        async with working(store):
            assert (await end_of(web, "told")).output == "early"


async def test_due_runs_are_taken(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    sleeping = flow("sleeping", one).sleep(50).then(one)
    late = flow("late", asks, output=str, timeout=100.0)
    async with engine_on(store, sleeping, late) as web:
        for id in ("sleeping", "late"):
            await web.enqueue(id, 1, run_id=id)
        async with working(store, sleeping, late):
            await trio.sleep(5)
        async with working(store, sleeping, late):
            assert (await end_of(web, "sleeping")).output == 3
            assert trio.current_time() == pytest.approx(50, abs=1)
            await trio.sleep(60)
            with pytest.raises(RunTimeoutError):
                (await end_of(web, "late")).unwrap()


async def test_the_time_in_the_queue_counts_for_the_deadline(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with engine_on(store) as web:
        await web.enqueue("short", 1, run_id="known")
        async with working(store, flow("other", one)):  # it does not even know the workflow
            await trio.sleep(200)
            with pytest.raises(RecordedError, match="deadline"):
                (await end_of(web, "known")).unwrap()
        await web.enqueue("short", 1, run_id="late")
        await trio.sleep(10)
        async with working(store):
            assert "deadline" in str((await end_of(web, "late")).error)
    assert began == []


async def test_other_workflows_are_left_to_newer_workers(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    old, new = flow("flow", one), flow("flow", one, one)
    async with engine_on(store, new, flow("unknown", one)) as web:
        await web.enqueue("flow", 1, run_id="changed")
        await web.enqueue("unknown", 1, run_id="unknown")
    async with engine_on(store, old) as web:
        await web.enqueue("flow", 5, run_id="known")
        async with working(store, old, capacity=1):
            await end_of(web, "known")
            await trio.sleep(100)
    assert began == [5]
    async with working(store, new) as engine:
        assert (await end_of(engine, "changed")).output == 3


async def test_a_dead_worker_is_replaced_when_its_claims_end(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with engine_on(store) as web:
        await web.enqueue("slow", 1, run_id="r")
        (taken,) = await store.claim_next(
            "dead",
            30,
            workflows={"slow": (await stored(store, "r")).header.fingerprint},
            queues=["default"],
            now=0,
            limit=1,
        )
        async with working(store, poll=5):
            result = await end_of(web, "r")
            run = await web.load_run("r")

    assert result.output == 3
    assert 40 <= trio.current_time() <= 46
    assert taken.status == "pending"
    assert run.record.crashes == 0  # no body was running


async def test_a_run_that_kills_its_workers_fails(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with engine_on(store) as web:
        await web.enqueue("endless", 1, run_id="r")
        for number in range(5):
            async with working(store, claim_seconds=1.0, drain=0):
                await trio.sleep(5)
                # What is left of a process that dies: its claim, which nobody renews.
                await die(store, f"dead {number}")
                await trio.sleep(5)
        error = (await end_of(web, "r")).error
        run = await web.load_run("r")

    assert isinstance(error, RecordedError)
    assert error.name == CrashLoopError.__name__
    assert run.record.crashes == 4


async def die(store: MemoryStore, owner: str) -> None:
    """Let another owner die with the run."""
    run = store._shelf.journals["r"]
    run.owner, run.claimed_until = owner, store._shelf.now()


async def stored(store: MemoryStore, run_id: str) -> Any:
    found = await store.get(run_id)
    assert found is not None
    return found


async def test_a_run_that_cannot_be_read_is_left_and_does_not_block_others(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = CountingStore()
    async with engine_on(store) as web:
        await web.enqueue("one", 1, run_id="broken")
        journal = store._shelf.journals["broken"]
        journal.entries[0] = attrs.evolve(journal.entries[0], text="{}")
        await web.enqueue("one", 2, run_id="sound")
        async with working(store, capacity=1):
            await end_of(web, "sound")
            looks = len(store.limits)
            await trio.sleep(100)
    assert began == [2]
    assert len(store.limits) - looks < 40
    reports = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(reports) == 1
    assert (await stored(store, "broken")).owner is None


async def test_many_workers_share_the_runs(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with engine_on(store) as web, working(store), working(store), working(store):
        for value in range(60):
            await web.enqueue("slow", value, run_id=str(value))
        owners = set()
        await trio.sleep(5)
        for owner in await store.list_owners():
            owners.add(owner.owner)
            assert owner.runs > 5
        for value in range(60):
            assert (await end_of(web, str(value))).output == value + 2

    assert len(owners) == 3
    assert len(began) == 120


class Reports(Instrument):
    def __init__(self, fails: bool = False) -> None:
        self.reports: list[WorkReport] = []
        self.fails = fails

    def on_work(self, report: WorkReport) -> None:
        self.reports.append(report)
        if self.fails:
            raise ValueError("no more")


async def test_instruments_are_told_what_a_worker_does(autojump_clock: MockClock) -> None:
    store, told, failing = MemoryStore(), Reports(), Reports(fails=True)
    async with engine_on(store, claim_seconds=1.0) as web:
        for value in range(3):
            await web.enqueue("endless", value, run_id=str(value))
        await web.enqueue("one", 1, queue="other")
        async with engine_on(store, instruments=[failing, told], claim_seconds=1.0) as engine:
            with trio.move_on_after(100):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(lambda: engine.work(drain=0))
                    await trio.sleep(5)
                    for run in store._shelf.journals.values():
                        run.take("thief", store._shelf.now(), 1000)

    assert len(failing.reports) == 1
    assert sum(report.taken for report in told.reports) == 3
    assert sum(report.lost for report in told.reports) == 3
    looks = [report.queues for report in told.reports if report.queues is not None]
    assert [(each.queue, each.waiting) for each in looks[0]] == [("other", 1)]
    assert looks[-1] == []
    assert 5 <= len(looks) <= 8


@pytest.mark.parametrize("count", [1, 4])
async def test_results_and_events_do_not_depend_on_the_number_of_workers(
    autojump_clock: MockClock, count: int
) -> None:
    inner = flow("inner", slow, one)
    nested = flow("nested", one).parallel(inner, one.clone("beside")).map(len)
    store, results = MemoryStore(), []
    async with engine_on(store, *FLOWS, nested) as web, AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(working(store, *FLOWS, nested))
        for value in range(20):
            await web.enqueue(("one", "slow", "nested")[value % 3], value, run_id=str(value))
        for value in range(20):
            results.append((await end_of(web, str(value))).output)
            async with web.observe(str(value), until="finished") as stream:
                seen = [event async for event in stream]
            check_events(seen, web.workflows[("one", "slow", "nested")[value % 3]])
            assert sum(event.type == "recover" for event in seen) == 1

    assert results == [(value + 1, value + 2, 2)[value % 3] for value in range(20)]
