"""The runner itself: what it promises, how it is opened, and workers that die idle."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from typing import Any

import pytest
import trio
import trioflow_process
from process_steps import values
from process_steps.engines import open_workers, start
from trioflow_process import ProcessRunner
from trioflow_process.cpus import usable_cpus

from trioflow import open_engine
from trioflow.testing import assert_no_leaks, check_runner


async def test_it_does_what_runners_promise() -> None:
    with assert_no_leaks():
        await check_runner(lambda: ProcessRunner(2), carries_context=False)


async def test_a_runner_is_opened_by_one_engine_at_a_time() -> None:
    runner = ProcessRunner(1)
    async with runner:
        with pytest.raises(RuntimeError, match="is already open; create one for each engine"):
            await runner.__aenter__()
    async with runner:  # one after the other is fine
        pass


async def test_a_runner_that_is_not_open_runs_nothing() -> None:
    ctx: Any = None
    with pytest.raises(trio.ClosedResourceError, match="the process runner is not open"):
        await ProcessRunner(1).run(ctx, print)


async def test_an_idle_worker_that_has_died_is_replaced() -> None:
    async with open_workers() as engine:
        pid = (await start(engine, values.where)).unwrap()
        [worker] = multiprocessing.active_children()
        os.kill(pid, signal.SIGKILL)
        await trio.to_thread.run_sync(worker.join)
        assert (await start(engine, values.where)).unwrap() != pid


async def test_an_idle_worker_that_has_died_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_workers() as engine:
        pid = (await start(engine, values.where)).unwrap()
        os.kill(pid, signal.SIGKILL)

    [record] = caplog.records
    assert (record.name, record.levelno) == ("trioflow.process", logging.WARNING)
    assert record.message == (
        "an idle worker process was killed by SIGKILL; is there too little memory?"
    )


async def test_a_worker_that_leaves_when_a_job_comes_is_replaced() -> None:
    runners = {"process": ProcessRunner(1, idle_seconds=0)}
    with assert_no_leaks():
        async with open_engine(plugins=[], runners=runners) as engine:
            results = [(await start(engine, values.plain, n)).unwrap() for n in range(5)]

    assert results == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("workers", [0, -1, 1.0, True])
def test_workers_is_a_number_of_processes(workers: Any) -> None:
    with pytest.raises(ValueError, match="workers must be a whole number >= 1, not"):
        ProcessRunner(workers)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_idle_seconds_is_a_duration(seconds: float) -> None:
    with pytest.raises(ValueError, match="idle_seconds must be finite and >= 0, not"):
        ProcessRunner(1, idle_seconds=seconds)


async def test_the_plugin_offers_it_as_process() -> None:
    async with open_engine(plugins=[trioflow_process]) as engine:
        result = await start(engine, values.plain, 1)

    assert result.unwrap() == 2
    assert repr(trioflow_process.trioflow_runner("process")) == f"ProcessRunner({usable_cpus()})"
    assert trioflow_process.trioflow_runner("thread") is None


def test_the_plugin_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'ThreadRunner'"):
        trioflow_process.ThreadRunner  # noqa: B018
