"""Bodies in worker processes end when they must: canceled, too late, or crashed."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from process_steps import ends, values
from process_steps.engines import is_alive, is_running, open_workers, start, workflow
from trioflow_process import WorkerCrashedError

from trioflow import Workflow, events
from trioflow.errors import StepTimeoutError
from trioflow.testing import check_events


async def test_cancellation_kills_the_worker() -> None:
    async with open_workers() as engine:
        run = engine.create_run(Workflow[Any, Any]("w").then(ends.spin))
        async with run.stream(None) as stream:
            seen = []
            async for event in stream:
                seen.append(event)
                if isinstance(event, events.StepOutput):
                    assert is_alive(event.chunk)
                    pid = event.chunk
                    run.cancel()
        assert not is_alive(pid)
        assert (await start(engine, values.where)).unwrap() != pid

    check_events(seen)
    assert run.status == "canceled"


async def test_leaving_the_stream_kills_the_worker() -> None:
    async with open_workers() as engine:
        run = engine.create_run(Workflow[Any, Any]("w").then(ends.spin))
        async with run.stream(None) as stream:
            async for event in stream:
                if isinstance(event, events.StepOutput):
                    break
        assert isinstance(event, events.StepOutput)
        assert not is_alive(event.chunk)


async def test_a_time_out_kills_the_worker() -> None:
    async with open_workers() as engine:
        pid = (await start(engine, values.where)).unwrap()  # so that none has to be started
        result = await start(engine, ends.spin_for_a_while)
        assert not is_alive(pid)

    assert isinstance(result.error, StepTimeoutError)


async def test_leaving_the_engine_kills_the_worker() -> None:
    async with open_workers() as engine:
        run = engine.submit(Workflow[Any, Any]("w").then(ends.spin))
        async with run.observe() as stream:
            async for event in stream:
                if isinstance(event, events.StepOutput):
                    break
    assert isinstance(event, events.StepOutput)
    assert not is_alive(event.chunk)
    assert run.status == "canceled"


async def test_a_step_ends_although_a_process_that_it_has_forked_goes_on() -> None:
    async with open_workers() as engine:
        pid = (await start(engine, ends.fork)).unwrap()
        assert is_alive(pid)
        os.kill(pid, signal.SIGKILL)


async def test_a_process_that_a_body_has_forked_cannot_return_for_it() -> None:
    async with open_workers() as engine:
        assert [(await start(engine, ends.return_twice, n)).unwrap() for n in (1, 2)] == [1, 2]


@pytest.mark.parametrize("how", ["group", "session"])
async def test_children_of_a_body_are_killed_with_it_unless_they_have_a_session(how: str) -> None:
    async with open_workers() as engine:
        run = engine.submit(workflow(ends.start_child), how)
        async with run.observe() as stream:
            async for event in stream:
                if isinstance(event, events.StepOutput):
                    run.cancel()
                    pid = event.chunk
        await run.wait()
        lives = is_running(pid)

    assert lives == (how == "session")
    if lives:
        os.kill(pid, signal.SIGKILL)


async def test_a_crash_is_an_error_that_names_the_step(caplog: pytest.LogCaptureFixture) -> None:
    async with open_workers() as engine:
        exited = (await start(engine, ends.crash, 3)).error
        killed = (await start(engine, ends.crash, -signal.SIGKILL)).error
        assert (await start(engine, values.plain, 1)).unwrap() == 2

    assert isinstance(exited, WorkerCrashedError)
    assert isinstance(killed, WorkerCrashedError)
    assert (exited.step, exited.exitcode, killed.exitcode) == ("crash", 3, -signal.SIGKILL)
    assert str(exited) == (
        "the worker process of step 'crash' exited with code 3; see its stderr, and note that a "
        "script needs `if __name__ == '__main__':` around the code that it runs"
    )
    assert str(killed) == (
        "the worker process of step 'crash' was killed by SIGKILL; is there too little memory?"
    )
    assert [record.message for record in caplog.records] == ["about to crash"] * 2


async def test_a_crash_can_be_retried() -> None:
    async with open_workers() as engine:
        result = await start(engine, ends.crash_twice, 5)

    assert result.unwrap() == [5, 3]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (None, "exited unexpectedly"),
        (-signal.SIGSEGV, "was killed by SIGSEGV"),
        (-40, "was killed by signal 40"),
    ],
)
def test_crashes_are_described(code: int | None, text: str) -> None:
    assert str(WorkerCrashedError("s", code)) == f"the worker process of step 's' {text}"
