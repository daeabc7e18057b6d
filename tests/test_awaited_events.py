"""The record of a call that waits for an event names the event."""

from __future__ import annotations

from typing import Any

import trio
from trio.testing import MockClock

from trioflow import StepContext, Workflow, open_engine, step
from trioflow.stores import MemoryStore
from trioflow.testing import check_events


@step
async def listen(value: int, ctx: StepContext[Any]) -> str:
    first: str = await ctx.wait_for("first", str)
    second: str = await ctx.wait_for("second", str)
    return first + second


@step
async def shout(text: str) -> str:
    return text.upper()


in_body = Workflow("in-body", input=int, output=str).then(listen)
as_node = Workflow[Any, Any]("as-node").wait_for_event("go", shout).sleep(1)


async def test_the_event_that_a_body_waits_for_is_named(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with open_engine(store=store, workflows=[in_body]) as engine:
        run = engine.submit("in-body", 1, run_id="r")
        await trio.testing.wait_all_tasks_blocked()
        call = run.record.steps["listen"]
        seen = [(call.event, call.is_parked)]
        run.send_event("first", "a")
        await trio.testing.wait_all_tasks_blocked()
        seen.append((call.event, call.is_parked))
    async with open_engine(store=store, workflows=[in_body]) as engine:  # and after a restart
        run = await engine.load_run("r")
        stored = run.record.steps["listen"].event
        await engine.recover()
        await engine.send_event("r", "second", "b")
        result = await engine.get_run("r").wait()

    assert seen == [("first", True), ("second", True)]
    assert (stored, result.output) == ("second", "ab")


async def test_the_event_that_a_node_waits_for_is_named(autojump_clock: MockClock) -> None:
    run = as_node.create_run()
    async with run.stream(1) as stream:
        await trio.testing.wait_all_tasks_blocked()
        waiting = {id: record.event for id, record in run.record.steps.items()}
        run.send_event("go", "x")
        events = [event async for event in stream]

    check_events(events, as_node)
    assert list(waiting.values()) == ["go"]
