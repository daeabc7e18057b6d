"""Hooks hear of the end of a run that is canceled while it waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.suspending import all_events
from trioflow import Engine, Run, RunResult, StepContext, Workflow, open_engine, step
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


async def test_what_has_no_hooks_has_ended_at_once() -> None:
    run = Workflow("w").then(ask).create_run()
    await run.start()
    run.cancel()

    assert run.status == "canceled"
