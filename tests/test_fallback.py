"""``@step(fallback=...)``: what gives the output when the last attempt has failed."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock

from tests.flows import add_one, observed, record
from tests.suspending import Calls
from trioflow import Retry, RunResult, Step, StepContext, Workflow, events, open_engine, step, wire
from trioflow.errors import DefinitionError, InvalidValueError, NotSerializableError
from trioflow.stores import MemoryStore
from trioflow.testing import check_events


@frozen
class Price:
    cents: int


async def broken(value: Any) -> Any:
    raise OSError("no line")


def falling_back(fallback: Any, body: Any = broken, **options: Any) -> Step[Any, Any]:
    return step(id="s", fallback=fallback, **options)(body)


async def result_of(body: Step[Any, Any], value: Any = 1, **options: Any) -> RunResult[Any]:
    return await Workflow("w").then(body).create_run().start(value, **options)


def plain(error: BaseException, ctx: StepContext) -> str:
    return f"{error} after {ctx.attempt}"


async def later(error: BaseException, ctx: StepContext) -> str:
    await trio.sleep(1)
    return plain(error, ctx)


def short(error: BaseException) -> str:
    return str(error)


class TestOutput:
    @pytest.mark.parametrize(
        ("fallback", "output"),
        [
            (plain, "no line after 3"),
            (later, "no line after 3"),
            (short, "no line"),
            (lambda: 0, 0),
            (lambda error, ctx: None, None),
        ],
    )
    async def test_it_is_called_after_the_last_attempt(
        self, fallback: Any, output: Any, autojump_clock: MockClock
    ) -> None:
        result = await result_of(falling_back(fallback, retry=Retry(3)))

        assert (result.status, result.output) == ("success", output)

    async def test_the_error_stays_in_the_record_and_the_event(self) -> None:
        workflow = Workflow("w").then(falling_back(plain, retry=Retry(2)))
        run = workflow.create_run()
        result = await run.start(1)
        found = [e for e in await observed(run) if isinstance(e, events.StepResult)]

        assert (found[0].status, found[0].output) == ("success", "no line after 2")
        assert isinstance(found[0].error, OSError)
        assert isinstance(result.steps["s"].error, OSError)
        assert result.error is None
        assert wire.to_wire(found[0])["payload"]["error"]["message"] == "no line"
        assert wire.result_to_wire(result)["steps"]["s"]["error"]["name"] == "OSError"

    async def test_the_next_node_gets_the_output(self) -> None:
        workflow = Workflow("w").then(falling_back(lambda: 1)).then(add_one)

        assert await workflow.run(0) == 2

    async def test_it_is_checked_like_the_output_of_the_body(self) -> None:
        good = await result_of(falling_back(lambda: {"cents": 3}, output=Price))
        bad = await result_of(falling_back(lambda: "3", output=int))

        assert good.output == Price(3)
        assert isinstance(bad.error, InvalidValueError)
        assert "output of step 's' is invalid" in str(bad.error)

    async def test_what_it_sets_in_the_state_counts_and_not_what_the_attempt_set(self) -> None:
        async def body(value: Any, ctx: StepContext) -> None:
            ctx.set_state(a=1)
            raise OSError

        def fallback(error: BaseException, ctx: StepContext) -> None:
            ctx.set_state(b=2)

        result = await result_of(falling_back(fallback, body))

        assert result.state == {"b": 2}

    async def test_an_item_may_fall_back(self) -> None:
        workflow: Workflow[Any, Any] = Workflow("w").foreach(falling_back(short))
        recorded = await record(workflow, [1])

        check_events(recorded, workflow)
        (progress,) = [event for event in recorded if isinstance(event, events.StepProgress)]
        assert (progress.status, progress.output) == ("success", "no line")
        assert isinstance(progress.error, OSError)


class TestWhen:
    async def test_not_if_the_body_ends_well_suspends_or_bails(self) -> None:
        def never(error: BaseException) -> None:
            raise AssertionError

        async def bails(value: Any, ctx: StepContext) -> None:
            ctx.bail("bailed")

        good = await result_of(falling_back(never, add_one.fn))
        bailed = await result_of(falling_back(never, bails))
        suspended = await result_of(falling_back(never, Calls().asks().fn))

        assert (good.output, bailed.output, suspended.status) == (2, "bailed", "suspended")

    async def test_not_if_the_run_is_canceled(self, autojump_clock: MockClock) -> None:
        called: list[BaseException] = []

        async def body(value: Any) -> None:
            await trio.sleep(60)

        run = Workflow("w").then(falling_back(called.append, body)).create_run()
        with trio.move_on_after(1):
            await run.start(1)

        assert (run.status, called) == ("canceled", [])

    async def test_after_a_time_out(self, autojump_clock: MockClock) -> None:
        async def body(value: Any) -> str:
            await trio.sleep(60)
            return "late"

        result = await result_of(falling_back(lambda: "in time", body, timeout=1))

        assert (result.output, trio.current_time()) == ("in time", 1)

    async def test_for_an_input_that_does_not_fit(self) -> None:
        result = await result_of(falling_back(lambda: 0, add_one.fn), "x")

        assert result.output == 0

    async def test_what_it_raises_fails_the_step(self) -> None:
        def fails(error: BaseException) -> None:
            raise KeyError("also")

        result = await result_of(falling_back(fails))

        assert isinstance(result.error, KeyError)
        assert isinstance(result.error.__context__, OSError)

    async def test_it_may_suspend_and_bail_itself(self) -> None:
        def suspends(error: BaseException, ctx: StepContext) -> Any:
            if ctx.resume_data is None:
                ctx.suspend("what now?")
            return ctx.resume_data

        run = Workflow("w").then(falling_back(suspends)).create_run()
        first = await run.start(1)

        assert first.status == "suspended"


class TestDurable:
    async def test_output_and_error_are_recorded(self) -> None:
        store, calls = MemoryStore(), Calls()

        def fallback() -> Price:
            calls.made["fallback"] += 1
            return Price(3)

        body = falling_back(fallback, output=Price)
        workflow = Workflow("w").then(body).then(Calls().asks())
        async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
            await engine.submit("w", 1, run_id="r").wait()
        async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
            run = await engine.load_run("r")
            result = await run.wait()

        record = result.steps["s"]
        assert (record.output, str(record.error)) == (Price(3), "no line")
        assert calls.made["fallback"] == 1

    async def test_one_whose_output_cannot_be_recorded_fails_the_step(self) -> None:
        workflow = Workflow("w").then(falling_back(lambda error: object()))
        async with open_engine(plugins=[], store="memory:", workflows=[workflow]) as engine:
            result = await engine.submit("w", 1).wait()

        assert isinstance(result.error, NotSerializableError)


class TestRefusals:
    @pytest.mark.parametrize("wrong", [3, "f", Price])
    def test_what_is_no_function(self, wrong: Any) -> None:
        with pytest.raises(DefinitionError, match=r"step 's': fallback is .*give it a function of"):
            falling_back(wrong)

    def test_one_that_takes_too_much(self) -> None:
        with pytest.raises(DefinitionError, match="needs 3 arguments"):
            falling_back(lambda a, b, c: 1)
