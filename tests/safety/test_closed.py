"""A durable run whose engine is closed is refused at once: nothing would ever write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.flows import sleeps
from tests.suspending import Calls
from trioflow import Run, Workflow, open_engine
from trioflow.errors import RunStateError, StoreError
from trioflow.stores import MemoryStore

Call = Callable[[Run[Any, Any]], Any]


async def leave(run: Run[Any, Any]) -> None:
    async with run.stream(1) as stream:
        await stream.receive()


STARTS: dict[str, Call] = {
    "start": lambda run: run.start(1),
    "stream": leave,
    "send_event": lambda run: run.send_event("late"),
}


@pytest.mark.parametrize("call", STARTS)
async def test_a_run_that_was_not_started_cannot_be(call: str) -> None:
    store = MemoryStore()
    async with open_engine(plugins=[], store=store) as engine:
        run = engine.create_run(Workflow("w").then(Calls().does()), run_id="r")

    with trio.fail_after(5), pytest.raises(RunStateError, match="its engine is closed"):
        result = STARTS[call](run)
        if result is not None:
            await result

    assert run.status == "pending"
    assert await store.get("r") is None


ANSWERS: dict[str, Call] = {
    "resume": lambda run: run.resume(1),
    "cancel": lambda run: run.cancel(),
    "send_event": lambda run: run.send_event("late"),
    "fork": lambda run: run.fork("asks"),
}


@pytest.mark.parametrize("call", ANSWERS)
async def test_a_run_that_waits_stays_as_it_is(call: str) -> None:
    store, calls = MemoryStore(), Calls()
    flow = Workflow("w").then(calls.asks())
    async with open_engine(plugins=[], store=store) as engine:
        run = engine.submit(flow, 1, run_id="r")
        await run.wait()
    before = await store.get("r")

    with trio.fail_after(5), pytest.raises((RunStateError, StoreError), match="closed"):
        result = ANSWERS[call](run)
        if result is not None:
            await result

    assert run.status == "suspended"
    assert await store.get("r") == before
    async with open_engine(plugins=[], store=store, workflows=[flow]) as engine:
        assert (await (await engine.load_run("r")).resume(1)).output == "asks:1"


async def test_a_run_that_somebody_else_drives_ends_with_its_engine(
    autojump_clock: MockClock,
) -> None:
    store = MemoryStore()
    flow = Workflow("w").then(sleeps(1)).then(sleeps(60, "more"))

    async def start(run: Run[Any, Any]) -> None:
        with pytest.raises(RunStateError, match="its engine is closed"):
            await run.start(1)

    async with (
        trio.open_nursery() as nursery,
        open_engine(plugins=[], store=store, workflows=[flow]) as engine,
    ):
        run = engine.create_run(flow, run_id="r")
        nursery.start_soon(start, run)
        await trio.testing.wait_all_tasks_blocked()

    async with open_engine(plugins=[], store=store, workflows=[flow]) as engine:
        (recovered,) = await engine.recover()
        assert (await recovered.wait()).status == "success"
