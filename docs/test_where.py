"""The rows of ``concepts/where.md``: what happens to a body on cancel, time-out and Ctrl-C."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from trioflow_process import WorkerCrashedError

from trioflow import StepContext, Workflow, open_engine, step
from trioflow.errors import StepTimeoutError

PROGRAM = """
import pathlib, sys, time
import trio
from trioflow import StepContext, Workflow, open_engine, step

HERE = pathlib.Path(__file__).parent

def begin(): (HERE / "begun").touch()
def end(): (HERE / "ended").touch()

@step
async def inline(seconds: float) -> str:
    begin()
    try:
        await trio.sleep(seconds)
    except trio.Cancelled:
        (HERE / "cancelled").touch()
        raise
    end()
    return "ended"

def body(seconds: float) -> str:
    begin()
    time.sleep(seconds)
    end()
    return "ended"

def crash(seconds: float) -> str:
    import os
    os._exit(3)

thread = step(id="thread")(body)
process = step(id="process", runner="process")(body)
flows = {each.id: Workflow(each.id, input=float).then(each) for each in (inline, thread, process)}
inline_flow, thread_flow, process_flow = flows.values()
timed = {
    each.id: Workflow("timed", input=float).then(each) for each in (
        step(id="inline", timeout=0.1)(inline.fn),
        step(id="thread", timeout=0.1)(body),
        step(id="process", runner="process", timeout=0.1)(body),
    )
}
crashing = Workflow("crashing", input=float).then(step(runner="process")(crash))
"""
SECONDS = {"inline": 30.0, "thread": 1.0, "process": 30.0}
"""Only a body in a thread is waited for, so only that must be short."""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "bodies.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("bodies")
    del sys.modules["bodies"]


async def until(path: Path) -> None:
    with trio.fail_after(20):
        while not await trio.Path(path).exists():  # noqa: ASYNC110 - another process makes it
            await trio.sleep(0.02)


@pytest.mark.parametrize("place", SECONDS)
async def test_on_cancel(place: str, program: Any, tmp_path: Path) -> None:
    async with open_engine(plugins=["process"]) as engine:
        run = engine.submit(program.flows[place], SECONDS[place])
        await until(tmp_path / "begun")
        run.cancel()
        with trio.fail_after(10):
            result = await run.wait()

    assert result.status == "canceled"
    assert result.steps[place].status == ("success" if place == "thread" else "canceled")
    assert (tmp_path / "ended").exists() == (place == "thread")
    assert (tmp_path / "cancelled").exists() == (place == "inline")


@pytest.mark.parametrize("place", SECONDS)
async def test_on_timeout(place: str, program: Any, tmp_path: Path) -> None:
    async with open_engine(plugins=["process"]) as engine:
        with trio.fail_after(10):
            result = await engine.create_run(program.timed[place]).start(SECONDS[place])

    assert isinstance(result.error, StepTimeoutError)
    assert (tmp_path / "ended").exists() == (place == "thread")


@pytest.mark.parametrize("place", SECONDS)
def test_on_ctrl_c(place: str, program: Any, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "trioflow", "run", f"bodies:{place}_flow"]
    process = subprocess.Popen(
        [*command, "--input", str(SECONDS[place])],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    trio.run(until, tmp_path / "begun")
    process.send_signal(signal.SIGINT)

    assert process.wait(timeout=20) == 130
    assert (tmp_path / "ended").exists() == (place == "thread")


async def test_a_crash_in_a_process_fails_only_the_step(program: Any) -> None:
    async with open_engine(plugins=["process"]) as engine:
        result = await engine.create_run(program.crashing).start(1.0)

    assert isinstance(result.error, WorkerCrashedError)


async def test_a_thread_can_notice_a_cancel_itself() -> None:
    @step
    def polls(value: int, ctx: StepContext) -> None:
        begun.set()
        while True:
            trio.from_thread.check_cancelled()

    begun = threading.Event()
    async with open_engine(plugins=[]) as engine:
        run = engine.submit(Workflow("polls", input=int).then(polls), 1)
        with trio.fail_after(10):
            await trio.to_thread.run_sync(begun.wait)
            run.cancel()
            assert (await run.wait()).status == "canceled"
