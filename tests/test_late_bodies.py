"""A body that ends after its time-out has timed out, whatever it gives."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trioflow import Retry, RunResult, StepContext, Workflow, open_engine, step
from trioflow.errors import StepTimeoutError
from trioflow.runners import ThreadRunner

Flow = Workflow[Any, Any]


class Blocking:
    """A blocking step whose attempts end when they may."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.begun = threading.Event()
        self.may_end = threading.Event()

    def flow(self) -> Flow:
        @step(timeout=5, retry=Retry(attempts=2))
        def blocks(value: Any, ctx: StepContext) -> str:
            self.told.append(f"begins {ctx.attempt}")
            self.begun.set()
            if ctx.attempt == 1:
                self.may_end.wait(60)
            self.told.append(f"ends {ctx.attempt}")
            return f"attempt {ctx.attempt}"

        return Workflow("w").then(blocks)


async def test_the_next_attempt_begins_when_the_thread_has_ended(mock_clock: MockClock) -> None:
    body, results = Blocking(), list[RunResult[Any]]()
    run = body.flow().create_run()

    async def drive() -> None:
        results.append(await run.start())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(drive)
        await trio.to_thread.run_sync(body.begun.wait)
        mock_clock.jump(6)
        await wait_all_tasks_blocked()
        assert body.told == ["begins 1"]
        body.may_end.set()

    assert body.told == ["begins 1", "ends 1", "begins 2", "ends 2"]
    assert results[0].output == "attempt 2"


async def test_unless_the_runner_abandons_threads(mock_clock: MockClock) -> None:
    body = Blocking()
    runners = {"thread": ThreadRunner(abandon_on_cancel=True)}
    async with open_engine(plugins=[], runners=runners) as engine:
        run = engine.submit(body.flow())
        await trio.to_thread.run_sync(body.begun.wait)
        mock_clock.jump(6)
        assert (await run.wait()).output == "attempt 2"
        assert body.told == ["begins 1", "begins 2", "ends 2"]
        body.may_end.set()


async def _late(autojump_clock: MockClock, end: Any) -> RunResult[Any]:
    @step(timeout=5)
    async def stubborn(value: Any, ctx: StepContext) -> Any:
        with trio.CancelScope(shield=True):
            await trio.sleep(6)
        return await end(ctx)

    return await Workflow("w").then(stubborn).create_run().start()


async def test_what_it_returns_does_not_count(autojump_clock: MockClock) -> None:
    async def end(ctx: StepContext) -> str:
        return "late"

    assert isinstance((await _late(autojump_clock, end)).error, StepTimeoutError)


async def test_nor_that_it_bails_or_suspends(autojump_clock: MockClock) -> None:
    async def bail(ctx: StepContext) -> None:
        ctx.bail("late")

    async def suspend(ctx: StepContext) -> None:
        ctx.suspend("late")

    assert isinstance((await _late(autojump_clock, bail)).error, StepTimeoutError)
    assert isinstance((await _late(autojump_clock, suspend)).error, StepTimeoutError)


async def test_nor_what_it_gives_when_it_has_swallowed_its_cancellation(
    autojump_clock: MockClock,
) -> None:
    @step(timeout=5)
    async def swallows(value: Any) -> str:
        with contextlib.suppress(trio.Cancelled):
            await trio.sleep(60)
        return "swallowed"

    result = await Workflow("w").then(swallows).create_run().start()

    assert isinstance(result.error, StepTimeoutError)
