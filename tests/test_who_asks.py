"""Who asks for something is recorded, so it must be a string: a journal could not hold an id that
is a number, say, and be read again."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.suspending import Calls, all_events
from trioflow import Engine, Workflow, open_engine
from trioflow.stores import MemoryStore

ASKS = Workflow("asks", input=int, output=Any).then(Calls().asks())

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

CALLS: dict[str, Callable[[Engine, Any], Any]] = {
    "submit": lambda engine, by: engine.submit("asks", 1, run_id="new", by=by),
    "start_once": lambda engine, by: engine.start_once("asks", 1, run_id="new", by=by),
    "enqueue": lambda engine, by: engine.enqueue("asks", 1, run_id="new", by=by),
    "cancel_run": lambda engine, by: engine.cancel_run("r", by=by),
    "cancel_runs": lambda engine, by: engine.cancel_runs(workflow="asks", by=by),
    "send_event": lambda engine, by: engine.send_event("r", "x", by=by),
    "resume_run": lambda engine, by: engine.resume_run("r", "yes", by=by),
    "drain_run": lambda engine, by: engine.drain_run("r", by=by),
    "retry_runs": lambda engine, by: engine.retry_runs(workflow="asks", by=by),
    "trigger": lambda engine, by: engine.schedules.trigger("daily", by=by),
    "backfill": lambda engine, by: engine.schedules.backfill("daily", NOW, NOW, by=by),
    "the name of an event": lambda engine, by: engine.send_event("r", by),
    "the reason of a cancel": lambda engine, by: engine.cancel_run("r", by),
    "the reason of many": lambda engine, by: engine.cancel_runs(reason=by, workflow="asks"),
}


@pytest.mark.parametrize("by", [3, uuid.UUID(int=3), b"ann", ["ann"]])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_it_is_a_string(
    call: Callable[[Engine, Any], Awaitable[Any]], by: Any, autojump_clock: MockClock
) -> None:
    store = MemoryStore()
    async with open_engine(plugins=[], workflows=[ASKS], store=store) as engine:
        await engine.submit("asks", 1, run_id="r").wait()
        before = await all_events(engine, "r")
        with pytest.raises(TypeError, match="must be a string, not"):
            await call(engine, by)
        assert await all_events(engine, "r") == before
        assert [info.run_id for info in await engine.list_runs()] == ["r"]
        await engine.resume_run("r", "yes")
        await trio.sleep(1)
        assert (await (await engine.load_run("r")).wait()).status == "success"
