"""What callers can do with runs: answers of None, runs of other engines, and running at once."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.flows import add_one, fails, observed, sleeps
from tests.suspending import Calls, check
from trioflow import StepContext, Workflow, events, open_engine, step
from trioflow.errors import (
    DuplicateRunError,
    InvalidValueError,
    RunClaimedError,
    RunSuspendedError,
)
from trioflow.stores import MemoryStore

Flow = Workflow[Any, Any]


@step(resume=str | None)
async def asks(value: Any, ctx: StepContext) -> str:
    if not ctx.resumed:
        ctx.suspend("which one? None skips it")
    return f"took {ctx.resume_data}"


ASKING: Flow = Workflow("w", input=Any, output=Any).then(asks)
STORES = pytest.mark.parametrize("store", [None, MemoryStore], ids=["in memory", "in a store"])


# ---------------------------------------------------------------- answers
@STORES
async def test_none_is_an_answer_like_any_other(store: Any) -> None:
    async with open_engine(plugins=[], workflows=[ASKING], store=store and store()) as engine:
        run = engine.create_run("w", run_id="r")
        assert (await run.start(1)).status == "suspended"
        assert (await run.resume(None)).output == "took None"
        start = [e for e in await observed(run) if isinstance(e, events.StepStart)][-1]
        assert (start.resumed, start.resume_data) == (True, None)
        assert run.record.steps["asks"].resumed
        check(run, ASKING)


async def test_none_is_an_answer_in_another_process() -> None:
    store = MemoryStore()
    async with open_engine(plugins=[], workflows=[ASKING], store=store) as engine:
        await engine.submit("w", 1, run_id="r").wait()
    async with open_engine(plugins=[], workflows=[ASKING], store=store) as engine:
        await engine.resume_run("r", None, by="ann")
        assert (await engine.get_run("r").wait()).output == "took None"


@STORES
async def test_without_an_answer_the_step_runs_again_and_asks_again(store: Any) -> None:
    async with open_engine(plugins=[], workflows=[ASKING], store=store and store()) as engine:
        run = engine.create_run("w", run_id="r")
        await run.start(1)
        assert (await run.resume()).status == "suspended"
        assert (await run.resume("a")).output == "took a"
        check(run, ASKING)


async def test_none_must_fit_the_type_of_the_answer() -> None:
    @step(resume=int)
    async def counts(value: Any, ctx: StepContext) -> Any:
        if not ctx.resumed:
            ctx.suspend()
        return ctx.resume_data

    run = Workflow("w").then(counts).create_run()
    await run.start(1)
    with pytest.raises(InvalidValueError):
        await run.resume(None)
    assert (await run.resume(0)).output == 0


@STORES
async def test_a_fork_may_be_given_none_as_answer(store: Any) -> None:
    async with open_engine(plugins=[], workflows=[ASKING], store=store and store()) as engine:
        run = engine.create_run("w", run_id="r")
        await run.start(1)
        forked = await run.fork("asks", resume_data=None)
        assert (await forked.start()).output == "took None"
        check(forked, ASKING)


async def test_an_event_without_data_counts_as_come() -> None:
    @step
    async def waits(value: Any, ctx: StepContext) -> Any:
        return ctx.resumed, ctx.resume_data

    run = Workflow("w").wait_for_event("go", waits).create_run()
    run.send_event("go")
    assert (await run.start(1)).output == (True, None)


# ---------------------------------------------------------------- forks
@STORES
async def test_nothing_of_a_fork_is_stored_until_it_starts(store: Any) -> None:
    kept = store and store()
    async with open_engine(plugins=[], workflows=[ASKING], store=kept) as engine:
        run = engine.create_run("w", run_id="r", tags=["t"], resource_id="ann")
        await run.start(1)
        forked = await run.fork("asks", run_id="f", resume_data="x", by="ann")
        assert (forked.status, forked.forked_from, forked.tags) == ("pending", "r", ("t",))
        if kept is not None:
            assert await kept.get("f") is None
        for taken in ("r", "f"):
            with pytest.raises(DuplicateRunError):
                await run.fork("asks", run_id=taken)
        assert (await engine.submit(forked).wait()).output == "took x"
        start = (await observed(forked))[0]
        assert isinstance(start, events.Start)
        assert (start.forked_from, start.by) == ("r", "ann")
        with pytest.raises(DuplicateRunError):
            engine.create_run("w", run_id="f")


async def test_a_fork_whose_id_another_process_takes_meanwhile_is_refused() -> None:
    store = MemoryStore()
    async with (
        open_engine(plugins=[], workflows=[ASKING], store=store) as one,
        open_engine(plugins=[], workflows=[ASKING], store=store) as other,
    ):
        run = one.create_run("w", run_id="r")
        await run.start(1)
        forked = await run.fork("asks", run_id="f")
        await other.submit("w", 1, run_id="f").wait()
        with pytest.raises(DuplicateRunError):
            await forked.start()
        with pytest.raises(DuplicateRunError):
            await run.fork("asks", run_id="f")


async def test_what_a_fork_was_given_survives_its_process(autojump_clock: MockClock) -> None:
    store = MemoryStore()

    @step
    async def slow(value: int, ctx: StepContext) -> Any:
        await trio.sleep(10)
        return value, ctx.resume_data

    flow: Flow = Workflow("w", input=int, output=Any).then(add_one).then(slow)
    async with open_engine(plugins=[], workflows=[flow], store=store) as engine:
        run = engine.submit("w", 1, run_id="r")
        await run.wait()
        forked = await run.fork("slow", input_data=7, resume_data="so", run_id="f")
        engine.submit(forked)
        await trio.sleep(1)
    async with open_engine(plugins=[], workflows=[flow], store=store) as engine:
        (recovered,) = await engine.recover()
        assert (await recovered.wait()).output == (7, "so")
        assert recovered.forked_from == "r"


# ---------------------------------------------------------------- runs of other engines
async def test_what_a_run_elsewhere_is_asked_for_names_the_call_of_the_engine(
    autojump_clock: MockClock,
) -> None:
    store, flow = MemoryStore(), Workflow("w").then(sleeps(100))
    async with (
        open_engine(plugins=[], workflows=[flow], store=store) as one,
        open_engine(plugins=[], workflows=[flow], store=store) as other,
    ):
        one.submit("w", 1, run_id="r")
        await wait_all_tasks_blocked()
        run = await other.load_run("r")
        with pytest.raises(RunClaimedError, match=r"use engine\.cancel_run\(\), which works"):
            run.cancel()
        with pytest.raises(RunClaimedError, match=r"use engine\.send_event\(\), which works"):
            run.send_event("go")
        with pytest.raises(RunClaimedError, match=r"use engine\.drain_run\(\), which works"):
            await run.drain()
        await other.cancel_run("r", by="ann")
        assert (await run.wait()).status == "canceled"


# ---------------------------------------------------------------- running at once
async def test_an_engine_runs_a_workflow_at_once(autojump_clock: MockClock) -> None:
    @step
    async def sees(value: int, ctx: StepContext) -> Any:
        return value, ctx.runtime_context["a"], ctx.run_id

    flow = Workflow("w", input=int, output=Any).then(sees)
    workflows = [flow, ASKING.clone("asking")]
    async with open_engine(plugins=[], workflows=workflows, store=MemoryStore()) as engine:
        assert await engine.run(flow, 1, runtime_context={"a": 2}, run_id="x") == (1, 2, "x")
        assert await engine.run("w", 1, runtime_context={"a": 2}, run_id="y") == (1, 2, "y")
        with pytest.raises(DuplicateRunError):
            await engine.run("w", 1, runtime_context={"a": 2}, run_id="y")
        with pytest.raises(OSError, match="no"):
            await engine.run(Workflow("f").then(fails(OSError("no"))), 1)
        with pytest.raises(RunSuspendedError):
            await engine.run("asking", 1, run_id="z")
        assert (await (await engine.load_run("z")).resume("a")).output == "took a"
    with trio.move_on_after(1) as scope:
        await Workflow("w").then(sleeps(60)).run(1, initial_state={}, tracing_context=None)
    assert scope.cancelled_caught


async def test_the_second_of_two_answers_is_told() -> None:
    run = Workflow("w").then(Calls().asks()).create_run()
    await run.start(1)
    problems: list[str] = []

    async def answer(data: int) -> None:
        try:
            await run.resume(data)
        except Exception as exc:
            problems.append(str(exc))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer, 1)
        nursery.start_soon(answer, 2)
    assert len(problems) == 1
