"""What a step can do through its context: state, tools, waiting, bail, limits, hooks."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock

from tests.flows import add_one, brief, double, fails, gives, record, sleeps
from trioflow import (
    Retry,
    RunContext,
    RunResult,
    StepContext,
    TracingContext,
    TracingOptions,
    Workflow,
    events,
    open_engine,
    step,
    tool,
)
from trioflow.errors import (
    DefinitionError,
    EventTimeoutError,
    InvalidValueError,
    NoResultError,
    StepClosedError,
    StepTimeoutError,
    UnknownNameError,
)


async def test_a_context_tells_where_it_is() -> None:
    seen: dict[str, Any] = {}

    @step
    async def looks(value: int, ctx: StepContext) -> int:
        seen.update(
            run_id=ctx.run_id,
            workflow_id=ctx.workflow_id,
            step_id=ctx.step_id,
            step_call_id=ctx.step_call_id,
            attempt=ctx.attempt,
            init_data=ctx.init_data,
            resume_data=ctx.resume_data,
            iteration=ctx.iteration,
        )
        return value

    inner = Workflow("inner").then(double).then(looks)
    run = Workflow("w").then(add_one).then(inner).create_run(run_id="r1")
    await run.start(1)

    assert seen == {
        "run_id": "r1",
        "workflow_id": "inner",
        "step_id": "inner.looks",
        "step_call_id": "r1:1/1",
        "attempt": 1,
        "init_data": 2,
        "resume_data": None,
        "iteration": None,
    }


async def test_the_runtime_context_is_shared_in_both_directions() -> None:
    @step
    async def changes(value: int, ctx: StepContext) -> Any:
        ctx.runtime_context["inner"] = 7
        return ctx.runtime_context["outer"]

    given = {"outer": 1}
    workflow = (
        Workflow("w")
        .then(Workflow("n").then(changes))
        .map(lambda data, ctx: (data, ctx.runtime_context["inner"]))
    )

    assert await workflow.run(0, runtime_context=given) == (1, 7)
    assert given == {"outer": 1}


class TestState:
    async def test_updates_are_merged_key_by_key_when_the_step_ends(self) -> None:
        seen: list[Any] = []

        @step
        async def sets(value: Any, ctx: StepContext) -> None:
            ctx.set_state({"a": 1}, b=2)
            ctx.set_state(b=3)
            seen.append(ctx.state)

        workflow = Workflow("w").then(sets).map(lambda data, ctx: ctx.state)

        assert await workflow.run(0, initial_state={"a": 0, "z": 9}) == {"a": 1, "b": 3, "z": 9}
        assert seen == [{"a": 0, "z": 9}]

    async def test_updates_of_failed_attempts_are_dropped(self) -> None:
        @step(retry=Retry(attempts=2))
        async def second_time_lucky(value: Any, ctx: StepContext) -> None:
            ctx.set_state({f"attempt{ctx.attempt}": True})
            if ctx.attempt == 1:
                raise OSError

        result = await Workflow("w").then(second_time_lucky).create_run().start()

        assert result.state == {"attempt2": True}

    async def test_updates_of_a_failed_step_are_dropped(self) -> None:
        @step
        async def fails_late(value: Any, ctx: StepContext) -> None:
            ctx.set_state(a=1)
            raise OSError

        result = await Workflow("w").then(fails_late).create_run().start(initial_state={"a": 0})

        assert result.state == {"a": 0}

    async def test_items_of_a_foreach_merge_as_well(self) -> None:
        @step
        async def notes(value: int, ctx: StepContext) -> None:
            ctx.set_state({f"k{value}": value})

        result = await Workflow("w").foreach(notes).create_run().start([1, 2])

        assert result.state == {"k1": 1, "k2": 2}

    async def test_a_typed_state_has_defaults_and_is_checked(self) -> None:
        @frozen
        class Counter:
            count: int = 0

        @step(state=Counter)
        async def counts(value: Any, ctx: StepContext[Counter]) -> int:
            ctx.set_state(count=ctx.state.count + 1)
            return ctx.state.count

        @step
        async def mistypes(value: Any, ctx: StepContext[Counter]) -> None:
            with pytest.raises(InvalidValueError) as caught:
                ctx.set_state(count="2", cuont=3)
            assert [fault.path for fault in caught.value.faults] == ["cuont", "count"]

        workflow = Workflow("w", state=Counter).then(counts).then(counts.clone("again"))
        result = await workflow.then(mistypes).create_run().start()

        assert result.state == Counter(2)
        with pytest.raises(InvalidValueError, match="initial state of workflow 'w'"):
            await workflow.run(initial_state={"count": "x"})

    async def test_a_state_without_defaults_must_be_given(self) -> None:
        @frozen
        class Account:
            owner: str

        workflow = Workflow("w", state=Account).map(lambda data, ctx: ctx.state.owner)

        with pytest.raises(InvalidValueError, match="owner: required key is missing"):
            await workflow.run()
        assert await workflow.run(initial_state={"owner": "me"}) == "me"


async def test_results_of_earlier_steps_can_be_read() -> None:
    @step
    async def reads(value: Any, ctx: StepContext) -> list[Any]:
        with pytest.raises(NoResultError, match="'later' has no output"):
            ctx.step_result("later")
        return [ctx.step_result(add_one), ctx.step_result("double"), ctx.step_result("later", 0)]

    workflow = Workflow("w").then(add_one).then(double).then(reads).then(gives(1, "later"))
    result = await workflow.create_run().start(1)

    assert result.steps["reads"].output == [2, 4, 0]


async def test_items_of_a_foreach_read_their_own_results(autojump_clock: MockClock) -> None:
    @step
    async def naps(value: int) -> int:
        await trio.sleep(value)
        return value

    @step
    async def reads(value: int, ctx: StepContext) -> int:
        await trio.sleep(5)
        return ctx.step_result(naps)

    inner = Workflow("inner").then(naps).then(reads)

    assert await Workflow("w").foreach(inner, concurrency=3).run([3, 1, 2]) == [3, 1, 2]


class TestBail:
    async def test_it_ends_the_workflow_with_success(self) -> None:
        @step
        async def bails(value: int, ctx: StepContext) -> int:
            try:
                ctx.bail("enough")
            except Exception:
                pytest.fail("a bail is no Exception")

        recorded = await record(Workflow("w", output=int).then(bails).then(add_one), 1)

        assert brief(recorded)[1:] == [
            *(f"{t} bails" for t in ("step-start", "step-result", "step-finish")),
            "finish",
        ]
        result, finish = recorded[2], recorded[-1]
        assert isinstance(result, events.StepResult)
        assert isinstance(finish, events.Finish)
        assert result.status == "bailed"
        assert (finish.status, finish.result) == ("success", "enough")

    async def test_it_ends_the_innermost_workflow_only(self) -> None:
        @step
        async def bails(value: int, ctx: StepContext) -> int:
            ctx.bail(10)

        inner = Workflow("inner").then(bails).then(double)
        assert await Workflow("w").then(inner).then(add_one).run(1) == 11

    async def test_it_cancels_the_siblings(self, autojump_clock: MockClock) -> None:
        @step
        async def bails(value: int, ctx: StepContext) -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep, 100)
                await trio.sleep(1)
                ctx.bail("from a nursery")

        workflow = Workflow("w").parallel(bails, sleeps(60)).then(sleeps(1, "z"))
        result: RunResult[Any] = await workflow.create_run().start(1)

        assert result.unwrap() == "from a nursery"
        assert trio.current_time() == 1
        assert result.steps["sleeps"].status == "canceled"

    async def test_a_failure_wins_over_it(self, autojump_clock: MockClock) -> None:
        @step
        async def bails(value: int, ctx: StepContext) -> None:
            ctx.bail(1)

        workflow = Workflow("w").parallel(bails, fails(OSError(), after=1), on_error="finish")
        assert (await workflow.create_run().start(1)).status == "failed"


@tool
async def greet(name: str, greeting: str = "Hello") -> str:
    return f"{greeting}, {name}"


@tool(combine="".join)
async def spell(word: str) -> AsyncIterator[str]:
    for letter in word:
        yield letter


class TestTools:
    async def test_a_step_calls_a_tool(self) -> None:
        @step
        async def calls(value: str, ctx: StepContext) -> str:
            return await ctx.call_tool(greet, name=value)

        recorded = await record(Workflow("w").then(calls), "Eve")

        assert brief(recorded)[2:4] == ["tool-call calls", "tool-result calls"]
        call, result = recorded[2], recorded[3]
        assert isinstance(call, events.ToolCall)
        assert isinstance(result, events.ToolResult)
        assert (call.name, call.args) == ("greet", {"name": "Eve"})
        assert result.output == "Hello, Eve"
        assert call.tool_call_id == result.tool_call_id

    async def test_a_streaming_tool_emits_its_pieces(self) -> None:
        @step
        async def calls(value: str, ctx: StepContext) -> str:
            return await ctx.call_tool(spell, word=value)

        recorded = await record(Workflow("w").then(calls), "ab")

        assert [event.type for event in recorded[2:7]] == [
            "tool-call",
            "tool-call-streaming-start",
            "tool-call-delta",
            "tool-call-delta",
            "tool-result",
        ]
        assert isinstance(recorded[-1], events.Finish)
        assert recorded[-1].result == "ab"

    async def test_a_tool_can_be_a_node(self) -> None:
        recorded = await record(Workflow("w").then(spell), "ab")

        assert [event.type for event in recorded][1:4] == [
            "step-start",
            "tool-call",
            "tool-call-streaming-start",
        ]
        assert isinstance(recorded[-1], events.Finish)
        assert recorded[-1].result == "ab"

    @pytest.mark.parametrize(
        ("given", "greeted"),
        [({"name": "Eve"}, "Hello, Eve"), ({"name": "Eve", "greeting": "Hi"}, "Hi, Eve")],
    )
    async def test_a_node_with_several_parameters_takes_the_values_keys(
        self, given: dict[str, str], greeted: str
    ) -> None:
        assert await Workflow("w").then(greet).run(given) == greeted

    @pytest.mark.parametrize(
        ("given", "problem"),
        [
            ({}, "name: argument is missing"),
            ({"name": 5}, "expected str, received int"),
            ({"name": "Eve", "nmae": "x"}, "nmae: unknown argument"),
            (5, "expected"),
        ],
    )
    async def test_arguments_are_checked(self, given: Any, problem: str) -> None:
        result = await Workflow("w").then(greet).create_run().start(given)

        assert result.status == "failed"
        assert problem in str(result.error)

    async def test_what_a_tool_raises_is_raised_in_the_step(self) -> None:
        error = ValueError("tool")

        @tool
        async def broken() -> None:
            raise error

        @step
        async def recovers(value: str, ctx: StepContext) -> str:
            try:
                await ctx.call_tool(broken)
            except ValueError as exc:
                assert exc is error
            return "recovered"

        recorded = await record(Workflow("w").then(recovers), "x")

        failed = recorded[3]
        assert isinstance(failed, events.ToolError)
        assert (failed.status, failed.error) == ("failed", error)
        assert isinstance(recorded[-1], events.Finish)
        assert recorded[-1].result == "recovered"

    async def test_a_canceled_tool_says_so(self, autojump_clock: MockClock) -> None:
        @tool(timeout=1)
        async def endless() -> AsyncIterator[int]:
            yield 1
            await trio.sleep_forever()

        @step
        async def calls(value: str, ctx: StepContext) -> None:
            with trio.move_on_after(0.5):
                await ctx.call_tool(endless)
            with pytest.raises(StepTimeoutError):
                await ctx.call_tool(endless)

        recorded = await record(Workflow("w").then(calls), "x")

        ends = [e for e in recorded if isinstance(e, events.ToolError)]
        assert [e.status for e in ends] == ["canceled", "failed"]
        assert trio.current_time() == 1.5

    async def test_pieces_can_be_taken_one_by_one(self) -> None:
        @step
        async def takes_two(value: str, ctx: StepContext) -> list[str]:
            async with ctx.stream_tool(spell, word=value) as pieces:
                return [await anext(pieces), await anext(pieces)]

        recorded = await record(Workflow("w").then(takes_two), "abc")

        assert [event.type for event in recorded[2:7]] == [
            "tool-call",
            "tool-call-streaming-start",
            "tool-call-delta",
            "tool-call-delta",
            "tool-result",
        ]

    async def test_a_streaming_tool_that_fails_raises_in_the_block(self) -> None:
        @tool
        async def breaks() -> AsyncIterator[int]:
            yield 1
            raise ValueError("midway")

        @step
        async def takes(value: str, ctx: StepContext) -> None:
            async with ctx.stream_tool(breaks) as pieces:
                async for _ in pieces:
                    pass

        recorded = await record(Workflow("w").then(takes), "x")
        assert [e.status for e in recorded if isinstance(e, events.ToolError)] == ["failed"]

    async def test_a_block_that_fails_gives_the_tool_up(self) -> None:
        @step
        async def takes(value: str, ctx: StepContext) -> None:
            async with ctx.stream_tool(spell, word=value):
                raise ValueError("mine")

        recorded = await record(Workflow("w").then(takes), "x")
        assert [e.status for e in recorded if isinstance(e, events.ToolError)] == ["canceled"]

    async def test_only_a_streaming_tool_can_be_streamed(self) -> None:
        @step
        async def takes(value: str, ctx: StepContext) -> None:
            async with ctx.stream_tool(greet, name=value):
                pass

        with pytest.raises(DefinitionError, match="does not yield pieces"):
            await Workflow("w").then(takes).run("x")

    async def test_tools_see_the_context_of_their_step(self) -> None:
        @tool
        async def asks(ctx: StepContext) -> str:
            await ctx.write("from the tool")
            return ctx.step_id

        @step
        async def calls(value: str, ctx: StepContext) -> Any:
            return await ctx.call_tool("asks")

        async with open_engine(plugins=[], tools=[asks]) as engine:
            run = engine.create_run(Workflow("w").then(calls).then(asks))
            result = await run.start("x")

        assert [record.output for record in result.steps.values()] == ["calls", "asks"]

    async def test_an_unknown_tool_is_named(self) -> None:
        @step
        async def calls(value: str, ctx: StepContext) -> Any:
            return await ctx.call_tool("greeet")

        async with open_engine(plugins=[], tools=[greet]) as engine:
            result = await engine.create_run(Workflow("w").then(calls)).start("x")

        assert isinstance(result.error, UnknownNameError)
        assert "did you mean 'greet'?" in str(result.error)


class TestWaitFor:
    async def test_a_step_parks_and_goes_on(self) -> None:
        runs = 0

        @step
        async def asks(value: int, ctx: StepContext) -> Any:
            nonlocal runs
            runs += 1
            return [await ctx.wait_for("go", int), await ctx.wait_for("go")]

        run = Workflow("w").then(asks).create_run()
        async with run.stream(1) as stream:
            async for event in stream:
                if isinstance(event, events.StepWaiting):
                    run.send_event("go", 5)
        assert (await run.wait()).unwrap() == [5, 5]
        assert runs == 1

    async def test_it_can_time_out_and_checks_the_data(self, autojump_clock: MockClock) -> None:
        @step
        async def asks(value: int, ctx: StepContext) -> None:
            with pytest.raises(
                EventTimeoutError, match="timed out after 3 s waiting for event 'go'"
            ):
                await ctx.wait_for("go", timeout=3)
            ctx.runtime_context["send"]("go", "text")
            with pytest.raises(InvalidValueError, match="event data of step 'asks'"):
                await ctx.wait_for("go", int)

        run = Workflow("w").then(asks).create_run()
        (await run.start(1, runtime_context={"send": run.send_event})).unwrap()
        assert trio.current_time() == 3


async def test_a_context_is_closed_with_its_step() -> None:
    kept: list[StepContext] = []

    @step
    async def keeps(value: int, ctx: StepContext) -> None:
        kept.append(ctx)

    await Workflow("w").then(keeps).run(1)

    with pytest.raises(StepClosedError, match="step 'keeps' has ended"):
        await kept[0].write("late")
    with pytest.raises(StepClosedError):
        kept[0].set_state(a=1)


class TestLimits:
    async def test_they_are_shared_over_runs_and_nesting(self, autojump_clock: MockClock) -> None:
        running = most = 0

        @step(limit="gpu")
        async def trains(value: int) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await trio.sleep(1)
            running -= 1

        workflow = Workflow("w").foreach(Workflow("n").then(trains), concurrency=5)
        async with open_engine(plugins=[], limits={"gpu": 2}) as engine:
            runs = [engine.submit(workflow, [1, 2, 3]) for _ in range(4)]
            for run in runs:
                (await run.wait()).unwrap()

        assert most == 2
        assert trio.current_time() == 6

    async def test_a_tool_shares_the_place_of_its_step(self) -> None:
        @tool(limit="gpu")
        async def infers(value: int) -> int:
            return value

        @step(limit="gpu")
        async def calls(value: int, ctx: StepContext) -> int:
            return await ctx.call_tool(infers, value=value)

        async with open_engine(plugins=[], limits={"gpu": 1}) as engine:
            result = await engine.create_run(Workflow("w").then(calls)).start(3)
        assert result.unwrap() == 3

    async def test_a_back_off_gives_the_place_to_others(self, autojump_clock: MockClock) -> None:
        ends: list[tuple[str, float]] = []

        @step(limit="gpu", retry=Retry(attempts=2, delay=10))
        async def flaky(value: int, ctx: StepContext) -> None:
            if ctx.attempt == 1:
                raise OSError
            ends.append(("flaky", trio.current_time()))

        @step(limit="gpu")
        async def steady(value: int) -> None:
            await trio.sleep(1)
            ends.append(("steady", trio.current_time()))

        async with open_engine(plugins=[], limits={"gpu": 1}) as engine:
            later = Workflow("later").sleep(1).then(steady)
            await engine.create_run(Workflow("w").parallel(flaky, later)).start(1)
        assert ends == [("steady", 2), ("flaky", 10)]


class TestHooks:
    async def test_they_see_the_start_and_the_end(self) -> None:
        log: list[Any] = []

        async def starts(ctx: RunContext) -> None:
            log.append(("start", ctx.init_data))

        def ends(result: RunResult[Any]) -> None:
            log.append(("finish", result.status, result.output))

        def never(result: RunResult[Any]) -> None:
            log.append("error")

        workflow = Workflow("w", on_start=starts, on_finish=ends, on_error=never).then(add_one)
        assert await workflow.run(1) == 2
        assert log == [("start", 1), ("finish", "success", 2)]

    async def test_a_failure_calls_both_in_order(self) -> None:
        log: list[Any] = []
        error = ValueError()
        inner = Workflow(
            "inner",
            on_finish=lambda result: log.append(("finish", result.error, list(result.steps))),
            on_error=lambda result: log.append(("error", result.error)),
        ).then(fails(error))

        await Workflow("w").then(inner).create_run().start(1)

        assert log == [("finish", error, ["fails"]), ("error", error)]

    async def test_a_start_that_raises_stops_the_run_before_any_step(self) -> None:
        log: list[Any] = []

        def refuses(ctx: RunContext) -> None:
            raise PermissionError("quota")

        workflow = Workflow("w", on_start=refuses, on_finish=log.append, on_error=log.append)
        recorded = await record(workflow.then(add_one), 1)

        assert brief(recorded) == ["start", "finish"]
        assert isinstance(recorded[-1], events.Finish)
        assert isinstance(recorded[-1].error, PermissionError)
        assert log == []

    async def test_what_an_end_hook_raises_is_logged_and_the_result_stays(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(result: RunResult[Any]) -> None:
            raise ZeroDivisionError

        with caplog.at_level(logging.ERROR, "trioflow"):
            assert await Workflow("w", on_finish=broken).then(add_one).run(1) == 2
        assert "a hook of workflow 'w' failed" in caplog.text
        assert "ZeroDivisionError" in caplog.text

    async def test_they_hear_of_a_cancellation(self, autojump_clock: MockClock) -> None:
        log: list[str] = []
        inner = Workflow("inner", on_finish=lambda r: log.append(f"inner {r.status}"))
        workflow = Workflow("w", on_finish=lambda r: log.append(f"{r.status}: {r.reason}"))
        run = workflow.then(inner.then(sleeps(60))).create_run()

        async with run.stream(1) as stream:
            async for event in stream:
                if event.type == "step-start":
                    run.cancel("why not")

        assert log == ["inner canceled", "canceled: why not"]


async def test_tracing_is_handed_on() -> None:
    class Span:
        trace_id = "abc"

    span = Span()
    seen: list[Any] = []

    @step
    async def looks(value: int, ctx: StepContext) -> None:
        seen.append(ctx.tracing_context.current_span)

    recorded = await record(
        Workflow("w").then(looks),
        1,
        tracing_context=TracingContext(current_span=span),
        tracing_options=TracingOptions(metadata={"user": "u"}),
    )

    start = recorded[0]
    assert isinstance(start, events.Start)
    assert (start.trace_id, start.metadata) == ("abc", {"user": "u"})
    assert seen == [span]


async def test_the_output_is_structured_into_the_workflows_type() -> None:
    @frozen
    class Report:
        add_one: int
        double: int

    workflow = Workflow("w", input=int, output=Report).parallel(add_one, double)
    assert await workflow.run(3) == Report(4, 6)

    wrong = Workflow("w", output=Report).then(add_one)
    with pytest.raises(InvalidValueError, match="output of workflow 'w' is invalid"):
        await wrong.run(3)


async def test_validation_can_be_switched_off() -> None:
    start: Workflow[Any, Any] = Workflow("w", input=int, output=int, validate=False)
    workflow: Workflow[Any, Any] = start.then(gives("x")).then(double)
    assert await workflow.run("not a number") == "xx"
