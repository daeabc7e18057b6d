"""What the spans of a run say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
import trio
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode
from trio.testing import MockClock

from trioflow import (
    Engine,
    Limit,
    Retry,
    StepContext,
    TracingOptions,
    Workflow,
    events,
    open_engine,
    step,
    tool,
)
from trioflow.testing import record

from .traces import Traces


@step
async def double(value: int) -> int:
    return 2 * value


@step
async def fail(value: int) -> int:
    raise ValueError("that was wrong")


@step
async def hang(value: int) -> int:
    await trio.sleep_forever()
    raise AssertionError


def attribute(span: ReadableSpan, name: str) -> Any:
    return (span.attributes or {})[name]


def names_of_events(span: ReadableSpan) -> list[str]:
    return [event.name for event in span.events]


async def run(engine: Engine, workflow: Workflow[Any, Any], value: Any = 1, **more: Any) -> Any:
    return await engine.create_run(workflow, run_id="r").start(value, **more)


class TestRun:
    async def test_it_says_what_runs_and_for_whom(self, traces: Traces) -> None:
        async with open_engine(plugins=[traces.plugin]) as engine:
            created = engine.create_run(Workflow("w").then(double), run_id="r", resource_id="ada")
            await created.start(1)

        span = traces.one("run w")
        assert span.kind is SpanKind.INTERNAL
        assert dict(span.attributes or {}) == {
            "trioflow.run.id": "r",
            "trioflow.workflow.id": "w",
            "trioflow.resource.id": "ada",
            "trioflow.run.status": "success",
        }
        assert span.instrumentation_scope is not None
        assert span.instrumentation_scope.name == "trioflow_otel"
        assert span.status.status_code is StatusCode.UNSET

    async def test_its_metadata_are_attributes(self, traces: Traces) -> None:
        metadata = {
            "tenant": "a",
            "beta": True,
            "tags": ["x", "y"],
            "deep": {"a": [1, None]},
            "large": 2**70,
            "nothing": None,
            "broken": "\udc80",
        }
        async with open_engine(plugins=[traces.plugin]) as engine:
            await run(
                engine,
                Workflow("w").then(double),
                tracing_options=TracingOptions(metadata),
            )

        found = traces.one("run w").attributes or {}
        prefix = "trioflow.metadata."
        assert {k.removeprefix(prefix): v for k, v in found.items() if k.startswith(prefix)} == {
            "tenant": "a",
            "beta": True,
            "tags": ("x", "y"),
            "deep": '{"a": [1, null]}',
            "large": str(2**70),
            "broken": "?",
        }
        assert "trioflow.metadata.tenant" not in (traces.one("step double").attributes or {})

    async def test_its_trace_is_the_one_of_the_run(self, traces: Traces) -> None:
        async with open_engine(plugins=[traces.plugin]) as engine:
            created = engine.create_run(Workflow("w").then(double))
            async with created.stream(1) as stream:
                at_once = stream.trace_id
                result = await stream.get_workflow_state()
                log = [event async for event in stream]

        root = traces.one("run w")
        assert root.parent is None
        assert at_once == result.trace_id == f"{root.context.trace_id:032x}"
        assert isinstance(log[0], events.Start)
        assert log[0].span_id == f"{root.context.span_id:016x}"

    async def test_two_runs_have_two_traces(self, traces: Traces) -> None:
        async with open_engine(plugins=[traces.plugin]) as engine:
            first, second = (engine.submit(Workflow("w").then(double), n) for n in range(2))
            await first.wait()
            await second.wait()

        assert first.trace_id != second.trace_id
        assert len({span.context.span_id for span in traces.spans}) == len(traces.spans)


class TestSteps:
    async def test_a_call_and_its_attempt_say_what_they_are(self, traces: Traces) -> None:
        async with open_engine(plugins=[traces.plugin]) as engine:
            await run(engine, Workflow("w").then(Workflow("inner").then(double)))

        call, attempt = traces.one("step inner.double"), traces.one("attempt inner.double")
        assert dict(call.attributes or {}) == {
            "trioflow.step.id": "inner.double",
            "trioflow.step.kind": "step",
            "trioflow.step.call.id": "r:0/0",
            "trioflow.step.status": "success",
            "trioflow.step.attempts": 1,
        }
        assert dict(attempt.attributes or {}) == {
            "trioflow.step.id": "inner.double",
            "trioflow.step.attempt": 1,
            "trioflow.step.status": "success",
            "code.function.name": f"{__name__}.double",
            "code.file.path": __file__,
            "code.line.number": double.fn.__code__.co_firstlineno,
        }
        outer = "run w > workflow inner > attempt inner"
        assert traces.path(attempt) == f"{outer} > step inner.double > attempt inner.double"

    async def test_neither_inputs_nor_outputs_are_told(self, traces: Traces) -> None:
        @step
        async def keep(value: str) -> str:
            return f"{value}, told"

        async with open_engine(plugins=[traces.plugin]) as engine:
            await run(engine, Workflow("w").then(keep), "the secret")

        assert not any("secret" in str(value) for span in traces.spans for value in values_of(span))

    async def test_iterations_items_and_plugins_are_told(self, traces: Traces) -> None:
        looped = Workflow[Any, Any]("w").dountil(double, lambda value: value > 2)
        workflow = looped.map(lambda value: [value, value]).foreach(double.clone("again"))
        async with open_engine(plugins=[traces.plugin]) as engine:
            await run(engine, workflow)

        rounds = [attribute(s, "trioflow.step.iteration") for s in traces.named("step double")]
        assert rounds == [1, 2]
        items = traces.named("item again")
        assert [attribute(span, "trioflow.item.index") for span in items] == [0, 1]
        assert traces.path(traces.named("attempt again")[1]).endswith(
            "run w > foreach again > item again > attempt again"
        )


def values_of(span: ReadableSpan) -> list[Any]:
    inside = [value for event in span.events for value in (event.attributes or {}).values()]
    return [*(span.attributes or {}).values(), *inside]


class TestFailures:
    async def test_each_span_on_the_way_is_an_error_and_the_first_tells_it(
        self, traces: Traces
    ) -> None:
        async with open_engine(plugins=[traces.plugin]) as engine:
            await run(engine, Workflow("w").then(Workflow("inner").then(fail)))

        assert len(traces.spans) == 5
        for span in traces.spans:
            assert span.status.status_code is StatusCode.ERROR
            text = ": that was wrong" if span.name == "attempt inner.fail" else ""  # only once
            assert span.status.description == f"ValueError{text}"
            assert attribute(span, "error.type") == "ValueError"
        told = [span.name for span in traces.spans if "exception" in names_of_events(span)]
        assert told == ["attempt inner.fail"]
        (exception,) = traces.one("attempt inner.fail").events
        found = dict(exception.attributes or {})
        assert found["exception.type"] == "ValueError"
        assert found["exception.message"] == "that was wrong"
        assert 'raise ValueError("that was wrong")' in str(found["exception.stacktrace"])

    async def test_what_fails_outside_of_a_body_is_told_where_it_shows(
        self, traces: Traces
    ) -> None:
        def broken(value: Any) -> bool:
            raise RuntimeError("condition")

        inner = Workflow[Any, Any]("inner").dountil(double, broken)
        async with open_engine(plugins=[traces.plugin]) as engine:
            await run(engine, Workflow("w").then(inner))

        told = [span.name for span in traces.spans if "exception" in names_of_events(span)]
        assert told == ["attempt inner"]

    async def test_an_input_that_does_not_fit_has_no_attempt(self, traces: Traces) -> None:
        async with open_engine(plugins=[traces.plugin]) as engine:
            await run(engine, Workflow("w").then(double), "no number")

        assert traces.named("attempt double") == []
        assert names_of_events(traces.one("step double")) == ["exception"]
        assert attribute(traces.one("run w"), "error.type") == "trioflow.errors.InvalidValueError"

    async def test_several_failures_are_told_once_each(self, traces: Traces) -> None:
        both = Workflow[Any, Any]("w").parallel(fail, fail.clone("too"), on_error="finish")
        async with open_engine(plugins=[traces.plugin]) as engine:
            await run(engine, both)

        told = {span.name for span in traces.spans if "exception" in names_of_events(span)}
        assert told == {"attempt fail", "attempt too"}
        assert attribute(traces.one("run w"), "error.type") == "ExceptionGroup"

    async def test_an_error_that_cannot_be_shown_does_no_harm(self, traces: Traces) -> None:
        class MuteError(Exception):
            def __str__(self) -> str:
                raise RuntimeError

        @step
        async def mute(value: int) -> int:
            raise MuteError

        @step
        async def odd(value: int) -> int:
            raise ValueError("\udc80")

        async with open_engine(plugins=[traces.plugin]) as engine:
            workflow = Workflow[Any, Any]("w").parallel(mute, odd, on_error="finish")
            await engine.create_run(workflow).start(1)

        assert "<MuteError: its str() failed>" in str(traces.one("attempt mute").status.description)
        assert traces.one("attempt odd").status.description == "ValueError: ?"
        for span in traces.spans:
            assert all(str(value).encode() for value in values_of(span))

    async def test_a_body_that_had_to_wait_says_when_it_began(
        self, traces: Traces, autojump_clock: MockClock
    ) -> None:
        @step(limit=Limit("gpu", 1))
        async def work(value: int) -> int:
            await trio.sleep(3)
            return value

        both: Workflow[int, Any] = Workflow("w", input=int)
        async with open_engine(plugins=[traces.plugin]) as engine:
            await run(engine, both.parallel(work.clone("a"), work.clone("b")))

        first, second = sorted(
            (traces.one("step a"), traces.one("step b")), key=lambda span: span.end_time or 0
        )
        assert names_of_events(first) == []
        [begun] = second.events
        assert begun.name == "trioflow.begun"
        assert begun.timestamp == first.end_time

    async def test_a_failing_attempt_is_told_and_the_call_is_well_after_a_retry(
        self, traces: Traces, autojump_clock: MockClock
    ) -> None:
        @step(retry=Retry(attempts=3, delay=2))
        async def fickle(value: int, ctx: StepContext) -> int:
            if ctx.attempt < 3:
                raise OSError(f"no {ctx.attempt}")
            await trio.sleep(1)
            return value

        async with open_engine(plugins=[traces.plugin]) as engine:
            log = await record(engine.create_run(Workflow("w").then(fickle)), 1)

        call = traces.one("step fickle")
        assert call.status.status_code is StatusCode.UNSET
        assert attribute(call, "trioflow.step.attempts") == 3
        retries = [event for event in log if isinstance(event, events.StepRetry)]
        assert [dict(event.attributes or {}) for event in call.events] == [
            {"trioflow.step.attempt": n, "trioflow.retry.delay": 2, "error.type": "OSError"}
            for n in (1, 2)
        ]
        assert [event.timestamp for event in call.events] == [round(e.at * 1e9) for e in retries]
        attempts = traces.named("attempt fickle")
        assert [span.status.description for span in attempts] == [
            "OSError: no 1",
            "OSError: no 2",
            None,
        ]
        begun = [span.start_time or 0 for span in attempts]
        assert [round((at - begun[0]) / 1e9) for at in begun] == [0, 2, 4]
        assert (attempts[2].end_time or 0) - begun[2] == pytest.approx(1e9, abs=1e3)


class TestCancellation:
    async def test_a_canceled_run_and_what_ran_say_so(
        self, traces: Traces, autojump_clock: MockClock
    ) -> None:
        async with open_engine(plugins=[traces.plugin]) as engine:
            created = engine.submit(Workflow("w").then(double).then(hang), 1)
            await trio.sleep(1)
            created.cancel("no longer wanted")
            await created.wait()

        root = traces.one("run w")
        assert attribute(root, "trioflow.run.status") == "canceled"
        (event,) = root.events
        assert event.name == "trioflow.canceled"
        assert dict(event.attributes or {}) == {"trioflow.cancel.reason": "no longer wanted"}
        assert names_of_events(traces.one("step hang")) == ["trioflow.canceled"]
        for span in (root, traces.one("step hang"), traces.one("attempt hang")):
            assert span.status.status_code is StatusCode.UNSET
        assert attribute(traces.one("attempt hang"), "trioflow.step.status") == "canceled"
        assert attribute(traces.one("step double"), "trioflow.step.status") == "success"

    async def test_siblings_of_a_failure_are_canceled(
        self, traces: Traces, autojump_clock: MockClock
    ) -> None:
        @step
        async def fail_late(value: int) -> int:
            await trio.sleep(1)
            raise ValueError

        async with open_engine(plugins=[traces.plugin]) as engine:
            await run(engine, Workflow("w").parallel(fail_late, hang))

        assert attribute(traces.one("step hang"), "trioflow.step.status") == "canceled"
        assert traces.one("step fail_late").status.status_code is StatusCode.ERROR

    async def test_a_time_out_is_a_failure(self, traces: Traces, autojump_clock: MockClock) -> None:
        @step(timeout=1)
        async def slow(value: int) -> int:
            await trio.sleep_forever()
            raise AssertionError

        async with open_engine(plugins=[traces.plugin]) as engine:
            await run(engine, Workflow("w").then(slow))

        span = traces.one("attempt slow")
        assert attribute(span, "error.type") == "trioflow.errors.StepTimeoutError"


class TestTools:
    async def test_a_call_says_what_it_is_by_the_conventions(self, traces: Traces) -> None:
        @tool
        async def add(a: int, b: int) -> int:
            return a + b

        @step
        async def use(value: int, ctx: StepContext) -> int:
            return await ctx.call_tool(add, a=value, b=1)

        async with open_engine(plugins=[traces.plugin]) as engine:
            await run(engine, Workflow("w").then(use))

        span = traces.one("execute_tool add")
        assert dict(span.attributes or {}) == {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "add",
            "gen_ai.tool.call.id": "r:0:t1",
            "trioflow.step.id": "use",
            "trioflow.tool.status": "success",
        }
        assert traces.path(span) == "run w > step use > attempt use > execute_tool add"

    async def test_pieces_are_counted_and_errors_told_once(self, traces: Traces) -> None:
        @tool
        async def count(ctx: StepContext) -> AsyncIterator[int]:
            yield 1
            yield 2
            raise OSError("no more")

        @step
        async def use(value: int, ctx: StepContext) -> Any:
            return await ctx.call_tool(count)

        async with open_engine(plugins=[traces.plugin]) as engine:
            await run(engine, Workflow("w").then(use))

        span = traces.one("execute_tool count")
        assert attribute(span, "trioflow.tool.pieces") == 2
        assert names_of_events(span) == ["trioflow.streaming", "exception"]
        told = [span.name for span in traces.spans if "exception" in names_of_events(span)]
        assert told == ["execute_tool count"]

    async def test_a_span_that_the_step_opens_around_a_call_is_the_parent(
        self, traces: Traces
    ) -> None:
        @tool
        async def add(a: int) -> int:
            return a

        @step
        async def use(value: int, ctx: StepContext) -> int:
            with traces.tracer.start_as_current_span("mine"):
                return await ctx.call_tool(add, a=value)

        async with open_engine(plugins=[traces.plugin]) as engine:
            await run(engine, Workflow("w").then(use))

        path = traces.path(traces.one("execute_tool add"))
        assert path == "run w > step use > attempt use > mine > execute_tool add"

    async def test_errors_that_the_step_catches_are_told_each(self, traces: Traces) -> None:
        @tool
        async def fail_always(number: int) -> None:
            raise OSError(str(number))

        @step
        async def use(value: int, ctx: StepContext) -> None:
            for number in range(3):
                with suppress(OSError):
                    await ctx.call_tool(fail_always, number=number)

        async with open_engine(plugins=[traces.plugin]) as engine:
            await run(engine, Workflow("w").then(use))

        tools = traces.named("execute_tool fail_always")
        assert [names_of_events(span) for span in tools] == [["exception"]] * 3
        assert traces.one("step use").status.status_code is StatusCode.UNSET

    async def test_one_that_is_given_up_is_canceled(self, traces: Traces) -> None:
        @tool
        async def count(ctx: StepContext) -> AsyncIterator[int]:
            yield 1
            yield 2

        @step
        async def use(value: int, ctx: StepContext) -> None:
            async with ctx.stream_tool(count) as pieces:
                async for _ in pieces:
                    raise ValueError

        async with open_engine(plugins=[traces.plugin]) as engine:
            await run(engine, Workflow("w").then(use))

        span = traces.one("execute_tool count")
        assert attribute(span, "trioflow.tool.status") == "canceled"
        assert names_of_events(span) == ["trioflow.streaming", "trioflow.canceled"]


class TestWaiting:
    async def test_a_sleep_is_a_span_that_says_until_when(
        self, traces: Traces, autojump_clock: MockClock
    ) -> None:
        async with open_engine(plugins=[traces.plugin]) as engine:
            log = await record(engine.create_run(Workflow("w").sleep(5)), 1)

        (span,) = (span for span in traces.spans if span.name.startswith("sleep "))
        waiting = next(event for event in log if isinstance(event, events.StepWaiting))
        (event,) = span.events
        assert dict(event.attributes or {}) == {"trioflow.wait.until": waiting.until}
        assert (span.end_time or 0) - (span.start_time or 0) == pytest.approx(5e9, abs=1e3)

    async def test_a_wait_is_one_span_with_the_step_that_follows(
        self, traces: Traces, autojump_clock: MockClock
    ) -> None:
        workflow = Workflow("w").wait_for_event("go", double)
        async with open_engine(plugins=[traces.plugin]) as engine:
            await record(engine.create_run(workflow), 1, answers={"go": 2})

        span = traces.one("step double")
        assert names_of_events(span) == [
            "trioflow.waiting",
            "trioflow.event_taken",
            "trioflow.started",
        ]
        assert attribute(span, "trioflow.step.kind") == "step"
        assert traces.named("wait double") == []

    async def test_a_step_may_wait_inside_of_its_body(self, traces: Traces) -> None:
        @step
        async def park(value: int, ctx: StepContext) -> Any:
            return await ctx.wait_for("go")

        async with open_engine(plugins=[traces.plugin]) as engine:
            await record(engine.create_run(Workflow("w").then(park)), 1, answers={"go": 2})

        span = traces.one("step park")
        assert names_of_events(span) == ["trioflow.waiting", "trioflow.event_taken"]
