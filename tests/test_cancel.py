"""Stopping: cancel, time-outs, drain, and a caller's own cancel scopes."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.flows import add_one, brief, observed, record_run, sleeps
from trioflow import Retry, StepContext, Workflow, events, step
from trioflow.errors import RunFinishedError, RunStateError, StepTimeoutError


async def test_cancel_reaches_the_body_and_closes_everything(autojump_clock: MockClock) -> None:
    inner: Workflow[Any, Any] = Workflow("inner").then(sleeps(60))
    run = Workflow("w").then(inner).then(add_one).create_run()

    seen: list[events.Event] = []
    async with run.stream(1) as stream:
        async for event in stream:
            seen.append(event)
            if isinstance(event, events.StepStart) and event.id == "inner.sleeps":
                run.cancel("no longer needed")

    assert trio.current_time() == 0
    assert brief(seen)[3:] == [
        "step-result inner.sleeps",
        "step-finish inner.sleeps",
        "step-result inner",
        "step-finish inner",
        "canceled",
        "finish",
    ]
    result = await run.wait()
    assert (result.status, result.reason) == ("canceled", "no longer needed")
    assert {record.status for record in result.steps.values()} == {"canceled"}


async def test_cancel_is_idempotent_and_does_nothing_at_the_end() -> None:
    run = Workflow("w").then(add_one).create_run()
    await run.start(1)

    run.cancel()
    run.cancel("again")

    assert run.status == "success"


async def test_a_run_canceled_before_its_start_runs_nothing() -> None:
    run = Workflow("w").then(add_one).create_run()
    run.cancel("changed my mind")

    recorded = await record_run(run, 1)

    assert brief(recorded) == ["start", "canceled", "finish"]


async def test_a_cancel_that_was_accepted_is_never_followed_by_success() -> None:
    @step
    async def ends_anyway(value: int, ctx: StepContext) -> str:
        ctx.cancel_run()
        return "done"

    result = await Workflow("w").then(ends_anyway).create_run().start(1)

    assert result.status == "canceled"
    assert result.output is None
    assert result.steps["ends_anyway"].output == "done"


async def test_a_cancel_out_of_time_cancels_what_waits_and_nothing_that_is_over() -> None:
    contexts: list[StepContext] = []

    @step(resume=bool)
    async def asks(value: int, ctx: StepContext) -> int:
        contexts.append(ctx)
        if ctx.resume_data is None:
            ctx.suspend("go on?")
        return value

    run = Workflow("w").then(asks).create_run()
    await run.start(1)
    contexts[0].cancel_run("nobody answers")
    assert run.status == "canceled"
    assert run.record.reason == "nobody answers"

    run = Workflow("w").then(asks).create_run()
    await run.start(1)
    await run.resume(True)
    contexts[-1].cancel_run("too late")
    assert run.status == "success"
    assert not run._life.core.is_canceled


async def test_a_callers_time_out_leaves_a_run_that_is_properly_ended(
    autojump_clock: MockClock,
) -> None:
    run = Workflow("w").then(sleeps(60)).create_run()

    with trio.move_on_after(3) as scope:
        async with run.stream(1) as stream:
            await stream.get_workflow_state()

    assert scope.cancelled_caught
    assert trio.current_time() == 3
    assert run.status == "canceled"
    assert brief(await observed(run))[-2:] == ["canceled", "finish"]


async def test_a_time_out_around_start_and_run(autojump_clock: MockClock) -> None:
    workflow = Workflow("w").then(sleeps(60))
    run = workflow.create_run()

    with pytest.raises(trio.TooSlowError), trio.fail_after(1):
        await run.start(1)
    with trio.move_on_after(1) as scope:
        await workflow.run(1)

    assert run.status == "canceled"
    assert scope.cancelled_caught


async def test_errors_of_a_body_that_is_being_canceled_are_kept(autojump_clock: MockClock) -> None:
    @step
    async def trouble_in_a_nursery(value: int) -> None:
        async def trouble() -> None:
            try:
                await trio.sleep(60)
            finally:
                raise ValueError("clean-up")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(trouble)
            await trio.sleep(60)

    run = Workflow("w").then(trouble_in_a_nursery).create_run()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run.start, 1)
        await wait_all_tasks_blocked()
        run.cancel()

    record = run.record.steps["trouble_in_a_nursery"]
    assert run.status == "canceled"
    assert record.status == "failed"
    assert isinstance(record.error, ExceptionGroup)


class TestTimeouts:
    async def test_an_attempt_that_heeds_no_cancellation_fails_when_it_ends(
        self, autojump_clock: MockClock
    ) -> None:
        @step(timeout=2)
        async def deaf(value: int) -> int:
            with trio.CancelScope(shield=True):
                await trio.sleep(3)
            return value

        run = Workflow("w").then(deaf).create_run()

        with pytest.raises(StepTimeoutError):
            (await run.start(1)).unwrap()
        assert trio.current_time() == 3

    async def test_an_attempt_that_takes_too_long_fails(self, autojump_clock: MockClock) -> None:
        @step(timeout=2)
        async def slow(value: int) -> None:
            await trio.sleep(60)

        with pytest.raises(StepTimeoutError, match="longer than its timeout of 2 s") as caught:
            await Workflow("w").then(slow).run(1)

        assert trio.current_time() == 2
        assert isinstance(caught.value, TimeoutError)

    async def test_each_attempt_has_its_own_time(self, autojump_clock: MockClock) -> None:
        @step(timeout=2, retry=Retry(attempts=3, delay=1))
        async def slow(value: int, ctx: StepContext) -> int:
            await trio.sleep(60 if ctx.attempt < 3 else 1)
            return ctx.attempt

        assert await Workflow("w").then(slow).run(1) == 3
        assert trio.current_time() == 2 + 1 + 2 + 1 + 1

    async def test_a_body_may_end_in_time_by_itself(self, autojump_clock: MockClock) -> None:
        @step(timeout=5)
        async def handles_it(value: int) -> str:
            with trio.move_on_after(1):
                await trio.sleep(60)
            return "in time"

        assert await Workflow("w").then(handles_it).run(1) == "in time"


class TestDrain:
    async def test_running_steps_end_and_no_other_starts(self, autojump_clock: MockClock) -> None:
        workflow = Workflow("w").parallel(sleeps(5, "a"), sleeps(3, "b")).then(sleeps(1))
        run = workflow.create_run()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run.start, 1)
            await trio.sleep(1)
            result = await run.drain()

        assert trio.current_time() == 5
        assert (result.status, result.reason) == ("canceled", "drained")
        assert {id: record.status for id, record in result.steps.items()} == {
            "a": "success",
            "b": "success",
        }

    async def test_steps_get_no_more_than_the_grace(self, autojump_clock: MockClock) -> None:
        run = Workflow("w").then(sleeps(60)).create_run()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run.start, 1)
            await trio.sleep(1)
            result = await run.drain(grace=2)

        assert trio.current_time() == 3
        assert result.steps["sleeps"].status == "canceled"

    async def test_nested_steps_count_but_waits_do_not(self, autojump_clock: MockClock) -> None:
        inner = Workflow("inner").then(sleeps(4)).sleep(1000)
        workflow = Workflow("w").parallel(inner, Workflow("other").sleep(2000))
        run = workflow.create_run()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run.start, 1)
            await trio.sleep(1)
            await run.drain()

        assert trio.current_time() == 4

    async def test_a_run_that_is_over_keeps_its_result(self) -> None:
        run = Workflow("w").then(add_one).create_run()
        await run.start(1)

        assert (await run.drain()).unwrap() == 2

    @pytest.mark.parametrize("grace", [-1, float("nan")])
    async def test_a_grace_is_a_number_of_seconds(self, grace: float) -> None:
        with pytest.raises(ValueError, match="grace must be >= 0"):
            await Workflow("w").create_run().drain(grace)

    async def test_nothing_can_be_drained_before_the_start(self) -> None:
        with pytest.raises(RunStateError, match="has not started"):
            await Workflow("w").create_run().drain()


async def test_an_event_for_a_run_that_is_over_is_refused() -> None:
    run = Workflow("w").create_run()
    await run.start(1)

    with pytest.raises(RunFinishedError, match="cannot send event 'go': the run has ended"):
        run.send_event("go")


async def test_a_canceled_wait_leaves_its_event_to_others(autojump_clock: MockClock) -> None:
    @step
    async def waits(value: Any, ctx: StepContext) -> Any:
        with trio.move_on_after(1):
            return await ctx.wait_for("go")
        await trio.sleep(5)
        return await ctx.wait_for("go")

    run = Workflow("w").then(waits).create_run()

    async def send_late() -> None:
        await trio.sleep(3)
        run.send_event("go", "late")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send_late)
        assert (await run.start(1)).unwrap() == "late"


async def test_blocking_steps_run_in_threads_and_are_waited_for() -> None:
    import threading

    main = threading.get_ident()

    @step
    def blocking(value: int) -> bool:
        return threading.get_ident() != main

    assert await Workflow("w").then(blocking).run(1) is True
