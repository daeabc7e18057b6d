"""Which span is the current one, and for whom."""

from __future__ import annotations

import pickle
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from opentelemetry import baggage, context
from opentelemetry.propagate import inject
from opentelemetry.trace import get_current_span
from trio.testing import MockClock
from trioflow_otel import attached

from trioflow import StepContext, TracingContext, Workflow, events, open_engine, step, tool

from .traces import Traces

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
NOT_SAMPLED = f"00-{TRACE}-b7ad6b7169203331-00"


def is_current(span: Any) -> bool:
    return get_current_span() is span


@step
async def look(value: int, ctx: StepContext) -> bool:
    return is_current(ctx.tracing_context.current_span)


LOOK = Workflow("w", input=int).then(look)


def other_span(traces: Traces, name: str = "other") -> None:
    """Write a span as any instrumented library would."""
    with traces.tracer.start_as_current_span(name):
        pass


class TestInside:
    async def test_the_attempt_is_current_and_the_callers_context_is_untouched(
        self, traces: Traces
    ) -> None:
        @step
        async def work(value: int, ctx: StepContext) -> bool:
            other_span(traces)
            await trio.lowlevel.checkpoint()
            return is_current(ctx.tracing_context.current_span)

        async with open_engine(plugins=[traces.plugin]) as engine:
            with traces.tracer.start_as_current_span("mine") as mine:
                result = await engine.create_run(Workflow("w").then(work)).start(1)
                assert is_current(mine)

        assert result.unwrap() is True
        path = "mine > run w > step work > attempt work > other"
        assert traces.path(traces.one("other")) == path

    async def test_arms_and_items_at_the_same_time_each_have_their_own(
        self, traces: Traces, autojump_clock: MockClock
    ) -> None:
        @step
        async def work(value: int, ctx: StepContext) -> None:
            for _ in range(3):
                await trio.sleep(1)
                assert is_current(ctx.tracing_context.current_span)
            other_span(traces, f"item {value}")

        arms = Workflow[Any, Any]("w").parallel(look, look.clone("too"))
        workflow = arms.map(lambda _: [0, 1, 2]).foreach(work, concurrency=3)
        async with open_engine(plugins=[traces.plugin]) as engine:
            result = await engine.create_run(workflow).start(1)

        assert result.status == "success"
        for index in range(3):
            around = traces.parent(traces.parent(traces.one(f"item {index}")) or raise_())
            assert (around or raise_()).attributes["trioflow.item.index"] == index  # type: ignore[index]

    async def test_a_thread_has_it_too(self, traces: Traces) -> None:
        @step
        def blocking(value: int) -> None:
            other_span(traces)

        async with open_engine(plugins=[traces.plugin]) as engine:
            await engine.create_run(Workflow("w").then(blocking)).start(1)

        assert traces.path(traces.one("other")).endswith("attempt blocking > other")

    async def test_a_nursery_in_a_body_has_it_too(self, traces: Traces) -> None:
        @step
        async def crowd(value: int) -> None:
            async def child(number: int) -> None:
                await trio.lowlevel.checkpoint()
                other_span(traces, f"other {number}")

            async with trio.open_nursery() as nursery:
                nursery.start_soon(child, 1)
                nursery.start_soon(child, 2)

        async with open_engine(plugins=[traces.plugin]) as engine:
            await engine.create_run(Workflow("w").then(crowd)).start(1)

        for number in (1, 2):
            path = traces.path(traces.one(f"other {number}"))
            assert path == f"run w > step crowd > attempt crowd > other {number}"

    async def test_a_tool_is_current_while_it_runs(self, traces: Traces) -> None:
        @tool
        async def inner(ctx: StepContext) -> bool:
            other_span(traces, "in the tool")
            return is_current(ctx.tracing_context.current_span)

        @step
        async def use(value: int, ctx: StepContext) -> bool:
            before = ctx.tracing_context.current_span
            found = await ctx.call_tool(inner)
            other_span(traces, "behind the tool")
            return found and is_current(before)

        async with open_engine(plugins=[traces.plugin]) as engine:
            result = await engine.create_run(Workflow("w").then(use)).start(1)

        assert result.unwrap() is True
        assert traces.path(traces.one("in the tool")).endswith("execute_tool inner > in the tool")
        assert traces.path(traces.one("behind the tool")).endswith("attempt use > behind the tool")

    async def test_a_streaming_tool_does_not_leak_it_to_the_one_who_takes(
        self, traces: Traces
    ) -> None:
        @tool
        async def count() -> AsyncIterator[Any]:
            for _ in range(3):
                yield get_current_span()
                await trio.lowlevel.checkpoint()

        @step
        async def use(value: int, ctx: StepContext) -> list[str]:
            names: list[str] = []
            own = get_current_span()
            async with ctx.stream_tool(count) as pieces:
                async for span in pieces:
                    names.append(span.name)
                    assert is_current(own)
            assert is_current(own)
            return names

        async with open_engine(plugins=[traces.plugin]) as engine:
            result = await engine.create_run(Workflow("w").then(use)).start(1)

        assert result.unwrap() == ["execute_tool count"] * 3

    async def test_the_reader_of_a_stream_never_sees_it(self, traces: Traces) -> None:
        seen = []
        async with open_engine(plugins=[traces.plugin]) as engine:
            with traces.tracer.start_as_current_span("mine") as mine:
                async with engine.create_run(LOOK).stream(1, max_buffer_size=1) as stream:
                    async for event in stream:
                        seen.append((type(event), is_current(mine)))

        assert (events.StepStart, True) in seen
        assert all(is_mine for _, is_mine in seen)

    async def test_a_run_that_is_left_early_leaves_nothing_behind(self, traces: Traces) -> None:
        @step
        async def hang(value: int) -> None:
            await trio.sleep_forever()

        async with open_engine(plugins=[traces.plugin]) as engine:
            with traces.tracer.start_as_current_span("mine") as mine:
                async with engine.create_run(Workflow("w").then(hang)).stream(1) as stream:
                    async for event in stream:
                        if isinstance(event, events.StepStart):
                            break
                assert is_current(mine)

        assert traces.one("attempt hang").end_time == traces.one("step hang").end_time

    async def test_what_a_condition_sees_is_what_is_around_its_workflow(
        self, traces: Traces
    ) -> None:
        seen: list[Any] = []

        def enough(value: Any, ctx: Any) -> bool:
            seen.append(ctx.tracing_context.current_span)
            return is_current(seen[0])

        inner = Workflow[Any, Any]("inner").dountil(look, enough)
        async with open_engine(plugins=[traces.plugin]) as engine:
            await engine.create_run(Workflow("w").then(inner)).start(1)

        assert [span.name for span in seen] == ["attempt inner"]

    async def test_baggage_of_the_caller_stays(self, traces: Traces) -> None:
        @step
        async def carried(value: int) -> Any:
            return baggage.get_baggage("tenant")

        async with open_engine(plugins=[traces.plugin]) as engine:
            token = context.attach(baggage.set_baggage("tenant", "a"))
            run = engine.submit(Workflow("w").then(carried), 1)
            context.detach(token)
            result = await run.wait()

        assert result.unwrap() == "a"


