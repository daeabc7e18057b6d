"""What a body in a worker process sees of its context, and what it can do with it."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import process_steps as steps
import pytest
import trio
from process_steps import PLACE, Count, Part
from trioflow_process import ProcessRunner

from trioflow import Engine, Step, TracingContext, Workflow, events, open_engine
from trioflow.instruments import StepContextFilter, StepTracker
from trioflow.testing import check_events


@asynccontextmanager
async def open_worker(**options: Any) -> AsyncGenerator[Engine, None]:
    runners = {"process": ProcessRunner(1)}
    tools: list[Any] = [steps.shout, steps.ask_boss, steps.give_lock]
    async with open_engine(plugins=[], runners=runners, tools=tools, **options) as engine:
        yield engine


def workflow(step: Step[Any, Any], **options: Any) -> Workflow[Any, Any]:
    return Workflow[Any, Any]("w", **options).then(step)


async def test_the_context_tells_what_it_tells_in_a_thread() -> None:
    look_around: Step[Any, Any] = steps.look_around
    looks = workflow(steps.plain).dowhile(look_around, lambda _: False)
    options: dict[str, Any] = {
        "runtime_context": {"tenant": "a", "lock": threading.Lock()},
        "tracing_context": PLACE,
        "initial_state": {"count": 1},
    }
    async with open_worker() as engine:
        run = engine.create_run(looks, run_id="r")
        failed = await run.start(1, **options)
        del options["runtime_context"]["lock"]
        result = await engine.create_run(looks, run_id="r2").start(1, **options)

    assert "answer of step 'look_around' cannot go from process to process" in str(failed.error)
    assert result.unwrap() == {
        "run_id": "r2",
        "workflow_id": "w",
        "step_id": "look_around",
        "step_call_id": "r2:1#1",
        "attempt": 1,
        "iteration": 1,
        "init_data": 1,
        "resume_data": None,
        "suspend_data": None,
        "state": {"count": 1},
        "runtime_context": {"tenant": "a"},
        "tracing_context": PLACE,
        "result": 2,
        "no result": "default",
    }


async def test_a_span_that_cannot_be_pickled_stays_behind() -> None:
    first = workflow(steps.plain).then(steps.look_around)
    async with open_worker() as engine:
        run = engine.create_run(first)
        result = await run.start(1, tracing_context=TracingContext(threading.Lock()))

    assert result.unwrap()["tracing_context"] == TracingContext()


async def test_state_and_runtime_context_can_be_changed() -> None:
    async with open_worker() as engine:
        run = engine.create_run(workflow(steps.change, state=Count))
        context = {"old": 1, "kept": 2}
        result = await run.start(5, initial_state=Count(1), runtime_context=context)

    keys, length, has_old, text = result.unwrap()
    assert (keys, length, has_old) == (["kept", "new"], 2, False)
    assert text == "RemoteMapping({'kept': 2, 'new': [5]})"
    assert result.state == Count(5)


async def test_chunks_are_events_in_order_and_feel_the_reader() -> None:
    async with open_worker() as engine:
        run = engine.create_run(workflow(steps.write_many))
        seen = []
        lead = 0
        async with run.stream(50, max_buffer_size=4) as stream:
            async for event in stream:
                seen.append(event)
                await trio.lowlevel.checkpoint()
                lead = max(lead, run.state.next_seq - event.seq - 1)

    check_events(seen)
    chunks = [event.chunk for event in seen if isinstance(event, events.StepOutput)]
    assert chunks == [{"number": number} for number in range(50)]
    assert lead <= 4 + 1


async def test_log_records_come_while_the_body_runs() -> None:
    arrived = trio.Event()
    places: list[str] = []

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            places.append(vars(record)["step_id"])
            arrived.set()

    handler = Noting()
    handler.addFilter(StepContextFilter())
    steps.log.addHandler(handler)
    try:
        async with open_worker(instruments=[StepTracker()]) as engine:
            run = engine.submit(workflow(steps.spin))
            await arrived.wait()
            run.cancel()
            assert (await run.wait()).status == "canceled"
    finally:
        steps.log.removeHandler(handler)

    assert places == ["spin"]


async def test_log_records_are_what_they_were(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="trioflow_process_tests")
    async with open_worker() as engine:
        (await engine.create_run(workflow(steps.log_things)).start(None)).unwrap()
        steps.log.setLevel(logging.CRITICAL)
        (await engine.create_run(workflow(steps.log_things)).start(None)).unwrap()

    first, failed, elsewhere, again = caplog.records
    assert (first.name, first.levelname) == ("trioflow_process_tests", "INFO")
    assert (first.getMessage(), first.funcName) == ("one two", "log_things")
    assert (vars(first)["tag"], vars(first)["thing"][:17]) == ("t", "<unlocked _thread")
    assert "ValueError: not for reading" in str(failed.exc_text)
    assert (elsewhere.name, elsewhere.getMessage()) == ("elsewhere", "threaded")
    assert again.name == "elsewhere"


async def test_a_record_for_nobody_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    async with open_worker() as engine:
        run = engine.create_run(workflow(steps.write_many))
        caplog.set_level(logging.INFO, logger="trioflow_process_tests")
        async with run.stream(2) as stream:
            async for event in stream:
                if isinstance(event, events.StepOutput):
                    steps.log.setLevel(logging.ERROR)

    assert [record.message for record in caplog.records if "wrote 1" in record.message] == []


class TestTools:
    async def test_tools_are_called_in_the_run_s_process(self) -> None:
        async with open_worker() as engine:
            run = engine.create_run(workflow(steps.call_tools))
            async with run.stream("hey") as stream:
                seen = [event async for event in stream]
            at_once = await engine.create_run(workflow(steps.call_at_once)).start("a b c")

        check_events(seen)
        assert run.state.steps["call_tools"].output == ["HEY", "HEY"]
        assert [e.args for e in seen if isinstance(e, events.ToolCall)] == [{"text": "hey"}] * 2
        assert at_once.unwrap() == ["A", "B", "C"]

    async def test_tools_can_be_given_up(self) -> None:
        async with open_worker() as engine:
            run = engine.create_run(workflow(steps.give_up))
            async with run.stream(None) as stream:
                seen = []
                async for event in stream:
                    seen.append(event)
                    if isinstance(event, events.ToolCall):
                        run.send_event("begun")

        check_events(seen)
        assert run.state.steps["give_up"].output == ["given up", "failed"]
        assert [e.status for e in seen if isinstance(e, events.ToolError)] == ["canceled"] * 2

    async def test_a_tool_that_suspends_suspends_the_step(self) -> None:
        async with open_worker() as engine:
            run = engine.create_run(workflow(steps.ask))
            suspended = await run.start("why?")
            result = await run.resume(resume_data="because")

        assert suspended.status == "suspended"
        assert suspended.suspend_payload == {"ask": {"question": "why?"}}
        assert result.unwrap() == "because"


async def test_events_can_be_waited_for_and_left_to_others() -> None:
    async with open_worker() as engine:
        run = engine.create_run(workflow(steps.wait_for_parts))
        async with run.stream(None) as stream:
            async for event in stream:
                if isinstance(event, events.StepOutput):  # the first wait has been given up
                    run.send_event("part", {"name": "late"})
                    run.send_event("any", [1])
            result = await stream.get_workflow_state()

    assert result.unwrap() == ["nothing", Part("late"), [1]]


class TestStops:
    async def test_a_body_can_suspend_and_go_on(self) -> None:
        async with open_worker() as engine:
            run = engine.create_run(workflow(steps.suspend))
            suspended = await run.start(None)
            assert suspended.state == {"asked": True}
            result = await run.resume(label="here", resume_data={"yes": 1})

        assert suspended.status == "suspended"
        assert result.unwrap() == [{"yes": 1}, True]

    async def test_a_body_can_bail(self) -> None:
        async with open_worker() as engine:
            run = engine.create_run(workflow(steps.bail).then(steps.plain))
            result = await run.start(4)

        assert result.unwrap() == 8

    async def test_a_body_can_abort_the_run(self) -> None:
        async with open_worker() as engine:
            result = await engine.create_run(workflow(steps.abort)).start(None)

        assert result.status == "canceled"


REFUSALS = {
    "chunk": "NotPicklableError: chunk of step 'try_what_fails' cannot go from process to "
    "process: its 'a[0]' is of type lock",
    "answer": "NotPicklableError: answer of step 'try_what_fails' cannot go",
    "tool": "UnknownNameError: call_tool: unknown tool 'shot'; did you mean 'shout'?",
    "arguments": "NotPicklableError: tool call of step 'try_what_fails' cannot go from process "
    "to process: its 'kwargs.text' is of type lock",
    "state": "InvalidValueError: ",
    "result": "NoResultError: step 'later' has no result in this workflow so far",
    "key": "KeyError: 'unknown'",
    "stream": "NotInWorkerError: step 'try_what_fails' called ctx.stream_tool, which does not work "
    "in a worker process; take the pieces in a list with ctx.call_tool, or use another runner",
}


async def test_what_a_context_cannot_do_it_says_to_the_body() -> None:
    refused = workflow(steps.try_what_fails, state=Count)
    async with open_worker() as engine:
        found = {what: (await engine.create_run(refused).start(what)).unwrap() for what in REFUSALS}

    assert {what: found[what].startswith(text) for what, text in REFUSALS.items()} == dict.fromkeys(
        REFUSALS, True
    ), found


async def test_a_thread_that_is_left_behind_has_no_context_any_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_worker() as engine:
        (await engine.create_run(workflow(steps.leave_thread)).start(None)).unwrap()
        late = (await engine.create_run(workflow(steps.what_was_late)).start(None)).unwrap()

    assert late == ["step 'leave_thread' has ended; use its context only while its body runs"]
    assert [record.getMessage() for record in caplog.records] == ["too late"]
