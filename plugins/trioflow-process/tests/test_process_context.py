"""What a body in a worker process sees of its context, and what it can do with it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from process_steps import contexts, values
from process_steps.engines import open_workers, workflow

from trioflow import Step, TracingContext


async def test_the_context_tells_what_it_tells_in_a_thread() -> None:
    look_around: Step[Any, Any] = contexts.look_around
    looks = workflow(values.plain).dowhile(look_around, lambda _: False)
    options: dict[str, Any] = {
        "runtime_context": {"tenant": "a", "lock": threading.Lock()},
        "tracing_context": contexts.PLACE,
        "initial_state": {"count": 1},
    }
    async with open_workers() as engine:
        run = engine.create_run(looks, run_id="r")
        failed = await run.start(1, **options)
        del options["runtime_context"]["lock"]
        result = await engine.create_run(looks, run_id="r2").start(1, **options)

    assert "answer of step 'look_around' cannot be sent between processes" in str(failed.error)
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
        "tracing_context": contexts.PLACE,
        "result": 2,
        "no result": "default",
    }


async def test_a_span_that_cannot_be_pickled_stays_behind() -> None:
    first = workflow(values.plain).then(contexts.look_around)
    async with open_workers() as engine:
        run = engine.create_run(first)
        result = await run.start(1, tracing_context=TracingContext(threading.Lock()))

    assert result.unwrap()["tracing_context"] == TracingContext()


async def test_state_and_runtime_context_can_be_changed() -> None:
    async with open_workers() as engine:
        run = engine.create_run(workflow(contexts.change, state=contexts.Count))
        context = {"old": 1, "kept": 2}
        result = await run.start(5, initial_state=contexts.Count(1), runtime_context=context)

    keys, length, has_old, text = result.unwrap()
    assert (keys, length, has_old) == (["kept", "new"], 2, False)
    assert text == "RemoteMapping({'kept': 2, 'new': [5]})"
    assert result.state == contexts.Count(5)


async def test_private_state_can_be_changed_and_tools_found() -> None:
    async with open_workers() as engine:
        run = engine.create_run(workflow(contexts.keep_privately))
        result = await run.start(5)

    assert result.unwrap() == {"a": 5, "b": [5], "tool": "shout"}
    assert run.record.private == {"plugin": {"a": 5, "b": [5]}}


REFUSALS = {
    "chunk": "NotPicklableError: chunk of step 'try_what_fails' cannot be sent between "
    "processes: its 'a[0]' is of type lock",
    "answer": "NotPicklableError: answer of step 'try_what_fails' cannot be sent",
    "tool": "UnknownNameError: call_tool: unknown tool 'shot'; did you mean 'shout'?",
    "arguments": "NotPicklableError: tool call of step 'try_what_fails' cannot be sent between "
    "processes: its 'kwargs.text' is of type lock",
    "state": "InvalidValueError: ",
    "result": "NoResultError: step 'later' has no output in this workflow yet",
    "key": "KeyError: 'unknown'",
    "stream": "NotInWorkerError: step 'try_what_fails' called ctx.stream_tool, which does not work "
    "in a worker process; use ctx.call_tool, which returns the pieces as a list, or another runner",
}


async def test_what_a_context_cannot_do_it_says_to_the_body() -> None:
    refused = workflow(contexts.try_what_fails, state=contexts.Count)
    async with open_workers() as engine:
        found = {what: (await engine.create_run(refused).start(what)).unwrap() for what in REFUSALS}

    assert {what: found[what].startswith(text) for what, text in REFUSALS.items()} == dict.fromkeys(
        REFUSALS, True
    ), found


async def test_a_thread_that_is_left_behind_has_no_context_any_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_workers() as engine:
        (await engine.create_run(workflow(contexts.leave_thread)).start(None)).unwrap()
        late = (await engine.create_run(workflow(contexts.what_was_late)).start(None)).unwrap()

    assert late == ["step 'leave_thread' has ended; use its context only while its body runs"]
    assert [record.getMessage() for record in caplog.records] == ["too late"]
