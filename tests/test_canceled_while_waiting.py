"""Hooks hear of the end of a run that is canceled while it waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.suspending import all_events
from trioflow import Engine, Retry, Run, RunResult, StepContext, Workflow, open_engine, step
from trioflow.stores import MemoryStore
from trioflow.testing import check_events

ended: list[tuple[str, str | None]] = []


@pytest.fixture(autouse=True)
def _nothing_ended() -> None:
    ended.clear()


async def note(result: RunResult[Any]) -> None:
    await trio.sleep(1)
    ended.append((result.status, result.reason))


@step
async def ask(value: Any, ctx: StepContext) -> bool:
    return await ctx.ask("sure?", bool)


FLOW: Workflow[Any, Any] = Workflow("w", on_finish=note).then(ask)


async def test_of_a_run_by_itself(autojump_clock: MockClock) -> None:
    run = FLOW.create_run()
    await run.start()
    run.cancel("enough")
    result = await run.wait()

    assert (result.status, run.status) == ("canceled", "canceled")
    assert ended == [("canceled", "enough")]
    check_events(run._life.core.log.history(), FLOW)


async def test_of_a_run_whose_stream_stays_open(autojump_clock: MockClock) -> None:
    run = FLOW.create_run()
    async with run.stream(close_on_suspend=False) as stream:
        async for event in stream:
            if event.type == "suspended":
                run.cancel("enough")
        assert event.type == "finish"

    assert ended == [("canceled", "enough")]


def at_once(engine: Engine, run: Run[Any, Any]) -> Any:
    async def cancel() -> None:
        run.cancel("enough")

    return cancel()


def asked(engine: Engine, run: Run[Any, Any]) -> Any:
    return engine.cancel_run(run.run_id, "enough", by="Ada")


def drained(engine: Engine, run: Run[Any, Any]) -> Any:
    return engine.drain_run(run.run_id)


@pytest.mark.parametrize("is_durable", [False, True], ids=["memory", "store"])
@pytest.mark.parametrize("how", [at_once, asked, drained])
async def test_of_a_run_of_an_engine(
    is_durable: bool, how: Callable[[Engine, Run[Any, Any]], Any], autojump_clock: MockClock
) -> None:
    store = MemoryStore() if is_durable else None
    async with open_engine(workflows=[FLOW], store=store, plugins=[]) as engine:
        run = engine.submit(FLOW, run_id="r")
        await run.wait()
        await how(engine, run)
        await trio.sleep(5)
        result = await run.wait()
        recorded = await all_events(engine, "r")

    reason = "drained" if how is drained else "enough"
    assert (result.status, result.reason) == ("canceled", reason)
    assert ended == [("canceled", reason)]
    check_events(recorded, FLOW)


@pytest.mark.parametrize("is_known", [True, False], ids=["known here", "unknown here"])
async def test_from_another_process(is_known: bool, autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with open_engine(workflows=[FLOW], store=store, plugins=[]) as engine:
        await engine.submit(FLOW, run_id="r").wait()
    flows = [FLOW] if is_known else []
    async with open_engine(workflows=flows, store=store, plugins=[]) as engine:
        await engine.cancel_run("r", "enough")
        await trio.sleep(5)
        recorded = await all_events(engine, "r")

    assert ended == [("canceled", "enough")] * is_known
    check_events(recorded, FLOW)


# ---------------------------------------------------------------- nested workflows
def nested(id: str) -> Workflow[Any, Any]:
    """Return a workflow that notes how it ends."""

    async def on_finish(result: RunResult[Any]) -> None:
        await trio.sleep(1)
        asked = [key for key, step in result.steps.items() if step.status == "suspended"]
        ended.append((id, f"{result.status} {result.input} {','.join(asked)}"))

    def on_error(result: RunResult[Any]) -> None:
        ended.append((f"{id} error", str(result.error)))

    return Workflow(id, input=Any, output=Any, on_finish=on_finish, on_error=on_error)


@step
async def double(value: int) -> int:
    return value * 2


@step
async def fails(value: Any, ctx: StepContext) -> None:
    await ctx.ask("fail?", bool, label="fail")
    raise ValueError("no")


INNER = nested("inner").then(double).then(ask)
DEEP = nested("outer").then(double).then(nested("middle").then(INNER)).then(ask)


@pytest.mark.parametrize("is_durable", [False, True], ids=["memory", "store"])
@pytest.mark.parametrize("how", [at_once, asked, drained])
async def test_nested_workflows_hear_it_innermost_first(
    is_durable: bool, how: Callable[[Engine, Run[Any, Any]], Any], autojump_clock: MockClock
) -> None:
    store = MemoryStore() if is_durable else None
    async with open_engine(workflows=[DEEP], store=store, plugins=[]) as engine:
        run = engine.submit(DEEP, 1, run_id="r")
        await run.wait()
        await how(engine, run)
        await run.wait()
        check_events(await all_events(engine, "r"), DEEP)

    assert ended == [
        ("inner", "canceled 2 ask"),
        ("middle", "canceled 2 inner,inner.ask"),
        ("outer", "canceled 1 middle,middle.inner,middle.inner.ask"),
    ]


async def test_nested_workflows_hear_it_of_another_process(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with open_engine(workflows=[DEEP], store=store, plugins=[]) as engine:
        await engine.submit(DEEP, 1, run_id="r").wait()
    async with open_engine(workflows=[DEEP], store=store, plugins=[]) as engine:
        await engine.cancel_run("r")
        await (await engine.load_run("r")).wait()

    assert [id for id, _ in ended] == ["inner", "middle", "outer"]


async def test_an_engine_without_the_workflow_calls_none_and_later_nobody_does(
    autojump_clock: MockClock,
) -> None:
    store = MemoryStore()
    async with open_engine(workflows=[DEEP], store=store, plugins=[]) as engine:
        await engine.submit(DEEP, 1, run_id="r").wait()
    async with open_engine(store=store, plugins=[]) as engine:
        await engine.cancel_run("r")
    async with open_engine(workflows=[DEEP], store=store, plugins=[], recover=True) as engine:
        assert (await (await engine.load_run("r")).wait()).status == "canceled"
        await trio.sleep(100)

    assert ended == []


async def test_each_waiting_item_and_arm_hears_it_with_its_own_input(
    autojump_clock: MockClock,
) -> None:
    even = nested("even").branch((lambda n: n % 2 == 0, ask))
    workflow = Workflow[Any, Any]("w").foreach(even, concurrency=3)
    run = workflow.create_run()
    await run.start([2, 3, 4])
    assert ended == [("even", "success 3 ")]
    run.cancel()
    await run.wait()

    assert sorted(ended[1:]) == [("even", "canceled 2 ask"), ("even", "canceled 4 ask")]


async def test_what_waits_in_a_workflow_that_fails_ends_with_that_workflow(
    autojump_clock: MockClock,
) -> None:
    inner = nested("inner").then(ask)
    outer = nested("outer").parallel(inner, fails)
    run = nested("w").then(outer).create_run()
    await run.start(1)
    result = await run.resume(True, label="fail")

    assert result.status == "failed"
    assert [id for id, _ in ended] == ["inner", "outer", "outer error", "w", "w error"]
    assert ended[0] == ("inner", "canceled 1 ask")
    assert ended[2] == ("outer error", "no")


async def test_what_waits_in_an_attempt_that_failed_ends_with_that_attempt(
    autojump_clock: MockClock,
) -> None:
    inner = nested("inner").then(ask)
    outer = nested("outer").parallel(inner, fails)
    twice = Workflow[Any, Any]("twice", retry=Retry(2)).then(outer)
    run = twice.create_run()
    await run.start(1)
    await run.resume(True, label="fail")
    assert [id for id, _ in ended] == ["inner", "outer", "outer error"]
    run.cancel()
    await run.wait()

    assert [id for id, _ in ended[3:]] == ["inner", "outer"]


async def test_what_waits_when_the_time_of_the_run_is_over_hears_it(
    autojump_clock: MockClock,
) -> None:
    workflow, store = nested("w").then(nested("inner").then(ask)), MemoryStore()
    options: Any = {"workflows": [workflow], "store": store, "plugins": []}
    async with open_engine(**options) as engine:
        await engine.submit(workflow, 1, run_id="r", timeout=5).wait()
    await trio.sleep(6)
    async with open_engine(**options, recover=True) as engine:
        result = await (await engine.load_run("r")).wait()

    assert result.status == "failed"
    assert [id for id, _ in ended] == ["inner", "w", "w error"]


async def test_a_hook_that_raises_does_not_keep_the_others_from_hearing_it(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    def bad(result: RunResult[Any]) -> None:
        raise OSError("no line")

    inner = Workflow[Any, Any]("inner", on_finish=bad).then(ask)
    run = nested("w").then(inner).create_run()
    await run.start(1)
    run.cancel()
    result = await run.wait()

    assert result.status == "canceled"
    assert [id for id, _ in ended] == ["w"]
    assert "a hook of workflow 'inner' failed" in caplog.text


async def test_what_has_no_hooks_has_ended_at_once() -> None:
    run = Workflow("w").then(ask).create_run()
    await run.start()
    run.cancel()

    assert run.status == "canceled"
