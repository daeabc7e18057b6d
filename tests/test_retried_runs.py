"""`Run.retry`: what failed is repeated, what ended well is kept, and each run has one retry."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.flows import add_one, brief, fails, observed, sleeps
from tests.suspending import Calls, check
from trioflow import Engine, Retry, Run, Step, StepContext, Workflow, events, open_engine, step
from trioflow._engine.journal.codec import decode
from trioflow.errors import InvalidIdError, NotResumableError, RunAlreadyStartedError, RunStateError
from trioflow.stores import MemoryStore

Flow = Workflow[Any, Any]


def flow(id: str = "w") -> Flow:
    return Workflow(id, input=Any, output=Any)


def once(id: str) -> Flow:
    return Workflow(id, input=Any, output=Any, retry=Retry(attempts=1))


def twice(id: str) -> Flow:
    """Return a workflow whose nodes are tried twice, nested workflows as a whole."""
    return Workflow(id, input=Any, output=Any, retry=Retry(attempts=2))


@attrs.define
class Flaky:
    """Steps that fail until they are healed, and what they were called with."""

    broken: bool = True
    made: list[tuple[str, Any]] = attrs.field(factory=list)
    keys: dict[str, list[str]] = attrs.field(factory=dict)
    attempts: list[int] = attrs.field(factory=list)

    def does(
        self, id: str, *, fails: Callable[[Any], bool] = bool, **options: Any
    ) -> Step[Any, Any]:
        """Return a step that fails for some values as long as it is broken."""

        @step(id=id, **options)
        async def body(value: Any, ctx: StepContext) -> Any:
            self.made.append((id, value))
            self.keys.setdefault(id, []).append(ctx.step_call_id)
            self.attempts.append(ctx.attempt)
            if self.broken and fails(value):
                raise ValueError(f"{id} {value}")
            return value

        return body

    def counts(self) -> dict[str, int]:
        return dict(Counter(id for id, _ in self.made))


def never(value: Any) -> bool:
    return False


@asynccontextmanager
async def engine_on(store: MemoryStore | None, *workflows: Flow) -> AsyncGenerator[Engine, None]:
    async with open_engine(plugins=[], store=store, workflows=workflows) as engine:
        yield engine


# ---------------------------------------------------------------- what is repeated
async def test_what_ended_well_is_kept_and_what_failed_is_repeated() -> None:
    flaky = Flaky()
    workflow = flow().then(flaky.does("a", fails=never)).then(flaky.does("b")).then(add_one)
    run = workflow.create_run()
    assert (await run.start(1)).status == "failed"
    flaky.broken = False

    retried = await run.retry(by="ann")
    assert (retried.run_id, retried.status, retried.forked_from) == (
        f"{run.run_id}~retry",
        "pending",
        run.run_id,
    )
    result = await retried.start()

    assert (result.status, result.output) == ("success", 2)
    assert flaky.counts() == {"a": 1, "b": 2}
    assert run.status == "failed"
    start = (await observed(retried))[0]
    assert isinstance(start, events.Start)
    assert (start.forked_from, start.by) == (run.run_id, "ann")
    assert retried.record.forked_from == run.run_id
    check(retried, workflow)


async def test_repeated_calls_keep_their_ids_and_forks_get_others() -> None:
    flaky = Flaky()
    run = flow().then(flaky.does("a")).create_run(run_id="r")
    await run.start(1)
    retried = await run.retry()
    await retried.start()
    again = await retried.retry()
    await again.start()
    forked = await run.fork("a", run_id="other")
    await forked.start()

    assert again.run_id == "r~retry~retry"
    assert flaky.keys["a"] == ["r:0", "r:0", "r:0", "other:0"]
    starts = [e for e in await observed(again) if isinstance(e, events.StepStart)]
    assert {e.step_call_id for e in starts} == {"r:0"}


@pytest.mark.parametrize("on_error", ["cancel", "finish"])
@pytest.mark.parametrize("concurrency", [1, 3])
async def test_every_item_that_did_not_end_well_is_repeated(
    on_error: Any, concurrency: int
) -> None:
    flaky = Flaky()
    body = flaky.does("body", fails=lambda value: value % 2 == 1)
    workflow = flow().foreach(body, concurrency=concurrency, on_error=on_error)
    run = workflow.create_run()
    await run.start([0, 1, 2, 3])
    ended_well = {
        e.index
        for e in await observed(run)
        if isinstance(e, events.StepProgress) and not e.error and e.status == "success"
    }
    flaky.broken, flaky.made = False, []

    retried = await run.retry()
    assert (await retried.start()).output == [0, 1, 2, 3]

    assert {value for _, value in flaky.made} == {0, 1, 2, 3} - ended_well
    check(retried, workflow)


async def test_items_that_are_workflows_keep_the_steps_that_ended_well() -> None:
    flaky = Flaky()
    item = flow("item").then(flaky.does("x", fails=never)).then(flaky.does("y"))
    workflow = flow().foreach(item, on_error="finish", concurrency=2)
    run = workflow.create_run()
    await run.start([1, 0, 3])
    flaky.broken = False

    retried = await run.retry()
    assert (await retried.start()).output == [1, 0, 3]

    assert flaky.counts() == {"x": 3, "y": 4}  # the last item had not begun
    check(retried, workflow)


async def test_arms_that_were_canceled_are_repeated(autojump_clock: MockClock) -> None:
    flaky = Flaky()

    @step
    async def fails_late(value: Any) -> Any:
        await trio.sleep(1)
        if flaky.broken:
            raise ValueError("late")
        return value

    workflow = flow().parallel(flaky.does("quick", fails=never), fails_late, sleeps(60))
    run = workflow.create_run()
    await run.start(1)
    assert run.record.steps["sleeps"].status == "canceled"
    flaky.broken = False

    retried = await run.retry()
    result = await retried.start()

    assert result.output == {"quick": 1, "fails_late": 1, "sleeps": "sleeps"}
    assert flaky.counts() == {"quick": 1}
    check(retried, workflow)


async def test_a_branch_keeps_its_decision() -> None:
    flaky, asked = Flaky(), []

    def condition(value: Any) -> bool:
        asked.append(value)
        return True

    workflow = flow().branch((condition, flaky.does("a")))
    run = workflow.create_run()
    await run.start(1)
    flaky.broken = False

    assert (await (await run.retry()).start()).output == {"a": 1}
    assert asked == [1]


async def test_of_a_loop_the_iterations_that_ended_well_are_kept() -> None:
    flaky = Flaky()

    @step
    async def grows(value: int) -> int:
        flaky.made.append(("grows", value))
        if flaky.broken and value == 2:
            raise ValueError("two")
        return value + 1

    workflow = flow().dountil(grows, lambda value: value >= 4)
    run = workflow.create_run()
    await run.start(0)
    flaky.broken = False

    retried = await run.retry()
    assert (await retried.start()).output == 4
    assert [value for _, value in flaky.made] == [0, 1, 2, 2, 3]
    check(retried, workflow)


async def test_a_canceled_run_is_retried(autojump_clock: MockClock) -> None:
    flaky = Flaky()
    workflow: Flow = flow().then(flaky.does("a", fails=never)).then(sleeps(10)).sleep(10)
    workflow = workflow.then(fails(ValueError("no")))
    run = workflow.create_run()
    async with run.stream(1):
        await trio.sleep(1)

    retried = await run.retry()
    async with retried.stream() as stream:
        await trio.sleep(12)
    assert stream.run is retried
    assert retried.record.steps["sleep_w_0"].status == "canceled"
    again = await retried.retry()
    began = trio.current_time()
    assert (await again.start()).status == "failed"

    assert trio.current_time() == began + 10  # the sleep begins anew
    assert flaky.counts() == {"a": 1}
    check(again, workflow)


async def test_what_is_no_call_is_done_again() -> None:
    is_broken = True

    def condition(value: Any) -> bool:
        if is_broken:
            raise ValueError("no")
        return True

    run = flow().then(add_one).branch((condition, add_one.clone("more"))).create_run()
    assert (await run.start(1)).status == "failed"
    is_broken = False

    assert (await (await run.retry()).start()).output == {"more": 3}


# ---------------------------------------------------------------- attempts
async def test_attempts_begin_anew() -> None:
    flaky = Flaky()
    run = flow().then(flaky.does("a", retry=Retry(attempts=2))).create_run()
    await run.start(1)
    retried = await run.retry()
    assert (await retried.start()).status == "failed"

    assert flaky.attempts == [1, 2, 1, 2]


async def test_a_nested_workflow_is_continued_in_its_last_attempt_with_new_ones() -> None:
    flaky = Flaky()
    inner = once("inner").then(flaky.does("x", fails=never)).then(flaky.does("y"))
    workflow = twice("w").then(inner).then(add_one)
    run = workflow.create_run(run_id="r")
    await run.start(1)
    assert flaky.counts() == {"x": 2, "y": 2}

    retried = await run.retry()
    assert (await retried.start()).status == "failed"
    assert flaky.counts() == {"x": 3, "y": 4}  # y, then another attempt at both
    assert flaky.keys["y"] == ["r:0/1", "r:0~2/1", "r:0~2/1", "r:0~3/1"]
    check(retried, workflow)

    flaky.broken = False
    again = await retried.retry()
    assert (await again.start()).output == 2
    assert flaky.counts() == {"x": 3, "y": 5}
    check(again, workflow)


async def test_an_item_that_is_a_workflow_is_continued_in_its_last_attempt() -> None:
    flaky = Flaky()
    inner = once("inner").then(flaky.does("x", fails=never)).then(flaky.does("y"))
    workflow = twice("w").foreach(inner)
    run = workflow.create_run(run_id="r")
    await run.start([1])
    flaky.broken = False

    retried = await run.retry()
    assert (await retried.start()).output == [1]
    assert flaky.counts() == {"x": 2, "y": 3}
    assert flaky.keys["y"][-1] == "r:0[0]~2/1"
    check(retried, workflow)


# ---------------------------------------------------------------- answers and events
async def test_the_answer_of_a_repeated_step_is_kept() -> None:
    flaky, seen = Flaky(), []

    @step
    async def asks(value: Any, ctx: StepContext) -> Any:
        if not ctx.resumed:
            ctx.suspend({"for": value})
        seen.append((ctx.resume_data, ctx.suspend_data))
        if flaky.broken:
            raise ValueError("no")
        return ctx.resume_data

    workflow = flow().then(asks)
    run = workflow.create_run()
    await run.start(1)
    assert (await run.resume(None)).status == "failed"
    flaky.broken = False

    retried = await run.retry()
    assert (await retried.start()).status == "success"
    assert seen == [(None, {"for": 1})] * 2
    check(retried, workflow)


@pytest.mark.parametrize("store", [None, MemoryStore()], ids=["in memory", "in a store"])
async def test_the_answers_of_repeated_items_are_kept(store: MemoryStore | None) -> None:
    flaky = Flaky()

    @step
    async def asks(value: int, ctx: StepContext) -> Any:
        if not ctx.resumed:
            ctx.suspend(value)
        if flaky.broken and value == 1:
            raise ValueError("no")
        return ctx.resume_data

    workflow = flow().foreach(asks, concurrency=3, on_error="finish")
    async with engine_on(store, workflow) as engine:
        run = engine.create_run(workflow, run_id="r")
        await run.start([0, 1, 2])
        assert (await run.resume("so", step=asks)).status == "failed"
        flaky.broken = False
        retried = await run.retry()
        assert (await retried.start()).output == ["so"] * 3
        check(retried, workflow)


async def test_what_waits_for_an_answer_waits_again() -> None:
    calls = Calls()
    workflow = flow().then(calls.asks())
    run = workflow.create_run()
    await run.start(1)
    run.cancel("enough")

    retried = await run.retry()
    assert (await retried.start()).status == "suspended"
    assert calls.made == {"asks": 1}
    assert (await retried.resume("yes")).output == "asks:yes"
    check(retried, workflow)


async def test_a_failed_arm_is_repeated_beside_one_that_waits() -> None:
    flaky, calls = Flaky(), Calls()
    inner = flow("inner").parallel(flaky.does("a"), calls.asks(), on_error="finish")
    workflow = flow().then(inner)
    run = workflow.create_run()
    assert (await run.start(1)).status == "failed"
    assert run.record.steps["inner.asks"].status == "suspended"
    flaky.broken = False

    retried = await run.retry()
    assert (await retried.start()).status == "suspended"
    assert flaky.counts() == {"a": 2}
    result = await retried.resume("yes")
    assert result.output == {"a": 1, "asks": "asks:yes"}
    check(retried, workflow)


async def test_an_event_that_was_waited_for_is_kept() -> None:
    flaky = Flaky()
    workflow = flow().wait_for_event("go", flaky.does("a"))
    run = workflow.create_run()
    run.send_event("go", 5)
    assert (await run.start(1)).status == "failed"
    flaky.broken = False

    retried = await run.retry()
    assert (await retried.start()).status == "success"
    assert retried.record.steps["a"].resume_data == 5
    check(retried, workflow)


async def test_an_event_that_a_body_took_is_there_again() -> None:
    flaky, got = Flaky(), []

    @step
    async def takes(value: Any, ctx: StepContext) -> None:
        got.append(await ctx.wait_for("go"))
        if flaky.broken:
            raise ValueError("no")

    workflow = flow().then(takes)
    run = workflow.create_run()
    run.send_event("go", 5)
    await run.start(1)
    flaky.broken = False

    retried = await run.retry()
    assert (await retried.start()).status == "success"
    assert got == [5, 5]
    check(retried, workflow)


async def test_a_wait_that_timed_out_is_waited_for_again(autojump_clock: MockClock) -> None:
    workflow = flow().wait_for_event("go", add_one, timeout=5)
    run = workflow.create_run()
    assert (await run.start(1)).status == "failed"

    retried = await run.retry()
    async with retried.stream() as stream:
        await trio.sleep(4)
        retried.send_event("go")
        assert (await stream.get_workflow_state()).output == 2
    check(retried, workflow)


# ---------------------------------------------------------------- one for each run
async def test_only_what_failed_or_was_canceled_is_retried(autojump_clock: MockClock) -> None:
    good = flow().then(sleeps(1)).create_run()
    with pytest.raises(NotResumableError, match="only a failed or canceled run"):
        await good.retry()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(good.start, 1)
        await wait_all_tasks_blocked()
        with pytest.raises(NotResumableError):
            await good.retry()
    with pytest.raises(NotResumableError):
        await good.retry()
    waiting = flow().then(Calls().asks()).create_run()
    await waiting.start(1)
    with pytest.raises(NotResumableError):
        await waiting.retry()


async def test_a_retry_takes_nothing_that_it_has_already() -> None:
    run = flow().then(Flaky().does("a")).create_run()
    await run.start(1)
    retried = await run.retry()
    with pytest.raises(RunStateError, match="start it without them"):
        await retried.start(1)
    forked = await run.fork("a")
    with pytest.raises(RunStateError, match="start it without them"):
        await forked.start(initial_state={})
    with pytest.raises(RunStateError, match="start it without them"):
        async with forked.stream(runtime_context={"a": 1}):
            pass
    assert (await forked.start()).status == "failed"
    with pytest.raises(RunAlreadyStartedError, match="fork again"):
        await forked.start()


@pytest.mark.parametrize("kind", ["no engine", "an engine", "a store"])
async def test_starting_it_again_attaches_to_the_first(
    kind: str, autojump_clock: MockClock
) -> None:
    flaky = Flaky()
    workflow = flow().then(flaky.does("a")).then(sleeps(5))
    store = MemoryStore() if kind == "a store" else None
    async with engine_on(store, workflow) as engine:
        run = workflow.create_run() if kind == "no engine" else engine.create_run(workflow)
        await run.start(1)
        flaky.broken, flaky.made = False, []
        statuses, seen = [], list[str]()

        async def start() -> None:
            statuses.append((await (await run.retry()).start()).status)

        async def stream() -> None:
            async with (await run.retry()).stream() as events:
                seen.extend(brief([event async for event in events]))

        async with trio.open_nursery() as nursery:
            for attempt in (start, start, stream):
                nursery.start_soon(attempt)
                await wait_all_tasks_blocked()
        await start()

    assert flaky.made == [("a", 1)]
    assert statuses == ["success"] * 3
    assert seen[0] == "start"
    assert seen[-1] == "finish"


async def test_leaving_a_stream_that_was_attached_does_not_cancel_the_retry(
    autojump_clock: MockClock,
) -> None:
    flaky = Flaky()
    run = flow().then(flaky.does("a")).then(sleeps(5)).create_run()
    await run.start(1)
    flaky.broken = False
    async with trio.open_nursery() as nursery:
        retried = await run.retry()
        nursery.start_soon(retried.start)
        await wait_all_tasks_blocked()
        async with retried.stream():
            pass
        assert (await retried.wait()).status == "success"


async def test_two_engines_on_one_store_retry_a_run_once(autojump_clock: MockClock) -> None:
    flaky, store = Flaky(), MemoryStore()
    workflow = flow().then(flaky.does("a")).then(sleeps(5))
    async with engine_on(store, workflow) as one, engine_on(store, workflow) as other:
        await one.submit(workflow, 1, run_id="r").wait()
        flaky.broken, flaky.made = False, []
        first = await (await one.load_run("r")).retry()
        second = await (await other.load_run("r")).retry()
        third = await (await other.load_run("r")).retry()
        assert third is second
        results = []

        async def start(run: Run[Any, Any]) -> None:
            results.append(await run.start())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(start, first)
            nursery.start_soon(start, second)
        late = await (await other.load_run("r")).retry()
        results.append(await late.start())
        async with engine_on(store, workflow) as later:
            loaded = await (await later.load_run("r")).retry()
            results.append(await loaded.start())
            assert later.submit(loaded) is loaded

    assert flaky.made == [("a", 1)]
    assert [result.status for result in results] == ["success"] * 4
    recorded = [*decode("r~retry", await store.read("r~retry"))]
    assert [e.type for e in recorded].count("recover") == 1


async def test_an_engine_runs_a_retry_that_is_submitted(autojump_clock: MockClock) -> None:
    flaky, store = Flaky(), MemoryStore()
    workflow = flow().then(flaky.does("a")).then(Calls().asks()).then(sleeps(5))
    async with engine_on(store, workflow) as engine:
        run = engine.submit(workflow, 1, run_id="r")
        await run.wait()
        flaky.broken = False
        retried = engine.submit(await run.retry())
        assert await store.get("r~retry") is None
        assert (await retried.wait()).status == "suspended"
        assert engine.get_run("r~retry") is retried
    async with engine_on(store, workflow) as engine:
        loaded = await engine.load_run("r~retry")
        assert loaded.forked_from == "r"
        assert (await loaded.resume(1)).status == "success"
    assert flaky.counts() == {"a": 2}


async def test_a_retry_whose_process_died_is_recovered(autojump_clock: MockClock) -> None:
    flaky, store = Flaky(), MemoryStore()
    inner = once("inner").then(flaky.does("x", fails=never)).then(flaky.does("y"))
    workflow = twice("w").then(inner.then(sleeps(60)))
    async with engine_on(store, workflow) as engine:
        run = engine.submit(workflow, 1, run_id="r")
        await run.wait()
        flaky.broken = False
        engine.submit(await run.retry())
        await trio.sleep(1)
    async with engine_on(store, workflow) as engine:
        (recovered,) = await engine.recover()
        assert (await recovered.wait()).status == "success"
        assert recovered.run_id == "r~retry"
    assert flaky.counts() == {"x": 2, "y": 3}
    recorded = [*decode("r~retry", await store.read("r~retry"))]
    last = [e.address for e in recorded if isinstance(e, events.StepStart)][-1]
    assert last == "0~2/2"


@pytest.mark.parametrize("call", ["create_run", "submit", "start_once", "fork"])
async def test_its_id_is_reserved(call: str) -> None:
    async with engine_on(None) as engine:
        run = engine.create_run(flow().then(add_one))
        await run.start(1)
        ways: dict[str, Callable[[], Any]] = {
            "create_run": lambda: engine.create_run(flow(), run_id="a~retry"),
            "submit": lambda: engine.submit(flow(), run_id="a~retry"),
            "start_once": lambda: engine.start_once(flow(), run_id="a~retry"),
            "fork": lambda: run.fork("add_one", run_id="a~retry"),
        }
        with pytest.raises(InvalidIdError, match=r"reserved for run\.retry\(\)"):
            result = ways[call]()
            await result


async def test_only_forks_and_retries_of_the_engine_are_submitted() -> None:
    run = flow().then(add_one).create_run()
    await run.start(1)
    async with engine_on(None) as engine:
        own = engine.create_run(flow().then(add_one))
        with pytest.raises(RunStateError, match="only a fork or a retry can be submitted"):
            engine.submit(own)
        with pytest.raises(RunStateError, match="belongs to another engine"):
            engine.submit(await run.fork("add_one"))
        await own.start(1)
        forked = await own.fork("add_one")
        with pytest.raises(RunStateError, match="start it without them"):
            engine.submit(forked, 1)  # type: ignore[call-overload]
        assert (await engine.submit(forked).wait()).output == 2


# ---------------------------------------------------------------- questions and deadlines
@pytest.mark.parametrize("store", [None, MemoryStore()], ids=["in memory", "in a store"])
async def test_answers_to_questions_are_kept_and_a_fork_asks_anew(
    store: MemoryStore | None,
) -> None:
    flaky, answers = Flaky(), []

    @step
    async def asks(value: Any, ctx: StepContext) -> Any:
        first = await ctx.ask("first?", bool)
        second = await ctx.ask("second?", int)
        answers.append((first, second))
        if flaky.broken:
            raise ValueError("no")
        return second

    workflow = flow().then(asks)
    async with engine_on(store, workflow) as engine:
        run = engine.create_run(workflow, run_id="r")
        await run.start(1)
        await run.resume(False)
        assert (await run.resume(2)).status == "failed"
        flaky.broken = False
        retried = await run.retry()
        assert (await retried.start()).output == 2
        assert answers == [(False, 2), (False, 2)]
        check(retried, workflow)
        forked = await run.fork("asks")
        assert (await forked.start()).status == "suspended"


async def test_answers_to_the_questions_of_items_are_kept() -> None:
    flaky = Flaky()

    @step
    async def asks(value: int, ctx: StepContext) -> Any:
        answer = await ctx.ask(value, str)
        if flaky.broken and value == 1:
            raise ValueError("no")
        return answer

    workflow = flow().foreach(asks, concurrency=2, on_error="finish")
    run = workflow.create_run()
    await run.start([0, 1])
    for index in (0, 1):
        last = await run.resume("so", step="asks", index=index)
    assert last.status == "failed"
    flaky.broken = False

    retried = await run.retry()
    assert (await retried.start()).output == ["so", "so"]
    check(retried, workflow)


async def test_a_question_that_has_expired_is_asked_anew(autojump_clock: MockClock) -> None:
    @step
    async def asks(value: Any, ctx: StepContext) -> Any:
        return await ctx.ask("well?", str, timeout=10)

    workflow = flow().then(asks)
    async with engine_on(None, workflow) as engine:
        run = engine.submit(workflow, 1)
        await run.wait()
        await trio.sleep(20)
        assert (await run.wait()).status == "failed"
        retried = engine.submit(await run.retry())
        assert (await retried.wait()).status == "suspended"
        await trio.sleep(5)
        assert (await retried.resume("so")).output == "so"
        check(retried, workflow)


async def test_deadlines_begin_anew(autojump_clock: MockClock) -> None:
    inner: Flow = Workflow("inner", input=Any, output=Any, timeout=8).then(sleeps(5))
    workflow: Flow = Workflow("w", input=Any, output=Any, timeout=20)
    workflow = workflow.then(Calls().does()).then(inner).then(sleeps(60))
    run = workflow.create_run()
    assert (await run.start(1)).status == "failed"
    assert trio.current_time() == 20
    await trio.sleep(100)

    forked = await run.fork("inner")
    assert (await forked.start()).status == "failed"
    assert trio.current_time() == 140
    retried = await run.retry()
    with pytest.raises(RunStateError, match="start it without them"):
        await retried.start(timeout=5)
    assert (await retried.start()).status == "failed"
    assert trio.current_time() == 160
    check(retried, workflow)
