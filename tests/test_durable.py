"""Journals: what is written and when, what happens if it cannot be, and going on from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import pytest
import trio
from attrs import frozen
from trio.testing import MockClock

from tests.flows import add_one, double, fails, sleeps
from tests.suspending import Calls, all_events, cut
from trioflow import Retry, RunResult, StepContext, Workflow, open_engine, step
from trioflow._engine.journal.codec import decode
from trioflow._engine.journal.writer import Durability
from trioflow._engine.life.ending import halt
from trioflow.abc import Append
from trioflow.errors import (
    DuplicateRunError,
    JournalConflictError,
    JournalFormatError,
    NotResumableError,
    NotSerializableError,
    RunClaimedError,
    StoreError,
    TrioflowError,
    UnknownNameError,
    UnknownRunError,
    WorkflowChangedError,
)
from trioflow.stores import MemoryStore
from trioflow.testing import check_events

Flow = Workflow[Any, Any]


def flow(id: str = "w") -> Flow:
    return Workflow(id, input=Any, output=Any)


def engine_on(store: MemoryStore, *workflows: Flow, **options: Any) -> Any:
    return open_engine(plugins=[], store=store, workflows=workflows, **options)


async def stored_types(store: MemoryStore, run_id: str = "r") -> list[str]:
    return [event.type for event in decode(run_id, await store.read(run_id, limit=10**6))]


@attrs.define(eq=False)
class FailingStore(MemoryStore):
    """Raises what is left to raise, one per append, then works."""

    failures: list[Exception] = attrs.field(factory=list)
    done_all_the_same: bool = False
    """Whether the entries are written before the failure: only the answer is lost."""

    def __attrs_pre_init__(self) -> None:
        MemoryStore.__init__(self)

    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        if self.failures and self.done_all_the_same:
            await super().append(appends)
        if self.failures:
            raise self.failures.pop(0)
        return await super().append(appends)


def trouble(count: int, *, transient: bool) -> list[Exception]:
    return [StoreError("disk", "no room", transient) for _ in range(count)]


# ---------------------------------------------------------------- writing
async def test_a_result_is_on_disk_before_the_next_step_starts() -> None:
    store = MemoryStore()
    seen: list[list[str]] = []

    @step
    async def looks(value: Any) -> int:
        seen.append(await stored_types(store))
        return 0

    async with engine_on(store) as engine:
        await engine.create_run(flow().then(add_one).then(looks), run_id="r").start(1)
    assert seen[0][-2:] == ["step-result", "step-finish"]


async def test_on_exit_nothing_is_written_before_the_end() -> None:
    store = MemoryStore()
    seen: list[list[str]] = []

    @step
    async def looks(value: Any) -> int:
        seen.append(await stored_types(store))
        return 0

    async with engine_on(store, durability="exit") as engine:
        await engine.create_run(flow().then(add_one).then(looks), run_id="r").start(1)
    assert seen == [[]]
    assert (await stored_types(store))[-1] == "finish"


async def test_a_run_does_not_wait_for_an_asynchronous_journal(autojump_clock: MockClock) -> None:
    class SlowStore(MemoryStore):
        async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
            await trio.sleep(10)
            return await super().append(appends)

    store = SlowStore()
    times: list[float] = []

    @step
    async def looks(value: Any) -> int:
        times.append(trio.current_time())
        return 0

    async with engine_on(store, durability="async") as engine:
        result = await engine.create_run(flow().then(add_one).then(looks), run_id="r").start(1)
        assert result.status == "success"
        assert (await stored_types(store))[-1] == "finish"
    assert times == [0]


@pytest.mark.parametrize("wanted", [False, True])
async def test_chunks_are_written_on_request(wanted: bool) -> None:
    @step
    async def writes(value: Any, ctx: StepContext[Any]) -> int:
        await ctx.write("chunk")
        return 0

    store = MemoryStore()
    async with engine_on(store, journal_chunks=wanted) as engine:
        await engine.create_run(flow().then(writes), run_id="r").start(1)
    assert ("step-output" in await stored_types(store)) is wanted


# ---------------------------------------------------------------- failing
@pytest.mark.parametrize("durability", ["step", "async", "exit"])
async def test_a_short_trouble_is_waited_for(durability: str, autojump_clock: MockClock) -> None:
    store = FailingStore(trouble(3, transient=True))
    async with engine_on(store, durability=durability) as engine:
        result = await engine.create_run(flow().then(add_one), run_id="r").start(1)
    assert result.output == 2
    assert (await stored_types(store))[-1] == "finish"


async def test_a_write_whose_answer_was_lost_is_not_done_twice(autojump_clock: MockClock) -> None:
    store = FailingStore(trouble(1, transient=True), done_all_the_same=True)
    async with engine_on(store) as engine:
        result = await engine.create_run(flow().then(add_one).then(double), run_id="r").start(1)
    assert result.output == 4
    check_events(decode("r", await store.read("r")))


@pytest.mark.parametrize("durability", ["step", "async", "exit"])
@pytest.mark.parametrize("transient", [False, True])
async def test_a_run_that_cannot_be_saved_says_so(
    durability: str, transient: bool, autojump_clock: MockClock
) -> None:
    store = FailingStore(trouble(1000, transient=transient))
    async with engine_on(store, durability=durability) as engine:
        started = engine.create_run(flow().then(add_one).then(double))
        with pytest.raises(StoreError, match="no room"):
            await started.start(1)
        submitted = engine.submit(flow().then(add_one), 1)
        with pytest.raises(StoreError, match="no room"):
            await submitted.wait()
        streamed = engine.create_run(flow().then(add_one))
        with pytest.RaisesGroup(StoreError, allow_unwrapped=True):
            async with streamed.stream(1) as stream:
                async for _ in stream:
                    pass
        store.failures.clear()
        assert (await engine.create_run(flow().then(add_one)).start(1)).output == 2


async def test_nothing_starts_behind_a_result_that_is_not_saved(autojump_clock: MockClock) -> None:
    calls, store = Calls(), FailingStore()

    @step
    async def breaks(value: Any) -> Any:
        store.failures = trouble(1, transient=False)
        return value

    async with engine_on(store) as engine:
        run = engine.create_run(flow().then(breaks).then(calls.does()))
        with pytest.raises(StoreError):
            await run.start(1)
    assert not calls.made


async def test_an_output_that_cannot_be_written_fails_its_step_and_the_run() -> None:
    @step
    async def gives(value: Any) -> Any:
        return object()

    store, calls = MemoryStore(), Calls()
    async with engine_on(store) as engine:
        workflow = flow().then(gives).then(calls.does())
        result = await engine.create_run(workflow, run_id="r").start(1)
        recorded = await all_events(engine, "r")

    assert result.status == "failed"
    assert isinstance(result.error, NotSerializableError)
    assert result.steps["gives"].error is result.error
    assert not calls.made
    check_events(recorded, workflow)
    stored = await store.get("r")
    assert stored is not None
    assert stored.status == "failed"


async def test_a_run_id_of_the_store_is_not_used_again() -> None:
    store = MemoryStore()
    async with engine_on(store) as engine:
        await engine.create_run(flow().then(add_one), run_id="r").start(1)
    async with engine_on(store) as engine:
        with pytest.raises(DuplicateRunError):
            await engine.create_run(flow().then(double), run_id="r").start(1)


async def test_a_run_whose_claim_is_lost_stops(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with engine_on(store, claim_seconds=3) as engine:
        run = engine.submit(flow().then(sleeps(2)).then(sleeps(100, "more")), 0, run_id="r")
        await trio.sleep(1)
        store._shelf.journals["r"].owner = "other"  # its process was asleep for longer than a claim
        with pytest.raises(JournalConflictError, match="claim"):
            await run.wait()
        assert trio.current_time() < 5


# ---------------------------------------------------------------- going on
async def test_recovery_begins_where_the_journal_ends(autojump_clock: MockClock) -> None:
    calls = Calls()
    workflow = (
        flow().then(calls.does("a")).parallel(calls.does("b"), sleeps(5)).then(calls.does("c"))
    )
    store = MemoryStore()
    async with engine_on(store, workflow) as engine:
        engine.submit(workflow, 7, run_id="r")
        await trio.sleep(1)
    assert calls.made == {"a": 1, "b": 1}
    stored = await store.get("r")
    assert stored is not None
    assert (stored.status, stored.owner) == ("running", None)

    async with engine_on(store, workflow, recover=True) as engine:
        run = engine.get_run("r")
        assert (await run.wait()).output == {"b": 7, "sleeps": "sleeps"}
        check_events(await all_events(engine, "r"), workflow)
    assert calls.made == {"a": 1, "b": 1, "c": 1}


async def test_a_sleep_takes_the_time_that_is_left(autojump_clock: MockClock) -> None:
    workflow, store = flow().sleep(100), MemoryStore()
    async with engine_on(store, workflow) as engine:
        engine.submit(workflow, 0, run_id="r")
        await trio.sleep(30)
    await trio.sleep(20)
    async with engine_on(store, workflow, recover=True) as engine:
        await engine.get_run("r").wait()
    assert trio.current_time() == pytest.approx(100, abs=0.01)


async def test_a_canceled_engine_does_not_cancel_its_runs(autojump_clock: MockClock) -> None:
    workflow, store = flow().sleep(100), MemoryStore()
    with trio.move_on_after(1):
        async with engine_on(store, workflow) as engine:
            engine.submit(workflow, 0, run_id="r")
            await trio.sleep_forever()
    assert await stored_types(store) == ["start", "step-waiting"]
    async with engine_on(store, workflow, recover=True) as engine:
        assert (await engine.get_run("r").wait()).status == "success"


async def test_a_dead_engine_is_followed_when_its_claim_has_expired(
    autojump_clock: MockClock,
) -> None:
    calls, store = Calls(), MemoryStore()
    workflow = flow().then(sleeps(5)).then(calls.does())
    async with engine_on(store, workflow) as first:
        first.submit(workflow, 0, run_id="r")
        await trio.sleep(1)
    store._shelf.journals["r"].owner, until = "dead", store._shelf.now() + 30
    store._shelf.journals["r"].claimed_until = until
    async with engine_on(store, workflow) as second:
        assert await second.recover() == ()
        with pytest.raises(RunClaimedError, match="dead"):
            await (await second.load_run("r")).recover()
        await trio.sleep(31)
        (run,) = await second.recover()
        assert (await run.wait()).status == "success"
    assert calls.made == {"does": 1}


async def test_a_run_that_goes_on_is_not_taken(autojump_clock: MockClock) -> None:
    calls, store = Calls(), MemoryStore()
    workflow = flow().then(calls.does()).sleep(1000)
    async with engine_on(store, workflow) as first, engine_on(store, workflow) as second:
        run = first.submit(workflow, 0, run_id="r")
        for _ in range(5):
            await trio.sleep(100)
            assert await second.recover() == ()
        await run.wait()
    assert calls.made == {"does": 1}


async def test_runs_that_cannot_go_on_are_left_alone(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    store = MemoryStore()
    workflow = flow().then(add_one).sleep(10)
    async with engine_on(store, workflow) as engine:
        engine.submit(workflow, 0, run_id="r")
        await trio.sleep(1)
    for others in ([], [flow().then(double).sleep(10)]):
        async with engine_on(store, *others) as engine:
            assert await engine.recover() == ()
            with pytest.raises((UnknownNameError, WorkflowChangedError)):
                await engine.load_run("r")
    assert "cannot be recovered" in caplog.text
    async with engine_on(store, workflow, recover=True) as engine:
        assert (await engine.get_run("r").wait()).output == 1


async def test_a_run_of_a_later_format_is_refused() -> None:
    workflow, store = flow().then(add_one), MemoryStore()
    async with engine_on(store, workflow) as engine:
        await engine.create_run(workflow, run_id="r").start(0)
        store._shelf.journals["r"].header = attrs.evolve(
            store._shelf.journals["r"].header, format=99
        )
    async with engine_on(store, workflow) as engine:
        with pytest.raises(JournalFormatError, match="99"):
            await engine.load_run("r")


async def test_an_unknown_run_is_refused() -> None:
    async with engine_on(MemoryStore()) as engine:
        with pytest.raises(UnknownRunError):
            await engine.load_run("r")


async def test_a_canceled_run_stays_canceled_wherever_its_process_dies(
    autojump_clock: MockClock,
) -> None:
    calls, store = Calls(), MemoryStore()
    workflow = flow().then(sleeps(5)).then(calls.does())
    async with engine_on(store, workflow) as engine:
        run = engine.submit(workflow, 0, run_id="r")
        await trio.sleep(1)
        run.cancel("enough")
        await run.wait()
    recorded = await stored_types(store)
    died = await cut(store, "r", recorded.index("canceled") + 1)
    async with engine_on(died, workflow, recover=True) as engine:
        result = await (await engine.load_run("r")).wait()
        assert (result.status, result.reason) == ("canceled", "enough")
        check_events(await all_events(engine, "r"), workflow)
    assert not calls.made


async def test_an_item_that_had_failed_stops_the_others_again(autojump_clock: MockClock) -> None:
    made: list[int] = []

    @step
    async def body(item: int) -> None:
        made.append(item)
        raise ValueError(item)

    workflow, store = flow().foreach(body), MemoryStore()
    async with engine_on(store, workflow) as engine:
        await engine.create_run(workflow, run_id="r").start([0, 1, 2])
    recorded = await stored_types(store)
    died = await cut(store, "r", recorded.index("step-progress") + 1)
    async with engine_on(died, workflow, recover=True) as engine:
        assert (await (await engine.load_run("r")).wait()).status == "failed"
    assert made == [0]


async def test_items_that_ran_beside_a_failed_one_end_first_after_a_crash(
    autojump_clock: MockClock,
) -> None:
    made: list[int] = []

    @step
    async def fails_for_nought(item: int) -> int:
        await trio.sleep(1)
        return item // item

    @step
    async def lasts(value: int) -> int:
        await trio.sleep(10)
        made.append(value)
        return value

    inner = flow("inner").then(fails_for_nought).then(lasts)
    workflow = flow().foreach(inner, concurrency=2, on_error="finish")
    store = MemoryStore()
    async with engine_on(store, workflow) as engine:
        await engine.create_run(workflow, run_id="r").start([0, 1, 2])
    recorded = await stored_types(store)
    died = await cut(store, "r", recorded.index("step-progress") + 1)
    made.clear()
    async with engine_on(died, workflow, recover=True) as engine:
        run = await engine.load_run("r")
        assert (await run.wait()).status == "failed"
        check_events(await all_events(engine, "r"), workflow)

    assert made == [1]
    assert run.record.calls["0[1]"].status == "success"
    assert "0[2]" not in run.record.calls


async def test_an_answered_item_goes_on_after_a_crash(autojump_clock: MockClock) -> None:
    @step
    async def asks(item: int, ctx: StepContext[Any]) -> Any:
        if ctx.resume_data is None:
            ctx.suspend(item)
        await trio.sleep(10)
        return ctx.resume_data

    workflow, store = flow().foreach(flow("inner").then(asks)), MemoryStore()
    async with engine_on(store, workflow) as engine:
        await engine.create_run(workflow, run_id="r").start([0])
    async with engine_on(store, workflow) as engine:
        run = await engine.load_run("r")
        await run.resume("yes")
    recorded = await stored_types(store)
    last = max(n for n, name in enumerate(recorded) if name == "step-start")
    died = await cut(store, "r", last + 1)
    async with engine_on(died, workflow, recover=True) as engine:
        assert (await (await engine.load_run("r")).wait()).output == ["yes"]
        check_events(await all_events(engine, "r"), workflow)


@frozen
class Place:
    name: str


@frozen
class Memory:
    places: tuple[Place, ...] = ()
    last: Place | None = None


async def test_types_come_back() -> None:
    seen: list[Any] = []

    @step
    async def visits(value: Any, ctx: StepContext[Memory]) -> Place:
        ctx.set_state({"last": Place("Oslo")})
        return Place("Oslo")

    @step
    async def asks(place: Place, ctx: StepContext[Memory]) -> Place:
        seen.append((place, ctx.state, ctx.step_result(visits)))
        if ctx.resume_data is None:
            ctx.suspend(None)
        return place

    workflow: Flow = Workflow("w", input=Any, output=Place, state=Memory).then(visits).then(asks)
    store = MemoryStore()
    async with engine_on(store, workflow) as engine:
        await engine.create_run(workflow, run_id="r").start(0)
    async with engine_on(store, workflow) as engine:
        assert (await (await engine.load_run("r")).resume(1, step=asks)).output == Place("Oslo")
    assert seen[0] == seen[1]
    async with engine_on(store, workflow) as engine:
        result: RunResult[Any] = await (await engine.load_run("r")).wait()
    assert (result.status, result.output) == ("success", Place("Oslo"))


async def test_a_recorded_failure_is_the_result(autojump_clock: MockClock) -> None:
    workflow, store = flow().then(fails(ValueError("no"))), MemoryStore()
    async with engine_on(store, workflow) as engine:
        await engine.create_run(workflow, run_id="r").start(0)
    async with engine_on(store, workflow) as engine:
        run = await engine.load_run("r")
        assert run.status == "failed"
        assert "no" in str((await run.wait()).error)
        assert (await run.recover()).status == "failed"
        with pytest.raises(NotResumableError):
            await run.resume()


async def test_what_another_engine_has_done_is_taken_over() -> None:
    calls, store = Calls(), MemoryStore()
    workflow = flow().then(calls.asks("a")).then(calls.asks("b"))
    async with engine_on(store, workflow) as first, engine_on(store, workflow) as second:
        run = first.create_run(workflow, run_id="r")
        await run.start(0)
        await (await second.load_run("r")).resume(1, step="a")
        assert (await run.resume(2, step="b")).output == "b:2"
        check_events(await all_events(second, "r"), workflow)
    assert calls.made == {"a": 2, "b": 2}


async def test_a_run_that_died_elsewhere_can_be_recovered_where_it_began(
    autojump_clock: MockClock,
) -> None:
    calls, store = Calls(), MemoryStore()
    workflow = flow().then(calls.asks()).sleep(10).then(calls.does())
    async with engine_on(store, workflow) as first:
        run = first.create_run(workflow, run_id="r")
        await run.start(0)
        async with engine_on(store, workflow) as second:
            other = await second.load_run("r")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_swallow, other.resume, 1)
                await trio.sleep(1)
                halt(other._life)
        with pytest.raises(TrioflowError):
            await run.resume(1, step="asks")
        assert (await run.recover()).output == "asks:1"
    assert calls.made == {"asks": 2, "does": 1}


async def _swallow(function: Any, *args: Any) -> None:
    result = await function(*args)
    assert result.status == "canceled"


async def test_a_run_may_be_gone() -> None:
    store, workflow = MemoryStore(), flow().then(add_one)
    async with engine_on(store, workflow) as engine:
        await engine.create_run(workflow, run_id="r").start(0)
    await store.delete("r")
    async with engine_on(store, workflow) as engine:
        with pytest.raises(UnknownRunError):
            await engine.load_run("r")


# ---------------------------------------------------------------- who may end a run
async def interrupted() -> tuple[MemoryStore, Flow]:
    """Return a store with a run whose process has died in a step that takes long."""
    store, long = MemoryStore(), flow().then(sleeps(1000))
    async with engine_on(store, long) as engine:
        engine.submit(long, 0, run_id="r")
        await trio.sleep(1)
    return store, long


async def test_recovering_a_run_can_be_cancelled(autojump_clock: MockClock) -> None:
    store, long = await interrupted()

    async with engine_on(store, long) as engine:
        run = await engine.load_run("r")
        with trio.move_on_after(10) as scope:
            await run.recover()
        assert scope.cancelled_caught
        assert run.status == "running"  # the engine drives it
    assert trio.current_time() == 11
    stored = await store.get("r")
    assert stored is not None
    assert stored.status == "running"


async def test_leaving_the_engine_ends_a_recovery_in_its_block(autojump_clock: MockClock) -> None:
    store, long = await interrupted()

    with pytest.RaisesGroup(KeyError):
        async with engine_on(store, long) as engine, trio.open_nursery() as nursery:
            run = await engine.load_run("r")
            nursery.start_soon(run.recover)
            await trio.sleep(1)
            raise KeyError
    assert trio.current_time() == 2


async def test_attempts_of_an_item_that_went_on_count_after_a_crash() -> None:
    made = 0

    @step(retry=Retry(3))
    async def asks_then_fails(value: Any, ctx: StepContext) -> None:
        nonlocal made
        if ctx.resume_data is None:
            ctx.suspend("go on?")
        made += 1
        raise ValueError

    store, looping = MemoryStore(), flow().foreach(asks_then_fails)
    async with engine_on(store, looping) as engine:
        run = engine.create_run(looping, run_id="r")
        await run.start([1])
        await run.resume(True)
    retries = [i for i, t in enumerate(await stored_types(store)) if t == "step-retry"]
    store, made = await cut(store, "r", retries[-1] + 1), 0

    async with engine_on(store, looping, recover=True) as engine:
        assert (await (await engine.load_run("r")).wait()).status == "failed"
    assert made == 1


async def test_what_is_answered_while_the_engine_closes_ends_with_it(
    autojump_clock: MockClock,
) -> None:
    @step
    async def cleans_up_slowly(value: Any) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(10)

    calls = Calls()
    waiting = flow().then(calls.asks()).then(sleeps(1000))

    async def answer_late() -> None:
        await trio.sleep(5)
        await run.resume(1, step="asks")

    async with trio.open_nursery() as nursery:
        async with open_engine(plugins=[]) as engine:
            run = engine.submit(waiting, 0)
            engine.submit(flow("slow").then(cleans_up_slowly), 0)
            await run.wait()
            nursery.start_soon(answer_late)
            await trio.sleep(1)
        assert trio.current_time() == 11
    assert run.status == "canceled"


@pytest.mark.slow
@pytest.mark.parametrize("passes", [0, 1, 2, 3, 5, 10])
@pytest.mark.parametrize("durability", ["step", "async", "exit"])
async def test_closing_the_engine_loses_no_run(passes: int, durability: Durability) -> None:
    store = MemoryStore()
    workflow = Workflow("w", input=int).then(add_one).then(add_one)
    async with open_engine(
        plugins=[], store=store, workflows=[workflow], durability=durability
    ) as engine:
        for number in range(100):
            engine.submit(workflow, number, run_id=str(number))
        for _ in range(passes):
            await trio.lowlevel.checkpoint()

    async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
        await engine.recover()
        for number in range(100):
            result = await (await engine.load_run(str(number))).wait()
            assert (result.status, result.output) == ("success", number + 2)


@pytest.mark.parametrize("passes", [0, 1, 3])
@pytest.mark.parametrize("durability", ["step", "async", "exit"])
async def test_what_was_canceled_before_the_engine_closed_stays_canceled(
    passes: int, durability: Durability
) -> None:
    store = MemoryStore()
    workflow = Workflow("w").then(sleeps(60))
    async with open_engine(
        plugins=[], store=store, workflows=[workflow], durability=durability
    ) as engine:
        runs = [engine.submit(workflow, run_id=str(number)) for number in range(40)]
        for _ in range(passes):
            await trio.lowlevel.checkpoint()
        for run in runs:
            run.cancel("not needed")

    async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
        assert await engine.recover() == ()
        for number in range(40):
            result = await (await engine.load_run(str(number))).wait()
            assert (result.status, result.reason) == ("canceled", "not needed")


async def test_an_answer_that_is_canceled_leaves_the_run_to_others() -> None:
    store = MemoryStore()
    workflow = Workflow("w").then(Calls().asks())
    async with (
        open_engine(plugins=[], store=store, workflows=[workflow]) as engine,
        open_engine(plugins=[], store=store, workflows=[workflow]) as other,
    ):
        for passes in range(8):  # it is canceled at each checkpoint
            run = engine.submit(workflow, run_id=str(passes))
            await run.wait()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run.resume, 1)
                for _ in range(passes):
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.cancel()
            if run.status == "suspended":
                loaded = await other.load_run(run.run_id)
                assert (await loaded.resume(2)).output == "asks:2"
            else:
                assert (await run.wait()).output == "asks:1"
