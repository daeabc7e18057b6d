"""Durations: seconds or a timedelta, wherever users give one."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.flows import add_one
from trioflow import Retry, StepContext, Workflow, events, open_engine, step, tool
from trioflow._durations import finite_seconds, in_seconds, need_seconds
from trioflow.errors import EventTimeoutError, StepTimeoutError

TWO = timedelta(seconds=2)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (2, 2),
        (2.5, 2.5),
        (TWO, 2.0),
        (-TWO, -2.0),
        (math.inf, math.inf),
        (math.nan, None),
        ("2", None),
        (True, None),
        (None, None),
    ],
)
def test_what_is_a_duration(given: Any, seconds: float | None) -> None:
    is_finite = seconds is not None and 0 <= seconds < math.inf

    assert in_seconds(given) == seconds
    assert finite_seconds(given) == (seconds if is_finite else None)
    if seconds is None:
        with pytest.raises(ValueError, match="wait must be seconds or a timedelta, not"):
            need_seconds("wait", given)
    else:
        assert need_seconds("wait", given) == seconds


def test_zero_may_be_refused() -> None:
    assert finite_seconds(0) == 0
    assert finite_seconds(0, above_zero=True) is None


def sleeping(**options: Any) -> Any:
    @step(id="s", **options)
    async def body(value: Any) -> None:
        await trio.sleep(60)

    return body


@tool(timeout=TWO)
async def slow() -> None:
    await trio.sleep(60)


@step
async def calls(value: Any, ctx: StepContext) -> None:
    await ctx.call_tool(slow)


@step
async def waits(value: Any, ctx: StepContext) -> None:
    await ctx.wait_for("go", timeout=TWO)


FLOW: Workflow[Any, Any] = Workflow("w")


@pytest.mark.parametrize(
    ("workflow", "error"),
    [
        (FLOW.then(sleeping(timeout=TWO)), StepTimeoutError),
        (FLOW.then(calls), StepTimeoutError),
        (FLOW.then(waits), EventTimeoutError),
        (FLOW.wait_for_event("go", add_one, timeout=TWO), EventTimeoutError),
        (FLOW.sleep(TWO), None),
        (FLOW.sleep(lambda data: TWO), None),
    ],
)
async def test_each_place_takes_a_timedelta(
    workflow: Workflow[Any, Any], error: type[Exception] | None, autojump_clock: MockClock
) -> None:
    result = await workflow.create_run().start(1)

    assert trio.current_time() == 2
    assert error is None if result.error is None else isinstance(result.error, error or ())


async def test_the_delay_before_an_attempt_is_recorded_in_seconds(
    autojump_clock: MockClock,
) -> None:
    retry = Retry(2, delay=TWO, jitter=0.5)
    run = FLOW.then(sleeping(timeout=1, retry=retry)).create_run()
    await run.start(1)
    async with run.observe() as stream:
        (failed,) = [e async for e in stream if isinstance(e, events.StepRetry)]

    assert 1 <= failed.delay <= 3
    assert trio.current_time() == pytest.approx(2 + failed.delay)


@pytest.mark.parametrize("option", ["claim_seconds", "store_patience"])
async def test_an_engine_takes_them(option: str) -> None:
    options: dict[str, Any] = {"plugins": [], "store": "memory:"}
    async with open_engine(**{**options, option: TWO}):
        pass
    with pytest.raises(ValueError, match=f"{option} must be seconds or a timedelta, not '2'"):
        async with open_engine(**{**options, option: "2"}):
            pass


class TestUsersFunctions:
    @pytest.mark.parametrize("option", ["when", "delay"])
    async def test_what_they_raise_fails_the_step(self, option: str) -> None:
        def wrong(*args: Any) -> Any:
            raise KeyError(option)

        @step(retry=Retry(3, **{option: wrong}))  # type: ignore[arg-type]
        async def body(value: Any) -> None:
            raise OSError("first")

        result = await FLOW.then(body).create_run().start(1)

        assert isinstance(result.error, KeyError)
        assert result.steps["body"].attempts == 1

    async def test_an_error_says_when_to_come_back(self, autojump_clock: MockClock) -> None:
        class BusyError(Exception):
            retry_after = 7

        @step(retry=Retry(2, delay=1))
        async def body(value: Any, ctx: StepContext) -> str:
            if ctx.attempt == 1:
                raise BusyError
            return "done"

        assert await FLOW.then(body).run(1) == "done"
        assert trio.current_time() == 7
