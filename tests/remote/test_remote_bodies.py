"""Bodies in another process, through the kit for runners and a pipe."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from tests.remote import remote_steps as steps
from tests.remote.pipe_runner import EndedError, PipeRunner
from trioflow import Engine, Step, Workflow, open_engine
from trioflow.errors import NoResultError
from trioflow.runners.remote import NotInWorkerError, NotPicklableError
from trioflow.testing import check_events


@asynccontextmanager
async def open_pipe() -> AsyncIterator[Engine]:
    async with open_engine(
        plugins=[],
        runners={"pipe": PipeRunner()},
        tools=[steps.shout, steps.give_lock],
        resources={"counter": steps.open_counter},
    ) as engine:
        yield engine


def flow(*bodies: Step[Any, Any], **options: Any) -> Workflow[Any, Any]:
    made = Workflow[Any, Any]("flow", **options)
    for body in bodies:
        made = made.then(body)
    return made


async def test_a_body_reads_its_context() -> None:
    async with open_pipe() as engine:
        run = engine.create_run(flow(steps.double, steps.read_all), run_id="r")
        result = await run.start(2, runtime_context={"tenant": "a"}, initial_state={"count": 1})

    assert result.unwrap() == {
        "call": ("r", "flow", "read_all", "r:1", 1),
        "iteration": None,
        "data": (2, None, None, False),
        "state": {"count": 1},
        "context": {"tenant": "a"},
        "results": (4, None),
        "tool": "shout",
        "schema": {"type": "integer"},
        "structured": "1",
        "json": {"raw": "MQ=="},
        "traced": None,
    }


async def test_a_body_changes_what_it_may_change() -> None:
    async with open_pipe() as engine:
        run = engine.create_run(flow(steps.change_all))
        async with run.stream(5, runtime_context={"old": 1}) as stream:
            recorded = [event async for event in stream]

    result = run.record
    assert result.output == [
        "HELLO",
        True,
        {"a": 5},
        1,
        "RemoteMapping({'new': [5]})",
    ]
    assert (result.state, result.private) == ({"count": 5}, {"kit": {"a": 5}})
    assert [event.type for event in recorded].count("step-output") == 1
    check_events(recorded)


async def test_an_async_body_runs_in_the_loop_of_its_process() -> None:
    async with open_pipe() as engine:
        run = engine.create_run(flow(steps.double_later))
        async with run.stream(5) as stream:
            recorded = [event async for event in stream]

    assert (run.record.output, run.record.state) == (10, {"count": 5})
    assert [event.type for event in recorded].count("step-output") == 1


async def test_failures_come_back_as_themselves() -> None:
    found = {}
    async with open_pipe() as engine:
        for what in ("odd", "locked", "interrupt", "result", "chunk", "answer", "stream", "none"):
            found[what] = (await engine.create_run(flow(steps.fail)).start(what)).error

    odd, locked, group = found["odd"], found["locked"], found["interrupt"]
    assert isinstance(odd, steps.OddError)
    assert (odd.args, odd.more) == (("a",), 5)
    assert isinstance(locked, steps.LockedError)
    assert str(locked.lock).startswith("<unlocked _thread.lock")
    assert isinstance(group, ExceptionGroup)
    assert isinstance(group.__cause__, KeyError)
    for what, whole in (("result", "result"), ("chunk", "chunk"), ("answer", "answer")):
        refused = found[what]
        assert isinstance(refused, NotPicklableError)
        assert (refused.what, refused.step, refused.type_name) == (whole, "fail", "lock")
    assert isinstance(found["stream"], NotInWorkerError)
    assert isinstance(found["none"], NoResultError)


async def test_a_process_that_ends_fails_its_body_and_is_replaced() -> None:
    async with open_pipe() as engine:
        ended = await engine.create_run(flow(steps.fail)).start("exit")
        after = await engine.create_run(flow(steps.double)).start(2)

    assert isinstance(ended.error, EndedError)
    assert after.unwrap() == 4


async def test_a_canceled_body_ends() -> None:
    async with open_pipe() as engine:
        run = engine.create_run(flow(steps.sleep))
        async with run.stream(1) as stream:
            async for event in stream:
                if event.type == "step-start":
                    break
        after = await engine.create_run(flow(steps.double)).start(2)

    assert run.status == "canceled"
    assert after.unwrap() == 4


async def test_bodies_suspend_bail_ask_and_wait() -> None:
    async with open_pipe() as engine:
        suspended = engine.create_run(flow(steps.suspend))
        await suspended.start(1)
        bailed = await engine.create_run(flow(steps.bail, steps.double)).start(1)
        asked = engine.create_run(flow(steps.ask))
        first = await asked.start(1)
        assert first.status == "suspended", first.error
        waiting = engine.submit(flow(steps.wait), 1)
        waiting.send_event("go", "now")
        answers = [await suspended.resume("yes"), await asked.resume("well"), await waiting.wait()]

    assert suspended.record.steps["suspend"].suspend_payload == {"well": 1}
    assert (bailed.unwrap(), list(bailed.steps)) == ({"early": 1}, ["bail"])
    assert [answer.unwrap() for answer in answers] == ["yes", "well", "now"]


async def test_log_records_come_to_the_loggers_of_the_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "tests.remote")
    async with open_pipe() as engine:
        (await engine.create_run(flow(steps.log)).start(7)).unwrap()

    plain, locked, failed = [r for r in caplog.records if r.name == "tests.remote"]
    assert plain.getMessage() == "plain 7"
    assert locked.getMessage().startswith("with a lock: <unlocked _thread.lock")
    assert failed.exc_info is not None
    assert isinstance(failed.exc_info[1], steps.LockedError)


async def test_a_thread_that_a_body_leaves_behind_has_no_context_any_more() -> None:
    async with open_pipe() as engine:
        first = await engine.create_run(flow(steps.leave_thread)).start(1)
        with trio.fail_after(60):
            late: list[str] = []
            while not late:
                late = (await engine.create_run(flow(steps.leave_thread)).start(1)).unwrap()

    assert first.unwrap() == []
    assert set(late) == {"StepClosedError"}
