"""Values of steps go to worker processes and back, or are refused with their place."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any

from process_steps import values
from process_steps.engines import is_alive, open_workers, start
from trioflow_process import NotPicklableError

from trioflow import Workflow
from trioflow.errors import NonRetryableError


async def test_they_go_to_another_process_and_back() -> None:
    async with open_workers() as engine:
        assert multiprocessing.active_children() == []  # not before they are needed
        pid = (await start(engine, values.where)).unwrap()
        again = (await start(engine, values.where)).unwrap()
        assert is_alive(pid)
        part = (await start(engine, values.rename, {"name": "a", "content": [1, None]})).unwrap()
        one = (await start(engine, values.plain, 1)).unwrap()
        power = (await start(engine, values.bound, 5)).unwrap()
        product, tool_pid = (await start(engine, values.calls_multiply, 2)).unwrap()

    assert pid == again == tool_pid != os.getpid()
    assert (part, one, power, product) == (values.Part("A", [1, None]), 2, 32, 6)
    assert not is_alive(pid)


async def test_there_are_no_more_workers_than_allowed() -> None:
    workflow = Workflow[Any, Any]("w").foreach(values.where, concurrency=20)
    async with open_workers(2) as engine:
        pids = (await engine.create_run(workflow).start(list(range(20)))).unwrap()

    assert 1 <= len(set(pids)) <= 2


async def test_what_cannot_go_is_refused_before_anything_starts() -> None:
    value = values.Part("p", {"deep": [1, lambda: None]})
    async with open_workers() as engine:
        result = await start(engine, values.rename, value)
        assert multiprocessing.active_children() == []

    error = result.error
    assert isinstance(error, NotPicklableError)
    assert isinstance(error, NonRetryableError)
    assert (error.what, error.step, error.path) == ("input", "rename", "content.deep[1]")
    assert str(error).startswith(
        "input of step 'rename' cannot be sent between processes: its 'content.deep[1]' is of "
        "type function (Can't "
    )
    assert str(error).endswith("; use plain data or another runner")


async def test_what_cannot_come_back_is_refused() -> None:
    async with open_workers() as engine:
        lock = (await start(engine, values.give, "lock")).error
        function = (await start(engine, values.give, "lambda")).error
        unreadable = (await start(engine, values.give, "unreadable")).error
        sent = (await start(engine, values.where, values.Unreadable())).error

    assert str(lock) == (
        "result of step 'give' cannot be sent between processes: its 'a[1].content' is of "
        "type lock (cannot pickle '_thread.lock' object); use plain data or another runner"
    )
    assert str(function).startswith(
        "result of step 'give' cannot be sent between processes: it is of type function"
    )
    assert "reading it fails with ValueError: not for reading" in str(unreadable)
    assert str(unreadable).startswith("result of step 'give'")
    assert str(sent).startswith("input of step 'where'")
    assert "reading it fails with ValueError: not for reading" in str(sent)
