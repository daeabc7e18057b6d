"""``ctx.start_run`` starts another run, once per step call."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.flows import gives, sleeps
from tests.suspending import all_events, check, cut, deaths
from trioflow import Retry, StepContext, Workflow, events, open_engine, step
from trioflow.errors import DuplicateRunError, RunStateError, RunTimeoutError, UnknownNameError
from trioflow.stores import MemoryStore

Flow = Workflow[Any, Any]

CHILD: Flow = Workflow("child", input=int).then(sleeps(10))


@step
async def starts(count: int, ctx: StepContext) -> list[str]:
    return [await ctx.start_run(CHILD, number, tags=("child",)) for number in range(count)]


PARENT: Flow = Workflow("parent", input=int).then(starts)


@pytest.mark.parametrize("is_durable", [False, True])
async def test_it_outlives_the_run_that_starts_it(
    is_durable: bool, autojump_clock: MockClock
) -> None:
    store = MemoryStore() if is_durable else None
    async with open_engine(workflows=[PARENT, CHILD], store=store, plugins=[]) as engine:
        run = engine.submit(PARENT, 2)
        ids = (await run.wait()).unwrap()

        assert trio.current_time() == 0
        assert len(set(ids)) == 2
        children = [await engine.load_run(id) for id in ids]
        assert [child.tags for child in children] == [("child",)] * 2
        assert [(await child.wait()).input for child in children] == [0, 1]
        assert len(await engine.list_runs(tags=["child"])) == 2
        assert run.record.started_runs == {"0": tuple(ids)}
    check(run, PARENT)


async def test_each_attempt_gets_the_same_runs() -> None:
    tried: list[list[str]] = []

    @step(retry=Retry(attempts=2))
    async def twice(value: Any, ctx: StepContext) -> None:
        tried.append([await ctx.start_run("child", 1), await ctx.start_run("child", 2)])
        if ctx.attempt == 1:
            raise OSError

    child: Flow = Workflow("child").then(gives(1))
    async with open_engine(workflows=[child], plugins=[]) as engine:
        await engine.submit(Workflow("w").then(twice)).wait()
        assert len(await engine.list_runs(workflow="child")) == 2

    assert tried[0] == tried[1]


async def test_a_crash_starts_none_twice() -> None:
    child: Flow = Workflow("child").then(gives(1))

    @step
    async def begin(value: Any, ctx: StepContext) -> str:
        return await ctx.start_run(child)

    flow: Flow = Workflow("w").then(begin)
    store = MemoryStore()
    async with open_engine(workflows=[flow, child], store=store, plugins=[]) as engine:
        started = (await engine.submit(flow, run_id="r").wait()).unwrap()
        recorded = await all_events(engine, "r")
    for count in deaths(recorded):
        dead = await cut(store, "r", count)
        async with open_engine(
            workflows=[flow, child], store=dead, plugins=[], recover=True
        ) as engine:
            assert (await (await engine.load_run("r")).wait()).output == started


async def test_a_run_that_was_deleted_is_not_started_again() -> None:
    @step
    async def begin(value: Any, ctx: StepContext) -> bool:
        await ctx.start_run("child")
        return await ctx.ask("sure?", bool)

    child: Flow = Workflow("child").then(gives(1))
    async with open_engine(workflows=[child], plugins=[]) as engine:
        run = engine.submit(Workflow("w").then(begin))
        await run.wait()
        (started,) = await engine.list_runs(workflow="child")
        await (engine.get_run(started.run_id)).wait()
        await engine.delete_run(started.run_id)
        await run.resume(True)

        assert await engine.list_runs(workflow="child") == ()


async def test_it_has_the_time_that_it_is_given(autojump_clock: MockClock) -> None:
    @step
    async def begin(value: Any, ctx: StepContext) -> str:
        return await ctx.start_run(CHILD, 1, timeout=5)

    async with open_engine(plugins=[]) as engine:
        id = (await engine.submit(Workflow("w").then(begin)).wait()).unwrap()
        assert isinstance((await engine.get_run(id).wait()).error, RunTimeoutError)


async def test_the_event_names_it() -> None:
    @step
    async def begin(value: Any, ctx: StepContext) -> str:
        return await ctx.start_run("child")

    child: Flow = Workflow("child").then(gives(1))
    async with open_engine(workflows=[child], plugins=[]) as engine:
        run = engine.submit(Workflow("w").then(begin))
        id = (await run.wait()).unwrap()
        (event,) = (e for e in run._life.core.log.history() if isinstance(e, events.RunStarted))

        assert (event.started, event.workflow_id) == (id, "child")
        begun = engine.get_run(id)._life.core.log.history()[0]
        assert isinstance(begun, events.Start)
        assert begun.by == f"step {run.run_id}:0"


async def test_it_needs_an_engine() -> None:
    result = await PARENT.create_run().start(1)

    assert isinstance(result.error, RunStateError)
    assert "needs an engine" in str(result.error)


async def test_an_unknown_workflow_is_named() -> None:
    @step
    async def begin(value: Any, ctx: StepContext) -> str:
        return await ctx.start_run("nobody")

    async with open_engine(plugins=[]) as engine:
        result = await engine.submit(Workflow("w").then(begin)).wait()

    assert isinstance(result.error, UnknownNameError)


@pytest.mark.parametrize("is_durable", [False, True])
async def test_another_workflow_in_its_place_is_refused(is_durable: bool) -> None:
    @step(retry=Retry(attempts=2))
    async def begin(value: Any, ctx: StepContext) -> str:
        await ctx.start_run("a" if ctx.attempt == 1 else "b")
        raise OSError

    flows: list[Flow] = [Workflow(id).then(gives(1)) for id in "ab"]
    main: Flow = Workflow("w").then(begin)
    store = MemoryStore() if is_durable else None
    async with open_engine(workflows=[*flows, main], store=store, plugins=[]) as engine:
        result = await engine.submit(main).wait()

    assert isinstance(result.error, DuplicateRunError | OSError)
