"""What each kind of node means, seen from outside: results and events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock

from tests.flows import add_one, brief, double, fails, gives, record, sleeps
from trioflow import (
    NonRetryableError,
    Retry,
    RunContext,
    StepContext,
    Workflow,
    constant,
    events,
    from_context,
    from_input,
    from_step,
    step,
)
from trioflow.errors import EventTimeoutError, InvalidValueError, MappingError


async def test_then_passes_outputs_on() -> None:
    workflow = Workflow("w", input=int).then(add_one).then(double)

    assert await workflow.run(1) == 4


async def test_a_workflow_without_nodes_gives_its_input() -> None:
    assert await Workflow("w", input=int).run(3) == 3


async def test_events_of_a_chain_come_in_order() -> None:
    recorded = await record(Workflow("w", input=int).then(add_one).then(double), 1)

    assert brief(recorded) == [
        "start",
        *(f"{type} {id}" for id in ("add_one", "double") for type in CALL),
        "finish",
    ]
    assert [event.seq for event in recorded] == list(range(8))


CALL = ("step-start", "step-result", "step-finish")


async def test_parallel_gives_each_arm_the_input_and_maps_ids_to_outputs(
    autojump_clock: MockClock,
) -> None:
    workflow = Workflow("w", input=int).parallel(sleeps(2, "slow"), sleeps(1, "quick"), add_one)

    assert await workflow.run(1) == {"slow": "slow", "quick": "quick", "add_one": 2}
    assert trio.current_time() == 2


async def test_a_failing_arm_cancels_its_siblings(autojump_clock: MockClock) -> None:
    error = ValueError("no")
    workflow = Workflow("w").parallel(fails(error, after=1), sleeps(60))

    result = await workflow.create_run().start(0)

    assert trio.current_time() == 1
    assert result.status == "failed"
    assert result.error is error
    assert result.steps["sleeps"].status == "canceled"
    assert result.steps["fails"].error is error


async def test_arms_start_together_whatever_took_long_before(autojump_clock: MockClock) -> None:
    arms = (sleeps(1, "a"), fails(ValueError()), sleeps(1, "b"))
    workflow = Workflow("w").sleep(1).parallel(*arms)

    for _ in range(30):  # Trio runs tasks in any order
        recorded = await record(workflow, 0)
        assert sum(isinstance(event, events.StepStart) for event in recorded) == 3


async def test_siblings_of_a_failing_arm_end_first_if_asked_to(autojump_clock: MockClock) -> None:
    workflow = Workflow("w").parallel(fails(ValueError(), after=1), sleeps(60), on_error="finish")

    result = await workflow.create_run().start(0)

    assert trio.current_time() == 60
    assert result.status == "failed"
    assert result.steps["sleeps"].output == "sleeps"


async def test_all_errors_of_arms_are_kept(autojump_clock: MockClock) -> None:
    @step
    async def fails_in_clean_up(value: Any) -> None:
        try:
            await trio.sleep(60)
        finally:
            raise KeyError("clean-up")

    workflow = Workflow("w").parallel(fails(ValueError("first"), after=1), fails_in_clean_up)

    result = await workflow.create_run().start(0)

    assert isinstance(result.error, ExceptionGroup)
    assert [type(e) for e in result.error.exceptions] == [ValueError, KeyError]
    with pytest.RaisesGroup(ValueError, KeyError):
        result.unwrap()


async def test_branch_runs_every_arm_whose_condition_holds() -> None:
    async def asks_the_context(data: int, ctx: RunContext) -> bool:
        await trio.lowlevel.checkpoint()
        return bool(ctx.runtime_context["wanted"] == "b")

    workflow = Workflow("w", input=int).branch(
        (lambda data: data > 0, gives("A", "a")),
        (asks_the_context, gives("B", "b")),
        (lambda data: False, gives("C", "c")),
    )

    result = await workflow.create_run().start(1, runtime_context={"wanted": "b"})

    assert result.unwrap() == {"a": "A", "b": "B"}
    assert "c" not in result.steps


async def test_branch_without_a_match_gives_an_empty_object() -> None:
    assert await Workflow("w").branch((lambda data: False, add_one)).run(1) == {}


async def test_a_raising_condition_fails_the_run() -> None:
    def broken(data: int) -> bool:
        raise ZeroDivisionError("condition")

    result = await Workflow("w").branch((broken, add_one)).create_run().start(1)

    assert result.status == "failed"
    assert isinstance(result.error, ZeroDivisionError)
    assert result.steps == {}


async def test_dowhile_loops_while_the_condition_holds() -> None:
    recorded = await record(Workflow("w").dowhile(add_one, lambda data: data < 3), 0)

    starts = [event for event in recorded if isinstance(event, events.StepStart)]
    assert [(s.input, s.iteration, s.address) for s in starts] == [
        (0, 1, "0#1"),
        (1, 2, "0#2"),
        (2, 3, "0#3"),
    ]


async def test_dountil_sees_the_iteration() -> None:
    workflow = Workflow("w").dountil(double, lambda data, ctx: ctx.iteration == 4)

    assert await workflow.run(1) == 16


async def test_a_raising_loop_condition_fails_the_run() -> None:
    def broken(data: int) -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Workflow("w").dountil(double, broken).run(1)


async def test_foreach_keeps_the_order_of_items(autojump_clock: MockClock) -> None:
    @step
    async def late(value: int) -> int:
        await trio.sleep(10 - value)
        return value * 10

    workflow = Workflow("w", input=list[int]).foreach(late, concurrency=3)

    assert await workflow.run([1, 2, 3]) == [10, 20, 30]
    assert trio.current_time() == 9


async def test_foreach_never_runs_more_items_than_allowed(autojump_clock: MockClock) -> None:
    running = most = 0

    @step
    async def counted(value: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep(value)
        running -= 1

    await Workflow("w").foreach(counted, concurrency=3).run([3, 1, 2, 3, 1, 2, 1])

    assert most == 3


async def test_foreach_reports_progress() -> None:
    recorded = await record(Workflow("w").foreach(double), [1, 2])

    assert brief(recorded) == [
        "start",
        "step-start double",
        "step-progress double",
        "step-progress double",
        "step-result double",
        "step-finish double",
        "finish",
    ]
    progress = [e for e in recorded if isinstance(e, events.StepProgress)]
    assert [(p.index, p.done, p.total, p.output) for p in progress] == [(0, 1, 2, 2), (1, 2, 2, 4)]


async def test_foreach_of_nothing_gives_an_empty_list() -> None:
    assert await Workflow("w").foreach(double).run([]) == []


@pytest.mark.parametrize("not_a_list", [3, "abc", None, {"a": 1}])
async def test_foreach_refuses_what_is_not_a_list(not_a_list: object) -> None:
    with pytest.raises(InvalidValueError, match="input of foreach 'double' is invalid"):
        await Workflow("w").foreach(double).run(not_a_list)


async def test_a_failing_item_cancels_the_others_and_no_more_start(
    autojump_clock: MockClock,
) -> None:
    started: list[int] = []

    @step
    async def third_fails(value: int) -> None:
        started.append(value)
        await trio.sleep(value)
        if value == 3:
            raise ValueError(value)

    workflow = Workflow("w").foreach(third_fails, concurrency=2)

    result = await workflow.create_run().start([10, 3, 20, 30])

    assert trio.current_time() == 3
    assert started == [10, 3]
    assert isinstance(result.error, ValueError)


async def test_items_that_are_workflows_show_their_steps(autojump_clock: MockClock) -> None:
    inner = Workflow("inner", input=int).then(double).then(add_one)

    recorded = await record(Workflow("w").foreach(inner, concurrency=2), [1, 2])

    addresses = [e.address for e in recorded if isinstance(e, events.StepStart)]
    assert sorted(addresses) == ["0", "0[0]/0", "0[0]/1", "0[1]/0", "0[1]/1"]
    finish = recorded[-1]
    assert isinstance(finish, events.Finish)
    assert finish.result == [3, 5]


async def test_map_computes_a_value() -> None:
    async def with_context(data: int, ctx: RunContext) -> list[int]:
        return [data, ctx.init_data]

    assert await Workflow("w").then(add_one).map(with_context).run(1) == [2, 1]


@frozen
class Place:
    city: str


async def test_map_builds_an_object_from_every_kind_of_source() -> None:
    workflow = (
        Workflow("w", input=Place)
        .then(gives({"a": {"b": [7, 8]}}, "deep"))
        .branch((lambda data: False, gives(1, "never")))
        .map(
            {
                "step": from_step("deep", "a.b.1"),
                "first": from_step(["never", "deep"], "a.b.0"),
                "input": from_input("city"),
                "whole": from_input(),
                "context": from_context("tenant"),
                "value": constant([1]),
                "function": len,
                "template": "${input.city} ${steps.deep.a.b} ${context.tenant} ${data}",
            }
        )
    )

    result = await workflow.create_run().start(Place("Oslo"), runtime_context={"tenant": "t"})

    assert result.unwrap() == {
        "step": 8,
        "first": 7,
        "input": "Oslo",
        "whole": Place("Oslo"),
        "context": "t",
        "value": [1],
        "function": 0,
        "template": "Oslo [7,8] t {}",
    }


async def test_a_mapping_that_leads_nowhere_fails_like_a_step() -> None:
    workflow = (
        Workflow("w")
        .branch((lambda data: False, add_one))
        .map({"x": from_step(add_one, "v")}, id="m")
    )

    result = await workflow.create_run().start(1)

    assert isinstance(result.error, MappingError)
    assert result.error.path == "v"
    assert result.steps["m"].status == "failed"


async def test_a_week_of_sleep_takes_no_time(autojump_clock: MockClock) -> None:
    week = 7 * 24 * 3600

    recorded = await record(Workflow("w").sleep(week).then(add_one), 1)

    assert trio.current_time() == week
    assert brief(recorded)[1:4] == [f"{t} sleep_w_0" for t in ("step-waiting", *CALL[1:])]
    assert recorded[2].at - recorded[1].at == pytest.approx(week)


async def test_sleep_takes_a_function(autojump_clock: MockClock) -> None:
    assert await Workflow("w").sleep(lambda data: data * 2).run(3) == 3
    assert trio.current_time() == 6


async def test_a_sleep_of_less_than_nothing_is_none(autojump_clock: MockClock) -> None:
    assert await Workflow("w").sleep(lambda data: -5).run(3) == 3
    assert trio.current_time() == 0


@pytest.mark.parametrize("wrong", ["5", None, float("nan"), True])
async def test_a_duration_that_is_no_number_fails_the_sleep(wrong: Any) -> None:
    recorded = await record(Workflow("w").sleep(lambda data: wrong, id="s"), 1)

    assert brief(recorded) == [
        "start",
        "step-waiting s",
        "step-result s",
        "step-finish s",
        "finish",
    ]
    finish = recorded[-1]
    assert isinstance(finish, events.Finish)
    assert isinstance(finish.error, InvalidValueError)


async def test_sleep_until_a_moment(autojump_clock: MockClock) -> None:
    def in_an_hour(data: object) -> datetime:
        return datetime.now(UTC) + timedelta(hours=1)

    await Workflow("w").sleep_until(in_an_hour).run(1)

    assert trio.current_time() == pytest.approx(3600, abs=5)


async def test_sleep_until_the_past_is_over_at_once(autojump_clock: MockClock) -> None:
    await Workflow("w").sleep_until(datetime(2000, 1, 1, tzinfo=UTC)).run(1)

    assert trio.current_time() == 0


@pytest.mark.parametrize("wrong", [5, datetime(2000, 1, 1)])  # noqa: DTZ001 - the point
async def test_a_moment_without_time_zone_fails_the_sleep(wrong: Any) -> None:
    with pytest.raises(InvalidValueError, match="moment of sleep"):
        await Workflow("w").sleep_until(lambda data: wrong).run(1)


@step
async def takes_event(value: Any, ctx: StepContext) -> tuple[Any, Any]:
    return value, ctx.resume_data


async def test_wait_for_event_runs_the_step_with_the_data() -> None:
    run = Workflow("w").wait_for_event("go", takes_event).create_run()

    seen = []
    async with run.stream(1) as stream:
        async for event in stream:
            seen.append(event)
            if isinstance(event, events.StepWaiting):
                run.send_event("go", "data")

    assert brief(seen)[1:-1] == [
        "step-waiting takes_event",
        "event-received",
        "event-taken takes_event",
        *(f"{t} takes_event" for t in CALL),
    ]
    assert (await run.wait()).unwrap() == (1, "data")


async def test_an_event_that_comes_before_the_wait_is_kept() -> None:
    run = Workflow("w").wait_for_event("go", takes_event).create_run()
    run.send_event("go", 5)

    assert (await run.start(1)).unwrap() == (1, 5)


async def test_events_reach_nested_workflows_and_each_wait_takes_one() -> None:
    inner = Workflow("inner").wait_for_event("go", takes_event)
    workflow = Workflow("w").then(inner).map(lambda data: data[1]).wait_for_event("go", takes_event)
    run = workflow.create_run()
    run.send_event("go", "first")
    run.send_event("go", "second")

    assert (await run.start(1)).unwrap() == ("first", "second")


async def test_a_wait_ends_with_its_timeout(autojump_clock: MockClock) -> None:
    run = Workflow("w").wait_for_event("go", takes_event, timeout=5).create_run()
    run.send_event("other")

    result = await run.start(1)

    assert trio.current_time() == 5
    assert isinstance(result.error, EventTimeoutError)
    assert result.steps["takes_event"].status == "failed"


async def test_event_data_is_structured_into_the_resume_type() -> None:
    @step(resume=Place)
    async def takes_place(value: int, ctx: StepContext) -> Any:
        return ctx.resume_data

    workflow = Workflow("w").wait_for_event("go", takes_place)
    good, bad = workflow.create_run(), workflow.create_run()
    good.send_event("go", {"city": "Oslo"})
    bad.send_event("go", {"town": "Oslo"})

    assert (await good.start(1)).unwrap() == Place("Oslo")
    with pytest.raises(InvalidValueError, match="resume data of step 'takes_place'"):
        (await bad.start(1)).unwrap()


async def test_nested_workflows_have_no_start_and_finish_of_their_own() -> None:
    inner = Workflow("inner", input=int).then(double)

    recorded = await record(Workflow("w").then(inner).then(add_one), 1)

    assert brief(recorded) == [
        "start",
        "step-start inner",
        *(f"{t} inner.double" for t in CALL),
        "step-result inner",
        "step-finish inner",
        *(f"{t} add_one" for t in CALL),
        "finish",
    ]


async def test_the_error_of_a_nested_step_is_its_own_exception_at_every_level() -> None:
    error = ValueError("deep")
    inner = Workflow("a").then(Workflow("b").then(fails(error)))

    result = await Workflow("w").then(inner).create_run().start(1)

    assert result.error is error
    assert {id: record.error for id, record in result.steps.items()} == {
        "a": error,
        "a.b": error,
        "a.b.fails": error,
    }


async def test_a_step_may_be_used_twice_in_sequence() -> None:
    recorded = await record(Workflow("w").then(double).then(double), 1)

    addresses = [e.address for e in recorded if isinstance(e, events.StepStart)]
    assert addresses == ["0", "1"]


class TestRetries:
    async def test_attempts_back_off(self, autojump_clock: MockClock) -> None:
        attempts: list[tuple[int, float]] = []

        @step(retry=Retry(attempts=4, delay=1, backoff=2))
        async def flaky(value: int, ctx: StepContext) -> str:
            attempts.append((ctx.attempt, trio.current_time()))
            if ctx.attempt < 4:
                raise OSError
            return "ok"

        recorded = await record(Workflow("w").then(flaky), 1)

        assert attempts == [(1, 0), (2, 1), (3, 3), (4, 7)]
        assert brief(recorded)[1:-1] == [
            "step-start flaky",
            *["step-retry flaky"] * 3,
            "step-result flaky",
            "step-finish flaky",
        ]
        finish = recorded[-2]
        assert isinstance(finish, events.StepFinish)
        assert finish.attempts == 4
        assert finish.seconds == pytest.approx(7)

    async def test_only_the_named_exceptions_are_retried(self) -> None:
        calls = 0

        @step(retry=Retry(attempts=3, on=(OSError,)))
        async def broken(value: int) -> None:
            nonlocal calls
            calls += 1
            raise ValueError

        with pytest.raises(ValueError):
            await Workflow("w").then(broken).run(1)
        assert calls == 1

    async def test_steps_without_retries_of_their_own_take_the_workflows(self) -> None:
        calls: list[str] = []

        @step
        async def asks_nothing(value: int) -> int:
            calls.append("a")
            if len(calls) < 3:
                raise OSError
            return value

        @step(retry=Retry())
        async def wants_none(value: int) -> None:
            calls.append("b")
            raise OSError

        workflow = Workflow("w", retry=Retry(attempts=3)).then(asks_nothing).then(wants_none)
        with pytest.raises(OSError):
            await workflow.run(1)
        assert calls == ["a", "a", "a", "b"]

    async def test_a_nested_workflow_is_retried_as_a_whole(self) -> None:
        calls: list[int] = []

        @step
        async def flaky(value: int) -> int:
            calls.append(value)
            if len(calls) == 1:
                raise OSError
            return value

        inner = Workflow("inner").then(add_one).then(flaky)
        recorded = await record(Workflow("w", retry=Retry(attempts=2)).then(inner), 1)

        addresses = [e.address for e in recorded if isinstance(e, events.StepStart)]
        assert addresses == ["0", "0/0", "0/1", "0~2/0", "0~2/1"]
        assert calls == [2, 2]

    async def test_a_non_retryable_error_is_never_retried_however_deep(self) -> None:
        calls = 0

        @step
        async def hopeless(value: int) -> None:
            nonlocal calls
            calls += 1
            raise NonRetryableError("bad key")

        again = Retry(attempts=5)
        inner = Workflow("inner", retry=again).parallel(hopeless)
        with pytest.raises(NonRetryableError):
            await Workflow("w", retry=again).then(inner).run(1)
        assert calls == 1

    async def test_input_that_does_not_fit_is_not_retried(self) -> None:
        workflow = Workflow("w", retry=Retry(attempts=3)).then(gives("x")).then(add_one)

        recorded = await record(workflow, 1)

        assert "step-retry add_one" not in brief(recorded)
        finish = recorded[-2]
        assert isinstance(finish, events.StepFinish)
        assert finish.attempts == 0
