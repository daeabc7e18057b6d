"""``on_error="collect"``: failures of items and arms are values, and the workflow continues."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.flows import add_one, fails, record, sleeps
from tests.suspending import Calls, cut
from trioflow import (
    Failed,
    Ok,
    Retry,
    StepContext,
    Workflow,
    events,
    from_step,
    open_engine,
    step,
    wire,
)
from trioflow.describe import json_schema
from trioflow.errors import StepTimeoutError
from trioflow.stores import MemoryStore
from trioflow.testing import check_events

NUMBERS: Workflow[Any, Any] = Workflow("w", input=list[int])


class OddError(Exception):
    """A number is odd."""


@step
async def halve(number: int) -> int:
    if number % 2:
        raise OddError(number)
    return number // 2


@step
async def keep(found: list[Ok[int] | Failed]) -> list[Ok[int] | Failed]:
    return found


@frozen
class Summary:
    good: list[int]
    bad: list[Failed]


@step
async def sum_up(found: list[Ok[int] | Failed]) -> Summary:
    good = [each.value for each in found if isinstance(each, Ok)]
    return Summary(good, [each for each in found if isinstance(each, Failed)])


def odd(number: int, place: str, attempts: int = 1) -> Failed:
    return Failed(OddError(number), attempts, place)


# ---------------------------------------------------------------- items
class TestForeach:
    async def test_each_item_is_a_value_or_its_failure_in_order(self) -> None:
        workflow = NUMBERS.foreach(halve, on_error="collect").then(sum_up)

        assert await workflow.run([4, 3, 2, 1]) == Summary([2, 1], [odd(3, "0[1]"), odd(1, "0[3]")])

    @pytest.mark.parametrize("concurrency", [1, 2, 10])
    async def test_all_items_run_whatever_fails(
        self, concurrency: int, autojump_clock: MockClock
    ) -> None:
        seen: list[int] = []

        @step
        async def body(number: int) -> int:
            await trio.sleep(number)
            seen.append(number)
            raise OddError(number)

        workflow = NUMBERS.foreach(body, concurrency=concurrency, on_error="collect")
        found = await workflow.run([3, 2, 1])

        assert sorted(seen) == [1, 2, 3]
        assert found == [odd(number, f"0[{n}]") for n, number in enumerate([3, 2, 1])]

    async def test_the_last_attempt_counts(self) -> None:
        body = step(id="body", retry=Retry(3))(halve.fn)

        assert await NUMBERS.foreach(body, on_error="collect").run([1, 2]) == [
            odd(1, "0[0]", 3),
            Ok(1),
        ]

    async def test_a_time_out_is_a_failure(self, autojump_clock: MockClock) -> None:
        @step(timeout=1)
        async def body(seconds: int) -> int:
            await trio.sleep(seconds)
            return seconds

        found = await NUMBERS.foreach(body, on_error="collect").run([5, 0])

        assert found == [Failed(StepTimeoutError("body", 1), 1, "0[0]"), Ok(0)]

    async def test_an_input_that_does_not_fit_is_a_failure_without_an_attempt(self) -> None:
        workflow = Workflow("w", input=list).foreach(halve, on_error="collect")
        failed, good = await workflow.run(["x", 2])

        assert isinstance(failed, Failed)
        assert (failed.attempts, failed.address) == (0, "0[0]")
        assert "input of step 'halve' is invalid" in str(failed.error)
        assert good == Ok(1)

    async def test_items_may_be_workflows_and_lists_of_lists(self) -> None:
        inner = Workflow("inner", input=list[int]).foreach(halve, on_error="collect")
        workflow = Workflow("w", input=list).foreach(inner, on_error="collect")

        found = await workflow.run([[2, 1], 5])

        assert found[0] == Ok([Ok(1), odd(1, "0[0]/0[1]")])
        assert isinstance(found[1], Failed)
        assert found[1].address == "0[1]"

    async def test_several_failures_in_one_item_are_a_group(
        self, autojump_clock: MockClock
    ) -> None:
        both = Workflow("both").parallel(
            fails(OddError(1), id="a"), fails(OddError(2), id="b"), on_error="finish"
        )
        (failed,) = await NUMBERS.foreach(both, on_error="collect").run([0])

        assert isinstance(failed, Failed)
        assert isinstance(failed.error, ExceptionGroup)

    async def test_a_bail_still_ends_the_workflow(self) -> None:
        @step
        async def body(number: int, ctx: StepContext) -> int:
            if number == 2:
                ctx.bail("enough")
            raise OddError(number)

        workflow = NUMBERS.foreach(body, on_error="collect").then(keep)
        output: Any = await workflow.run([1, 2, 3])

        assert output == "enough"

    async def test_events_tell_what_failed_with_attempts(self) -> None:
        body = step(id="body", retry=Retry(2))(halve.fn)
        workflow = NUMBERS.foreach(body, on_error="collect")
        recorded = await record(workflow, [1, 2])

        check_events(recorded, workflow)
        progress = [event for event in recorded if isinstance(event, events.StepProgress)]
        assert [(p.status, p.attempts) for p in progress] == [("failed", 2), ("success", 1)]
        assert [e.status for e in recorded if isinstance(e, events.StepResult)] == ["success"]

    async def test_canceling_the_run_is_no_failure_of_an_item(
        self, autojump_clock: MockClock
    ) -> None:
        run = NUMBERS.foreach(sleeps(60), on_error="collect", concurrency=2).create_run()
        with trio.move_on_after(1):
            await run.start([1, 2])

        assert run.status == "canceled"


# ---------------------------------------------------------------- arms
class TestArms:
    async def test_parallel_gives_a_value_or_failure_by_id(self, autojump_clock: MockClock) -> None:
        workflow = Workflow("w").parallel(
            fails(OddError(1)), sleeps(5), add_one, on_error="collect"
        )

        assert await workflow.run(1) == {
            "fails": odd(1, "0:fails"),
            "sleeps": Ok("sleeps"),
            "add_one": Ok(2),
        }
        assert trio.current_time() == 5

    async def test_branch_gives_those_that_ran(self) -> None:
        workflow = Workflow("w").branch(
            (lambda n: n > 0, halve), (lambda n: n > 9, add_one), on_error="collect"
        )

        assert await workflow.run(1) == {"halve": odd(1, "0:halve")}
        assert await workflow.run(0) == {}

    async def test_a_condition_that_raises_fails_the_workflow(self) -> None:
        def bad(number: int) -> bool:
            raise OddError(number)

        with pytest.raises(OddError):
            await Workflow("w").branch((bad, halve), on_error="collect").run(1)


# ---------------------------------------------------------------- durable runs
class TestDurable:
    @staticmethod
    def flow() -> Workflow[Any, Any]:
        body = step(id="body", retry=Retry(2))(halve.fn)
        return NUMBERS.foreach(body, on_error="collect").then(keep).then(sum_up)

    async def test_after_a_crash_at_any_point_the_result_is_equal(self) -> None:
        store, workflow = MemoryStore(), self.flow()
        async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
            whole = await engine.submit("w", [2, 1, 4, 3], run_id="r").wait()
        count = len(await store.read("r", limit=1000))

        for length in range(1, count):
            shorter = await cut(store, "r", length)
            async with open_engine(plugins=[], store=shorter, workflows=[workflow]) as engine:
                run = await engine.load_run("r")
                await engine.recover()
                again = await run.wait()
            assert again.output == whole.output, length

    async def test_suspended_items_are_waited_for(self) -> None:
        store, calls = MemoryStore(), Calls()
        asks = calls.asks("asks")

        @step
        async def body(number: int) -> int:
            raise OddError(number)

        item = Workflow("item", input=int).branch(
            (lambda n: n == 2, asks), (lambda n: n != 2, body)
        )
        workflow = NUMBERS.foreach(item, on_error="collect", concurrency=3)
        async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
            first = await engine.submit("w", [1, 2, 3], run_id="r").wait()
        async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
            run = await engine.load_run("r")
            result = await run.resume(7)

        assert first.status == "suspended"
        assert result.output == [
            odd(1, "0[0]"),
            Ok({"asks": "asks:7"}),
            odd(3, "0[2]"),
        ]

    async def test_they_may_be_in_the_state(self) -> None:
        @step
        async def remember(found: list[Any], ctx: StepContext[Any]) -> None:
            ctx.set_state(found=found)

        @frozen
        class State:
            found: list[Ok[int] | Failed] = []  # noqa: RUF008

        store = MemoryStore()
        workflow: Workflow[Any, Any] = Workflow("w", input=list[int], state=State)
        workflow = workflow.foreach(halve, on_error="collect").then(remember)
        async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
            await engine.submit("w", [1, 2], run_id="r").wait()
        async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
            result = await (await engine.load_run("r")).wait()

        assert result.state == State([odd(1, "0[0]"), Ok(1)])


# ---------------------------------------------------------------- values
async def test_a_mapping_reaches_into_them() -> None:
    workflow = NUMBERS.foreach(halve, on_error="collect").map(
        {"good": from_step("halve", "0.value"), "where": "${steps.halve.1.address}"}
    )

    assert await workflow.run([4, 1]) == {"good": 2, "where": "0[1]"}


def test_they_are_equal_if_they_say_the_same() -> None:
    assert odd(1, "0") == odd(1, "0")
    assert odd(1, "0") != odd(2, "0")
    assert odd(1, "0") != odd(1, "1")
    assert odd(1, "0") != Failed(ValueError(1), 1, "0")
    assert odd(1, "0") == Failed(wire.RecordedError("OddError", "1"), 1, "0")
    assert Ok(1) == Ok(1) != Ok(2)


async def test_they_have_json_and_a_schema_of_it() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    workflow = NUMBERS.foreach(halve, on_error="collect")
    result = await workflow.create_run().start([2, 1])
    plain = wire.result_to_wire(result)["result"]

    assert plain[0] == {"value": 1}
    assert plain[1]["error"]["name"] == "OddError"
    jsonschema.validate(plain, json_schema(list[Ok[int] | Failed]))
    json.dumps(plain)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 9), max_size=8), st.integers(1, 4))
def test_it_is_what_a_loop_with_try_gives(numbers: list[int], concurrency: int) -> None:
    workflow = NUMBERS.foreach(halve, on_error="collect", concurrency=concurrency)

    found = trio.run(workflow.run, numbers, clock=MockClock(autojump_threshold=0))

    assert found == [
        odd(number, f"0[{index}]") if number % 2 else Ok(number // 2)
        for index, number in enumerate(numbers)
    ]