def raise_() -> Any:
    raise AssertionError


class TestParents:
    async def test_the_span_that_the_caller_names_is_the_parent(self, traces: Traces) -> None:
        named = traces.tracer.start_span("named")
        async with open_engine(plugins=[traces.plugin]) as engine:
            with traces.tracer.start_as_current_span("current"):
                run = engine.create_run(LOOK)
                await run.start(1, tracing_context=TracingContext(named))
        named.end()

        assert traces.path(traces.one("run w")) == "named > run w"
        assert run.trace_id == f"{named.get_span_context().trace_id:032x}"

    async def test_the_context_of_a_span_will_do(self, traces: Traces) -> None:
        with traces.tracer.start_as_current_span("named") as named:
            context = named.get_span_context()
        async with open_engine(plugins=[traces.plugin]) as engine:
            await engine.create_run(LOOK).start(1, tracing_context=TracingContext(context))

        assert traces.path(traces.one("run w")) == "named > run w"

    async def test_else_it_is_the_one_that_is_current_where_the_run_was_started(
        self, traces: Traces
    ) -> None:
        async with open_engine(plugins=[traces.plugin]) as engine:
            with traces.tracer.start_as_current_span("current"):
                run = engine.submit(LOOK, 1)
            await run.wait()

        assert traces.path(traces.one("run w")) == "current > run w"

    async def test_a_span_of_another_tracer_is_none(self, traces: Traces) -> None:
        class Foreign:
            trace_id = "an id of its own"

        async with open_engine(plugins=[traces.plugin]) as engine:
            result = await engine.create_run(LOOK).start(
                1, tracing_context=TracingContext(Foreign())
            )

        assert traces.one("run w").parent is None
        assert result.trace_id == "an id of its own"

    async def test_a_trace_that_another_tracer_names_in_hexadecimal_digits_is_kept(
        self, traces: Traces
    ) -> None:
        class Foreign:
            trace_id = TRACE

        async with open_engine(plugins=[traces.plugin]) as engine:
            await engine.create_run(LOOK).start(1, tracing_context=TracingContext(Foreign()))

        assert traces.one("run w").parent is None
        assert traces.one("run w").context.trace_id == int(TRACE, 16)

    async def test_a_run_that_a_step_starts_is_inside_of_it(self, traces: Traces) -> None:
        async with open_engine(plugins=[traces.plugin]) as engine:

            @step
            async def starter(value: int, ctx: StepContext) -> Any:
                inner = engine.create_run(LOOK)
                result = await inner.start(value, tracing_context=ctx.tracing_context)
                return result.trace_id

            result = await engine.create_run(Workflow("outer").then(starter)).start(1)

        path = "run outer > step starter > attempt starter > run w"
        assert traces.path(traces.one("run w")) == path
        assert result.unwrap() == result.trace_id


