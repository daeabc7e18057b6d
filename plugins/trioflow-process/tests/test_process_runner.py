"""Steps in worker processes: values, ends, crashes, and what is left when all is over.

The workers are real processes, so time is, too: nothing here waits for it to pass, except for
the half second that starting a worker takes.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import process_steps as steps
import pytest
import trio
import trioflow_process
from process_steps import Part
from trioflow_process import NotPicklableError, ProcessRunner, WorkerCrashedError

from trioflow import Engine, RunResult, Step, Workflow, events, open_engine
from trioflow.errors import NonRetryableError, StepTimeoutError
from trioflow.testing import assert_no_leaks, check_events, check_runner


@asynccontextmanager
async def open_workers(workers: int = 1, **options: Any) -> AsyncGenerator[Engine, None]:
    """Open an engine with so many workers."""
    with assert_no_leaks():
        runners = {"process": ProcessRunner(workers)}
        async with open_engine(plugins=[], runners=runners, **options) as engine:
            yield engine


async def start(engine: Engine, step: Step[Any, Any], value: Any = None) -> RunResult[Any]:
    """Run one step."""
    return await engine.create_run(Workflow[Any, Any]("w").then(step)).start(value)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_it_does_what_runners_promise() -> None:
    with assert_no_leaks():
        await check_runner(lambda: ProcessRunner(2), carries_context=False)


class TestValues:
    async def test_they_go_to_another_process_and_back(self) -> None:
        async with open_workers() as engine:
            assert multiprocessing.active_children() == []  # not before they are needed
            pid = (await start(engine, steps.where)).unwrap()
            again = (await start(engine, steps.where)).unwrap()
            assert is_alive(pid)
            part = (await start(engine, steps.rename, {"name": "a", "content": [1, None]})).unwrap()
            one = (await start(engine, steps.plain, 1)).unwrap()
            power = (await start(engine, steps.bound, 5)).unwrap()
            product, tool_pid = (await start(engine, steps.calls_multiply, 2)).unwrap()

        assert pid == again == tool_pid != os.getpid()
        assert (part, one, power, product) == (Part("A", [1, None]), 2, 32, 6)
        assert not is_alive(pid)

    async def test_there_are_no_more_workers_than_allowed(self) -> None:
        workflow = Workflow[Any, Any]("w").foreach(steps.where, concurrency=20)
        async with open_workers(2) as engine:
            pids = (await engine.create_run(workflow).start(list(range(20)))).unwrap()

        assert 1 <= len(set(pids)) <= 2

    async def test_what_cannot_go_is_refused_before_anything_starts(self) -> None:
        value = Part("p", {"deep": [1, lambda: None]})
        async with open_workers() as engine:
            result = await start(engine, steps.rename, value)
            assert multiprocessing.active_children() == []

        error = result.error
        assert isinstance(error, NotPicklableError)
        assert isinstance(error, NonRetryableError)
        assert (error.what, error.step, error.path) == ("input", "rename", "content.deep[1]")
        assert str(error).startswith(
            "input of step 'rename' cannot go from process to process: its 'content.deep[1]' is of "
            "type function (Can't "
        )
        assert str(error).endswith("; use plain data, or another runner")

    async def test_what_cannot_come_back_is_refused(self) -> None:
        async with open_workers() as engine:
            lock = (await start(engine, steps.give, "lock")).error
            function = (await start(engine, steps.give, "lambda")).error
            unreadable = (await start(engine, steps.give, "unreadable")).error
            sent = (await start(engine, steps.where, steps.Unreadable())).error

        assert str(lock) == (
            "result of step 'give' cannot go from process to process: its 'a[1].content' is of "
            "type lock (cannot pickle '_thread.lock' object); use plain data, or another runner"
        )
        assert str(function).startswith(
            "result of step 'give' cannot go from process to process: it is of type function"
        )
        assert "reading it fails with ValueError: not for reading" in str(unreadable)
        assert str(unreadable).startswith("result of step 'give'")
        assert str(sent).startswith("input of step 'where'")
        assert "reading it fails with ValueError: not for reading" in str(sent)


class TestEnds:
    async def test_cancellation_kills_the_worker(self) -> None:
        async with open_workers() as engine:
            run = engine.create_run(Workflow[Any, Any]("w").then(steps.spin))
            async with run.stream(None) as stream:
                seen = []
                async for event in stream:
                    seen.append(event)
                    if isinstance(event, events.StepOutput):
                        assert is_alive(event.chunk)
                        pid = event.chunk
                        run.cancel()
            assert not is_alive(pid)
            assert (await start(engine, steps.where)).unwrap() != pid

        check_events(seen)
        assert run.status == "canceled"

    async def test_leaving_the_stream_kills_the_worker(self) -> None:
        async with open_workers() as engine:
            run = engine.create_run(Workflow[Any, Any]("w").then(steps.spin))
            async with run.stream(None) as stream:
                async for event in stream:
                    if isinstance(event, events.StepOutput):
                        break
            assert isinstance(event, events.StepOutput)
            assert not is_alive(event.chunk)

    async def test_a_time_out_kills_the_worker(self) -> None:
        async with open_workers() as engine:
            pid = (await start(engine, steps.where)).unwrap()  # so that none has to be started
            result = await start(engine, steps.spin_for_a_while)
            assert not is_alive(pid)

        assert isinstance(result.error, StepTimeoutError)

    async def test_leaving_the_engine_kills_the_worker(self) -> None:
        async with open_workers() as engine:
            run = engine.submit(Workflow[Any, Any]("w").then(steps.spin))
            async with run.observe() as stream:
                async for event in stream:
                    if isinstance(event, events.StepOutput):
                        break
        assert isinstance(event, events.StepOutput)
        assert not is_alive(event.chunk)
        assert run.status == "canceled"

    async def test_a_step_ends_although_a_process_that_it_has_forked_goes_on(self) -> None:
        async with open_workers() as engine:
            pid = (await start(engine, steps.fork)).unwrap()
            assert is_alive(pid)
            os.kill(pid, signal.SIGKILL)

    async def test_a_crash_is_an_error_that_names_the_step(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with open_workers() as engine:
            exited = (await start(engine, steps.crash, 3)).error
            killed = (await start(engine, steps.crash, -signal.SIGKILL)).error
            assert (await start(engine, steps.plain, 1)).unwrap() == 2

        assert isinstance(exited, WorkerCrashedError)
        assert isinstance(killed, WorkerCrashedError)
        assert (exited.step, exited.exitcode, killed.exitcode) == ("crash", 3, -signal.SIGKILL)
        assert str(exited) == (
            "the worker process of step 'crash' ended with exit code 3; what it wrote to stderr "
            "may say why, and a script needs `if __name__ == '__main__':` around what it runs"
        )
        assert str(killed) == (
            "the worker process of step 'crash' was killed by SIGKILL; is there too little memory?"
        )
        assert [record.message for record in caplog.records] == ["about to crash"] * 2

    async def test_a_crash_can_be_retried(self) -> None:
        async with open_workers() as engine:
            result = await start(engine, steps.crash_twice, 5)

        assert result.unwrap() == [5, 3]

    @pytest.mark.parametrize(
        ("code", "text"),
        [
            (None, "ended unexpectedly"),
            (-signal.SIGSEGV, "was killed by SIGSEGV"),
            (-40, "was killed by signal 40"),
        ],
    )
    def test_crashes_are_described(self, code: int | None, text: str) -> None:
        assert str(WorkerCrashedError("s", code)) == f"the worker process of step 's' {text}"


class TestRunner:
    async def test_a_runner_is_opened_by_one_engine_at_a_time(self) -> None:
        runner = ProcessRunner(1)
        async with runner:
            with pytest.raises(RuntimeError, match="is open already; make one for each engine"):
                await runner.__aenter__()
        async with runner:  # one after the other is fine
            pass

    async def test_a_runner_that_is_not_open_runs_nothing(self) -> None:
        ctx: Any = None
        with pytest.raises(trio.ClosedResourceError, match="the process runner is not open"):
            await ProcessRunner(1).run(ctx, print)

    async def test_an_idle_worker_that_has_died_is_replaced(self) -> None:
        async with open_workers() as engine:
            pid = (await start(engine, steps.where)).unwrap()
            [worker] = multiprocessing.active_children()
            os.kill(pid, signal.SIGKILL)
            await trio.to_thread.run_sync(worker.join)
            assert (await start(engine, steps.where)).unwrap() != pid

    async def test_an_idle_worker_that_has_died_is_reported_when_the_runner_closes(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with open_workers() as engine:
            pid = (await start(engine, steps.where)).unwrap()
            os.kill(pid, signal.SIGKILL)

        [record] = caplog.records
        assert (record.name, record.levelno) == ("trioflow.process", logging.WARNING)
        assert record.message.startswith("idle workers did not end as they should: ")

    @pytest.mark.parametrize("workers", [0, -1, 1.0, True])
    def test_workers_is_a_number_of_processes(self, workers: Any) -> None:
        with pytest.raises(ValueError, match="workers must be a whole number >= 1, not"):
            ProcessRunner(workers)

    @pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
    def test_idle_seconds_is_a_duration(self, seconds: float) -> None:
        with pytest.raises(ValueError, match="idle_seconds must be seconds >= 0, not"):
            ProcessRunner(1, idle_seconds=seconds)

    async def test_a_long_name_of_the_temporary_folder_does_no_harm(
        self, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("x" * 100)))
        async with open_workers() as engine:
            run = engine.create_run(Workflow[Any, Any]("w").then(steps.write_many))
            assert (await run.start(1)).unwrap() == 1

    async def test_the_plugin_offers_it_as_process(self) -> None:
        async with open_engine(plugins=[trioflow_process]) as engine:
            result = await start(engine, steps.plain, 1)

        assert result.unwrap() == 2
        assert (
            repr(trioflow_process.trioflow_runner("process")) == f"ProcessRunner({os.cpu_count()})"
        )
        assert trioflow_process.trioflow_runner("thread") is None

    def test_the_plugin_has_no_other_names(self) -> None:
        with pytest.raises(AttributeError, match="has no attribute 'ThreadRunner'"):
            trioflow_process.ThreadRunner  # noqa: B018
