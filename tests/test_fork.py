"""Going back to a step as a new run, single steps, and starting again where a process died."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock

from tests.flows import add_one, fails, sleeps
from tests.suspending import Calls, check, cut, deaths
from trioflow import Retry, Run, StepContext, Workflow, events, open_engine, step, tool
from trioflow._engine.journal.codec import decode
from trioflow.errors import InvalidValueError, NotResumableError, RunTimeoutError, UnknownStepError
from trioflow.stores import MemoryStore

Flow = Workflow[Any, Any]


def flow(id: str = "w") -> Flow:
    return Workflow(id, input=Any, output=Any)


async def test_what_came_before_does_not_run_again() -> None:
    calls = Calls()
    run = flow().then(calls.does("a")).then(calls.does("b")).then(calls.does("c")).create_run()
    await run.start(1)
    result = await (await run.fork("b")).start()
    assert (result.status, result.output) == ("success", 1)
    assert result.run_id != run.run_id
    assert calls.made == {"a": 1, "b": 2, "c": 2}
    assert run.status == "success"


async def test_another_input_and_other_results() -> None:
    calls = Calls()
    run = flow().then(calls.does("a")).then(calls.does("b")).create_run()
    await run.start(1)
    assert (await (await run.fork("b", input_data=5)).start()).output == 5
    assert (await (await run.fork("b", context={"a": 7})).start()).output == 7


@frozen
class Tally:
    count: int = 0


@step
async def count_up(value: Any, ctx: StepContext[Tally]) -> Any:
    ctx.set_state(count=ctx.state.count + 1)
    return ctx.state.count


counting = (
    Workflow("counting", input=Any, output=Any, state=Tally)
    .then(count_up)
    .then(count_up.clone("again"))
    .then(count_up.clone("last"))
)


@pytest.mark.parametrize("store", [None, "memory:"])
async def test_another_state(store: str | None) -> None:
    async with open_engine(workflows=[counting], store=store) as engine:
        run = engine.submit("counting", 1)
        await run.wait()
        results = [
            await engine.submit(await run.fork("again", **given)).wait()
            for given in ({}, {"initial_state": {"count": 10}}, {"initial_state": Tally(20)})
        ]
        with pytest.raises(InvalidValueError, match="initial state of workflow 'counting'"):
            await run.fork("again", initial_state={"count": "many"})
        assert run.record.state == Tally(3)

    assert [result.state for result in results] == [Tally(3), Tally(12), Tally(22)]
    assert [result.output for result in results] == [2, 11, 21]


async def test_into_a_nested_workflow() -> None:
    calls = Calls()
    inner = flow("inner").then(calls.does("x")).then(calls.does("y"))
    run = flow().then(calls.does("a")).then(inner).create_run()
    await run.start(1)
    assert (await (await run.fork("inner.y")).start()).output == 1
    assert (await (await run.fork(["inner", "y"], input_data=3)).start()).output == 3
    assert calls.made == {"a": 1, "x": 1, "y": 3}


async def test_a_failed_foreach_keeps_the_items_that_ended_well() -> None:
    made: list[int] = []

    @step
    async def body(item: int) -> int:
        made.append(item)
        if item == 2 and made.count(2) == 1:
            raise ValueError("no")
        return item * 10

    run = flow().foreach(body).create_run()
    assert (await run.start([1, 2, 3])).status == "failed"
    assert (await (await run.fork(body)).start()).output == [10, 20, 30]
    assert made == [1, 2, 2, 3]


async def test_of_a_loop_the_last_iteration() -> None:
    calls = Calls()
    run = flow().dountil(calls.does(), lambda _, ctx: ctx.iteration >= 3).create_run()
    await run.start(1)
    assert (await (await run.fork("does")).start()).status == "success"
    assert calls.made == {"does": 4}


async def test_the_stream_begins_where_the_new_run_does() -> None:
    workflow = flow().then(add_one).then(add_one.clone("more"))
    run = workflow.create_run()
    await run.start(1)
    async with (await run.fork("more")).stream() as stream:
        found = [event async for event in stream]
    assert isinstance(found[0], events.Recover)
    assert isinstance(found[-1], events.Finish)
    assert {e.id for e in found if isinstance(e, events.StepEvent)} == {"more"}


async def test_a_durable_run_travels_from_its_journal() -> None:
    calls, store = Calls(), MemoryStore()
    workflow = flow().then(calls.does("a")).then(calls.does("b"))
    async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
        await engine.create_run(workflow, run_id="r").start(1)
    async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
        await (await (await engine.load_run("r")).fork("b", run_id="new")).start()
        assert (await (await engine.load_run("new")).wait()).output == 1
    assert calls.made == {"a": 1, "b": 2}


async def test_refusals(autojump_clock: MockClock) -> None:
    run = flow().then(add_one).sleep(10).create_run()
    with pytest.raises(NotResumableError):
        await (await run.fork("add_one")).start()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run.start, 1)
        await trio.sleep(1)
        with pytest.raises(NotResumableError):
            await (await run.fork("add_one")).start()
    with pytest.raises(UnknownStepError):
        await (await run.fork("nobody")).start()


async def test_a_run_goes_step_by_step() -> None:
    calls = Calls()
    workflow = flow().then(calls.does("a")).then(calls.does("b")).then(calls.does("c"))
    run = workflow.create_run()
    assert (await run.start(1, per_step=True)).status == "paused"
    assert calls.made == {"a": 1}
    assert (await run.resume(per_step=True)).status == "paused"
    assert calls.made == {"a": 1, "b": 1}
    assert (await run.resume()).output == 1
    assert calls.made == {"a": 1, "b": 1, "c": 1}
    check(run, workflow)


async def test_a_finished_run_is_not_restarted() -> None:
    run = flow().then(Calls().asks()).create_run()
    await run.start(1)
    with pytest.raises(NotResumableError):
        await run.recover()
    await run.resume(1)
    assert (await run.recover()).output == "asks:1"


@pytest.mark.parametrize("retries", [None, Retry(attempts=2, on=(OSError,))])
async def test_attempts_of_a_call_that_was_canceled_count_on(
    retries: Retry | None, autojump_clock: MockClock
) -> None:
    sees = []

    @step(retry=retries)
    async def sibling(value: int, ctx: StepContext) -> None:
        sees.append(ctx.attempt)
        await trio.sleep(60)

    failing = fails(ValueError(), after=1)
    run = flow().parallel(failing, sibling).create_run()
    await run.start(1)
    result = await (await run.fork(failing)).start()

    assert sees == [1, 2]
    assert result.steps["sibling"].attempts == 2


async def test_earlier_rounds_of_a_call_are_remembered() -> None:
    failures = 0

    @step(retry=Retry(3))
    async def asks_twice(value: Any, ctx: StepContext) -> Any:
        nonlocal failures
        if ctx.resume_data is None and not failures:
            failures += 1
            raise ValueError("once")
        if ctx.resume_data is None:
            ctx.suspend("first")
        if ctx.resume_data == 1:
            ctx.suspend("second")
        failures += 1
        raise ValueError("again")

    run = flow().parallel(asks_twice, add_one).create_run()
    await run.start(1)
    await run.resume(1, step="asks_twice")
    async with (await run.fork("add_one")).stream() as stream:
        await stream.get_workflow_state()

    new, old = (each.record.steps["asks_twice"] for each in (stream.run, run))
    assert (new.round, new.attempts) == (old.round, old.attempts)
    assert (new.suspend_payload, new.suspended_at) == ("second", old.suspended_at)
    failures = 0
    assert (await stream.run.resume(2, step="asks_twice")).status == "failed"
    assert failures == 2  # the first of three attempts was made before


async def test_earlier_rounds_of_items_are_remembered() -> None:
    run = flow().foreach(Calls().asks(), concurrency=2).then(Calls().does("b")).create_run()
    await run.start([1, 2])
    for index in range(2):
        await run.resume(index, step="asks", index=index)

    async with (await run.fork("b")).stream() as stream:
        await stream.get_workflow_state()

    for address in ("0", "0[0]", "0[1]"):
        assert stream.run.record.calls[address].round == run.record.calls[address].round
        assert stream.run.record.calls[address].round > 0


async def test_what_contains_the_step_begins_once_however_often_it_was_suspended() -> None:
    calls = Calls()
    inner = flow("inner").then(calls.asks("a")).then(calls.asks("b")).then(calls.does("c"))
    workflow = flow().then(inner)
    run = workflow.create_run()
    await run.start(1)
    await run.resume(1, step="inner.a")
    await run.resume(2, step="inner.b")

    async with (await run.fork("inner.c")).stream() as stream:
        await stream.get_workflow_state()

    check(stream.run, workflow)
    past = stream.run._life.core.log.history()
    starts = [event.id for event in past if isinstance(event, events.StepStart)]
    assert starts.count("inner") == 2  # in the past, and in the new part


async def test_a_foreach_begins_once_however_often_its_items_have_asked() -> None:
    workflow = flow().foreach(Calls().asks(), concurrency=2)
    run = workflow.create_run()
    await run.start([1, 2])
    for index in range(2):
        await run.resume(index, step="asks", index=index)

    async with (await run.fork("asks")).stream() as stream:
        result = await stream.get_workflow_state()

    check(stream.run, workflow)
    assert result.output == ["asks:0", "asks:1"]


async def test_going_back_again_from_where_one_went_back() -> None:
    calls = Calls()
    inner = flow("inner").then(calls.does("a")).then(calls.does("b"))
    workflow = flow().then(inner).then(calls.does("c"))
    run = workflow.create_run()
    await run.start(1)
    for step_id in ("inner.b", "inner.a", "c"):
        async with (await run.fork(step_id)).stream() as stream:
            await stream.get_workflow_state()
        run = stream.run
        check(run, workflow)

    assert calls.made == {"a": 2, "b": 3, "c": 4}


async def recover_and_go_back(
    store: MemoryStore, workflow: Flow, destination: str, wanted: Any
) -> Run[Any, Any]:
    """Go on with a run whose process has died, go back from its end, and return the new run.

    Both must come to the result that is wanted.
    """
    async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
        await engine.recover()
        run = await engine.load_run("r")
        assert (await run.wait()).output == wanted
        async with (await run.fork(destination)).stream() as stream:
            assert (await stream.get_workflow_state()).output == wanted
    check(stream.run, workflow)
    return stream.run


async def test_what_was_running_when_a_process_died_is_no_part_of_the_past() -> None:
    @tool
    async def look(n: int) -> int:
        return n

    @step
    async def looks(value: int, ctx: StepContext) -> int:
        return await ctx.call_tool(look, value)

    workflow = flow().then(looks).map(lambda value: [value, value + 1])
    workflow = workflow.foreach(looks.clone("items")).then(Calls().does("after"))
    store = MemoryStore()
    async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
        await engine.submit(workflow, 1, run_id="r").wait()
        recorded = [*decode("r", await store.read("r", limit=100))]
    for died_at in deaths(recorded)[:-1]:
        new = await recover_and_go_back(await cut(store, "r", died_at), workflow, "after", [1, 2])
        past = new._life.core.log.history()
        assert [e.type for e in past].count("tool-call") == 3


async def test_what_a_call_had_waited_for_is_not_there_again() -> None:
    @step
    async def asks(value: Any, ctx: StepContext) -> Any:
        return ctx.resume_data

    workflow = (
        flow()
        .wait_for_event("e", asks.clone("first"))
        .then(Calls().does("between"))
        .wait_for_event("e", asks.clone("second"))
    )
    store = MemoryStore()
    async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
        run = engine.submit(workflow, 0, run_id="r")
        run.send_event("e", 1)
        run.send_event("e", 2)
        assert (await run.wait()).output == 2
    recorded = [*decode("r", await store.read("r", limit=100))]
    for died_at in deaths(recorded)[2:-1]:  # behind both events
        await recover_and_go_back(await cut(store, "r", died_at), workflow, "second", 2)


async def test_attempts_that_a_dead_process_made_are_no_part_of_another_call() -> None:
    failures = 0

    @step(retry=Retry(3))
    async def fails_twice(value: int) -> int:
        nonlocal failures
        failures += 1
        if failures < 3:
            raise ValueError("no")
        return value

    workflow = flow().then(flow("inner").then(fails_twice)).then(Calls().does("after"))
    store = MemoryStore()
    async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
        await engine.submit(workflow, 1, run_id="r").wait()
    recorded = [*decode("r", await store.read("r", limit=100))]
    for died_at in deaths(recorded)[:-1]:
        failures = sum(isinstance(event, events.StepRetry) for event in recorded[:died_at])
        await recover_and_go_back(await cut(store, "r", died_at), workflow, "after", 1)


async def test_items_that_failed_run_again_with_all_that_is_in_them() -> None:
    made: list[int] = []

    @step
    async def body(item: int) -> int:
        made.append(item)
        if made == [1, 2]:
            raise ValueError("no")
        return item

    workflow = flow().foreach(flow("item").then(body))
    run = workflow.create_run()
    assert (await run.start([1, 2])).status == "failed"

    async with (await run.fork("item")).stream() as stream:
        result = await stream.get_workflow_state()

    assert (result.output, made) == ([1, 2], [1, 2, 2])
    check(stream.run, workflow)


async def test_into_the_last_attempt_of_a_nested_workflow() -> None:
    calls = Calls()

    @step
    async def fails_at_first(value: Any, ctx: StepContext) -> Any:
        if "~" not in ctx.step_call_id:
            raise ValueError("no")
        return value

    inner: Flow = Workflow("inner", input=Any, output=Any, retry=Retry(1))
    inner = inner.then(calls.does("x")).then(fails_at_first).then(calls.does("y"))
    workflow: Flow = Workflow("w", input=Any, output=Any, retry=Retry(3)).then(inner)
    run = workflow.create_run()
    await run.start(1)

    async with (await run.fork("inner.y", input_data=99)).stream() as stream:
        result = await stream.get_workflow_state()

    assert (result.output, calls.made) == (99, {"x": 2, "y": 2})
    check(stream.run, workflow)


# ---------------------------------------------------------------- context and deadline
@step
async def asks(value: Any, ctx: StepContext) -> Any:
    if not ctx.resumed:
        ctx.suspend(value)
    if "own" in ctx.runtime_context:
        del ctx.runtime_context["own"]
    else:
        ctx.runtime_context["own"] = ctx.resume_data
    return value


@pytest.fixture(params=["in memory", "in a store"])
def store(request: pytest.FixtureRequest) -> MemoryStore | None:
    return MemoryStore() if request.param == "in a store" else None


async def test_what_answers_gave_to_the_context_before_the_step_stays(
    store: MemoryStore | None,
) -> None:
    seen: list[dict[str, Any]] = []

    @step
    async def sees(value: Any, ctx: StepContext) -> Any:
        seen.append(dict(ctx.runtime_context))
        return value

    workflow = flow().then(asks).then(asks.clone("again")).then(asks.clone("last")).then(sees)
    async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
        run = engine.create_run(workflow)
        await run.start(1, runtime_context={"start": 0})
        await run.resume("a", runtime_context={"x": 1})  # own: a
        await run.resume("b", runtime_context={"x": 2, "own": "c", "start": 1})  # own: none
        await run.resume("d", runtime_context={"own": "e", "y": 3})  # own: none, again
        forked = await run.fork("sees")
        await forked.start()
        await (await forked.fork("sees")).start()
        last = await run.fork("last", resume_data="f")
        await last.start()
        check(forked, workflow)

    assert seen[:3] == [{"start": 1, "x": 2, "y": 3}] * 3
    assert seen[3] == {"start": 1, "x": 2, "own": "f"}


async def test_an_answer_overrides_what_a_body_had_set(store: MemoryStore | None) -> None:
    workflow = flow().then(asks).then(asks.clone("again")).then(fails(ValueError("no")))
    async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
        run = engine.create_run(workflow)
        await run.start(1, runtime_context={})
        await run.resume("a")
        await run.resume("b", runtime_context={"x": 1})
        retried = await run.retry()
        await retried.start()

    assert retried.record.runtime_context == run.record.runtime_context == {"x": 1}


async def test_a_fork_has_as_much_time_as_the_run_had(autojump_clock: MockClock) -> None:
    slow, seconds = sleeps(60), (70, 100)
    workflow = flow().then(add_one).then(slow)
    for given in seconds:
        run = workflow.create_run()
        await run.start(1, timeout=given)
        await trio.sleep(1000)
        began = trio.current_time()
        result = await (await run.fork("sleeps")).start()

        assert (result.status, trio.current_time() - began) == ("success", 60)


async def test_a_fork_that_takes_longer_than_the_run_might_fails(autojump_clock: MockClock) -> None:
    run = flow().then(add_one).then(sleeps(60)).create_run()
    assert (await run.start(1, timeout=50)).status == "failed"
    began = trio.current_time()

    result = await (await run.fork("sleeps")).start()

    assert isinstance(result.error, RunTimeoutError)
    assert trio.current_time() - began == 50


@pytest.mark.parametrize("on_error", ["finish", "collect"])
async def test_of_a_foreach_the_items_that_are_kept_are_counted_anew(
    on_error: Any, autojump_clock: MockClock
) -> None:
    seen: list[int] = []

    @step
    async def body(value: int) -> int:
        seen.append(value)
        await trio.sleep(1 + value)
        if value < 2 and seen.count(value) == 1:
            raise ValueError(value)
        return value

    workflow = flow().foreach(body, on_error=on_error, concurrency=3)
    run = workflow.create_run()
    await run.start([0, 1, 2])
    forked = await run.fork("body")
    result = await forked.start()

    assert sorted(seen[3:]) == [0, 1]
    assert len(result.output or ()) == 3
    check(forked, workflow)