class TestHeaders:
    async def test_a_remote_parent_comes_by_its_header(self, traces: Traces) -> None:
        headers = {"Traceparent": PARENT, "tracestate": "vendor=1"}
        async with open_engine(plugins=[traces.plugin]) as engine:
            result = await engine.create_run(LOOK).start(
                1, tracing_context=TracingContext.from_headers(headers)
            )

        root = traces.one("run w")
        assert root.parent is not None
        assert (root.parent.span_id, root.parent.is_remote) == (0xB7AD6B7169203331, True)
        assert dict(root.context.trace_state) == {"vendor": "1"}
        assert result.trace_id == TRACE == f"{root.context.trace_id:032x}"

    async def test_a_parent_that_is_not_sampled_has_no_spans_but_the_trace_id(
        self, traces: Traces
    ) -> None:
        headers = {"traceparent": NOT_SAMPLED}
        async with open_engine(plugins=[traces.plugin]) as engine:
            result = await engine.create_run(LOOK).start(
                1, tracing_context=TracingContext.from_headers(headers)
            )

        assert traces.spans == []
        assert (result.unwrap(), result.trace_id) == (True, TRACE)

    async def test_a_header_that_is_not_valid_begins_a_new_trace(self, traces: Traces) -> None:
        async with open_engine(plugins=[traces.plugin]) as engine:
            result = await engine.create_run(LOOK).start(
                1, tracing_context=TracingContext(traceparent="00-nonsense")
            )

        root = traces.one("run w")
        assert root.parent is None
        assert result.trace_id == f"{root.context.trace_id:032x}"

    async def test_what_goes_out_of_a_step_names_its_attempt(self, traces: Traces) -> None:
        @step
        async def call(value: int, ctx: StepContext) -> list[dict[str, str]]:
            injected: dict[str, str] = {}
            inject(injected)
            return [ctx.tracing_context.headers(), injected]

        async with open_engine(plugins=[traces.plugin]) as engine:
            result = await engine.create_run(Workflow("w").then(call)).start(1)

        ours, injected = result.unwrap()
        attempt = traces.one("attempt call").context
        flags = f"{attempt.trace_flags:02x}"
        assert ours["traceparent"] == f"00-{attempt.trace_id:032x}-{attempt.span_id:016x}-{flags}"
        assert injected["traceparent"] == ours["traceparent"]

    async def test_a_place_can_be_sent_to_another_process(self, traces: Traces) -> None:
        @step
        async def send(value: int, ctx: StepContext) -> bytes:
            return pickle.dumps(ctx.tracing_context)

        async with open_engine(plugins=[traces.plugin]) as engine:
            result = await engine.create_run(Workflow("w").then(send)).start(1)
        received = pickle.loads(result.unwrap())
        with attached(received) as span:
            assert is_current(span)
            other_span(traces)
        assert not is_current(span)

        assert received.trace_id == result.trace_id
        assert traces.path(traces.one("other")).endswith("attempt send > other")

    def test_a_place_that_is_none_has_no_parent(self, traces: Traces) -> None:
        with traces.tracer.start_as_current_span("mine"), attached(TracingContext()):
            other_span(traces)

        assert traces.one("other").parent is None


async def test_a_worker_process_writes_into_the_same_trace(traces: Traces) -> None:
    pytest.importorskip("trioflow_process")
    from .in_worker import spans_in_worker  # a module that workers can import

    workflow = Workflow("w").then(spans_in_worker)
    async with open_engine(plugins=[traces.plugin, "process"]) as engine:
        result = await engine.create_run(workflow).start(1)

    attempt = traces.one("attempt spans_in_worker").context
    assert result.unwrap() == [attempt.trace_id, attempt.span_id]
