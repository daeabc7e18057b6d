"""Bodies cannot end the program, and have the main thread of their worker."""

from __future__ import annotations

import asyncio
from typing import Any

import trio
from process_steps import exits, values
from process_steps.engines import open_workers, start
from trioflow_process import NotPicklableError, WorkerCrashedError

from trioflow import StepContext, Workflow, step
from trioflow.wire import RecordedError

ERRORS: dict[str, tuple[type[BaseException], str]] = {
    "exit": (SystemExit, "3"),
    "interrupt": (RecordedError, "KeyboardInterrupt: stop"),
    "group": (ExceptionGroup, "both (2 sub-exceptions)"),
    "interrupt_main": (RecordedError, "KeyboardInterrupt"),
    "signal": (RecordedError, "KeyboardInterrupt"),
    "generator": (GeneratorExit, ""),
    "asyncio": (asyncio.CancelledError, ""),
    "in the loop": (SystemExit, "4"),
    "interrupt in the loop": (RecordedError, "KeyboardInterrupt"),
    "result": (NotPicklableError, "result of step 'leave'"),
    "terminate": (WorkerCrashedError, "the worker process of step 'leave' was killed by SIGTERM"),
    "close everything": (WorkerCrashedError, "the worker process of step 'leave' was killed"),
}


@step
async def wait_for_end(_: Any, ctx: StepContext[Any]) -> str:
    """Run until it is told to end."""
    await ctx.wait_for("end")
    return "not touched"


async def test_exits_are_errors_of_their_steps_alone() -> None:
    async with open_workers() as engine:
        other = engine.submit(Workflow[Any, Any]("other").then(wait_for_end))
        for how, (cls, text) in ERRORS.items():
            result = await start(engine, exits.leave, how)
            assert (result.status, type(result.error)) == ("failed", cls), how
            assert str(result.error).startswith(text)
            assert (await start(engine, values.plain, 1)).unwrap() == 2
        other.send_event("end")
        assert (await other.wait()).unwrap() == "not touched"


async def test_other_members_of_a_group_stay_as_they_are() -> None:
    async with open_workers() as engine:
        error = (await start(engine, exits.leave, "group")).error

    assert isinstance(error, ExceptionGroup)
    interrupt, other = error.exceptions
    assert isinstance(interrupt, RecordedError)
    assert (interrupt.name, type(other)) == ("KeyboardInterrupt", ValueError)
    assert "in leave" in interrupt.traceback or interrupt.traceback.startswith("KeyboardInterrupt")


async def test_bodies_have_the_main_thread() -> None:
    async with open_workers() as engine:
        found = (await start(engine, exits.use_the_main_thread)).unwrap()

    assert found == [True, "asyncio", "trio", True]


async def test_an_idle_worker_ignores_interrupts() -> None:
    async with open_workers() as engine:
        pid = (await start(engine, values.where)).unwrap()
        await trio.run_process(["kill", "-INT", str(pid)])
        assert (await start(engine, values.where)).unwrap() == pid
