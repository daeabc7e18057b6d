"""Runs that wait and go on, here or in another process: a tree of spans for each part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio
import trio.testing
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, Tracer, TracerProvider
from trioflow_otel import OpenTelemetry

from trioflow import StepContext, TracingOptions, Workflow, events, open_engine, step
from trioflow.stores import MemoryStore

from .traces import Traces


@step
async def double(value: int) -> int:
    return 2 * value


@step
async def ask(value: int, ctx: StepContext) -> Any:
    if ctx.resume_data is None:
        ctx.suspend({"why": "nobody knows"}, label="question")
    return ctx.resume_data


ASK = Workflow("w", input=int).then(double).then(Workflow("inner").then(ask))


def linked(span: ReadableSpan) -> list[tuple[int, int]]:
    return [(link.context.trace_id, link.context.span_id) for link in span.links]


def ids(span: ReadableSpan) -> tuple[int, int]:
    return span.context.trace_id, span.context.span_id


def children(traces: Traces, root: ReadableSpan) -> Sequence[str]:
    """The names of all spans in the tree of *root*, below it."""
    return sorted(
        span.name
        for span in traces.spans
        if span is not root and traces.path(span).startswith(f"{root.name} > ")
        if root_of(traces, span) is root
    )


def root_of(traces: Traces, span: ReadableSpan) -> ReadableSpan:
    parent = traces.parent(span)
    return span if parent is None else root_of(traces, parent)


class TestSuspended:
    async def test_a_part_ends_suspended_with_all_that_waits(self, traces: Traces) -> None:
        async with open_engine(plugins=[traces.plugin]) as engine:
            await engine.create_run(ASK).start(1)

        for name in ("step inner.ask", "attempt inner.ask", "workflow inner", "attempt inner"):
            assert (traces.one(name).attributes or {})["trioflow.step.status"] == "suspended"
        (event,) = traces.one("step inner.ask").events
        assert event.name == "trioflow.suspended"
        assert dict(event.attributes or {}) == {"trioflow.suspend.label": "question"}
        root = traces.one("run w")
        assert (root.attributes or {})["trioflow.run.status"] == "suspended"
        assert [event.name for event in root.events] == ["trioflow.suspended"]
        assert not any("nobody knows" in str(span.to_json()) for span in traces.spans)

    async def test_the_next_part_is_in_the_trace_and_linked_in_another_engine(
        self, traces: Traces
    ) -> None:
        store = MemoryStore()
        async with open_engine(plugins=[traces.plugin], store=store, workflows=[ASK]) as engine:
            run = engine.create_run(ASK, run_id="r", resource_id="ada")
            await run.start(1, tracing_options=TracingOptions({"tenant": "a"}))
        async with open_engine(plugins=[traces.plugin], store=store, workflows=[ASK]) as engine:
            loaded = await engine.load_run("r")
            async with loaded.resume_stream(5) as stream:
                log = [event async for event in stream]

        first, second = traces.named("run w")
        assert stream.trace_id == f"{second.context.trace_id:032x}" == run.trace_id
        assert second.parent is None
        assert linked(second) == [ids(first)]
        assert dict(second.attributes or {}) == {
            "trioflow.run.id": "r",
            "trioflow.workflow.id": "w",
            "trioflow.resource.id": "ada",
            "trioflow.metadata.tenant": "a",
            "trioflow.run.status": "success",
        }
        assert children(traces, second) == [
            "attempt inner",
            "attempt inner.ask",
            "step inner.ask",
            "workflow inner",
        ]
        assert (second.start_time, second.end_time) == (
            round(log[0].at * 1e9),
            round(log[-1].at * 1e9),
        )
        again = traces.named("step inner.ask")[1].attributes or {}
        assert (again["trioflow.step.round"], again["trioflow.step.attempts"]) == (1, 1)

    async def test_each_part_is_linked_to_the_one_before(self, traces: Traces) -> None:
        workflow = Workflow[Any, Any]("w").then(ask).then(ask.clone("too"))
        async with open_engine(plugins=[traces.plugin]) as engine:
            run = engine.create_run(workflow)
            await run.start(1)
            await run.resume(2)
            result = await run.resume(3)

        assert result.status == "success"
        first, second, third = traces.named("run w")
        assert [linked(span) for span in (first, second, third)] == [
            [],
            [ids(first)],
            [ids(second)],
        ]
        assert {span.context.trace_id for span in traces.spans} == {int(run.trace_id, 16)}

    async def test_who_brings_the_answer_is_linked_and_no_parent(self, traces: Traces) -> None:
        async with open_engine(plugins=[traces.plugin]) as engine:
            run = engine.create_run(ASK)
            await run.start(1)
            with traces.tracer.start_as_current_span("request") as request:
                await run.resume(2)

        first, second = traces.named("run w")
        context = request.get_span_context()
        assert linked(second) == [ids(first), (context.trace_id, context.span_id)]
        assert second.parent is None

    async def test_a_stream_that_stays_open_has_a_tree_per_part_too(self, traces: Traces) -> None:
        async with open_engine(plugins=[traces.plugin]) as engine:
            run = engine.create_run(ASK)
            async with run.stream(1, close_on_suspend=False) as stream:
                async for event in stream:
                    if isinstance(event, events.Suspended):
                        await run.resume(2)

        first, second = traces.named("run w")
        assert linked(second) == [ids(first)]
        assert first.end_time is not None
        assert second.start_time is not None
        assert first.end_time <= second.start_time

    async def test_a_run_in_its_caller_s_trace_goes_on_in_it(self, traces: Traces) -> None:
        async with open_engine(plugins=[traces.plugin]) as engine:
            run = engine.create_run(ASK)
            with traces.tracer.start_as_current_span("request"):
                await run.start(1)
            await run.resume(2)

        first, second = traces.named("run w")
        assert traces.path(first) == "request > run w"
        assert second.parent is None
        assert second.context.trace_id == first.context.trace_id

    async def test_what_is_canceled_while_it_waits_ends_no_span_twice(self, traces: Traces) -> None:
        async with open_engine(plugins=[traces.plugin]) as engine:
            run = engine.create_run(ASK)
            await run.start(1)
            run.cancel("never mind")
            await run.wait()

        assert (traces.one("run w").attributes or {})["trioflow.run.status"] == "suspended"

    async def test_a_pause_is_one_as_well(self, traces: Traces) -> None:
        workflow = Workflow[Any, Any]("w").then(double).then(double.clone("again"))
        async with open_engine(plugins=[traces.plugin]) as engine:
            run = engine.create_run(workflow)
            await run.start(1, per_step=True)
            await run.resume()

        first, second = traces.named("run w")
        assert (first.attributes or {})["trioflow.run.status"] == "paused"
        assert linked(second) == [ids(first)]

    async def test_items_that_wait_are_opened_again(self, traces: Traces) -> None:
        workflow = Workflow[Any, Any]("w").foreach(ask, concurrency=2)
        async with open_engine(plugins=[traces.plugin]) as engine:
            run = engine.create_run(workflow)
            await run.start([1, 2])
            await run.resume(5, index=1)

        again = root_of_part(traces, 1)
        (item,) = (s for s in traces.named("item ask") if root_of(traces, s) is again)
        assert (item.attributes or {})["trioflow.item.index"] == 1


def root_of_part(traces: Traces, part: int) -> ReadableSpan:
    return traces.named("run w")[part]


class TestRecovered:
    async def test_a_run_whose_process_died_is_linked_to_what_that_process_wrote(
        self, traces: Traces
    ) -> None:
        store = MemoryStore()
        died: list[bool] = []

        @step
        async def hang(value: int) -> int:
            if not died:
                await trio.sleep_forever()
            return value

        workflow = Workflow("w", input=int).then(double).then(hang)
        options: dict[str, Any] = {"store": store, "workflows": [workflow]}
        async with open_engine(plugins=[traces.plugin], **options) as engine:
            engine.submit(workflow, 1, run_id="r")
            await trio.testing.wait_all_tasks_blocked()
        died.append(True)
        async with open_engine(plugins=[traces.plugin], **options) as engine:
            (run,) = await engine.recover()
            await run.wait()

        first, second = traces.named("run w")
        assert linked(second) == [ids(first)]
        assert children(traces, second) == ["attempt hang", "step hang"]

    async def test_an_error_of_an_earlier_part_keeps_its_name(self, traces: Traces) -> None:
        died: list[bool] = []

        @step
        async def fail(value: int) -> int:
            raise ValueError("long ago")

        @step
        async def hang(value: int) -> int:
            if not died:
                await trio.sleep_forever()
            return value

        workflow = Workflow("w", input=int).parallel(fail, hang, on_error="finish")
        options: dict[str, Any] = {"store": MemoryStore(), "workflows": [workflow]}
        async with open_engine(plugins=[traces.plugin], **options) as engine:
            engine.submit(workflow, 1)
            await trio.testing.wait_all_tasks_blocked()
        died.append(True)
        async with open_engine(plugins=[traces.plugin], **options) as engine:
            (run,) = await engine.recover()
            await run.wait()

        root = traces.named("run w")[1]
        assert root.status.description == "ValueError: long ago"
        (event,) = root.events
        assert (event.attributes or {})["exception.type"] == "ValueError"
        assert "raise ValueError" in str((event.attributes or {})["exception.stacktrace"])

    async def test_a_run_that_had_no_instrument_before_has_a_trace_from_here_on(
        self, traces: Traces
    ) -> None:
        store = MemoryStore()
        async with open_engine(plugins=[], store=store, workflows=[ASK]) as engine:
            run = engine.create_run(ASK, run_id="r")
            await run.start(1)
        async with open_engine(plugins=[traces.plugin], store=store, workflows=[ASK]) as engine:
            loaded = await engine.load_run("r")
            await loaded.resume(2)

        root = traces.one("run w")
        assert linked(root) == []
        assert f"{root.context.trace_id:032x}" == run.trace_id

    async def test_a_fork_is_linked_to_the_run_that_it_was_forked_from(
        self, traces: Traces
    ) -> None:
        async with open_engine(plugins=[traces.plugin]) as engine:
            run = engine.create_run(Workflow("w", input=int).then(double))
            await run.start(1)
            await (await run.fork("double", input_data=5, run_id="new")).start()

        first, second = traces.named("run w")
        assert (second.attributes or {})["trioflow.run.id"] == "new"
        assert linked(second) == [ids(first)]


class ForeignTracer(Tracer):
    """A tracer that is not the SDK's, and chooses all ids itself."""

    def __init__(self) -> None:
        self.started: list[tuple[str, int]] = []

    def start_span(self, name: str, context: Any = None, *args: Any, **kwargs: Any) -> Span:
        self.started.append((name, kwargs["start_time"]))
        return NonRecordingSpan(SpanContext(len(self.started), 1, is_remote=False))

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError


class ForeignProvider(TracerProvider):
    def __init__(self) -> None:
        self.tracer = ForeignTracer()

    def get_tracer(self, *args: Any, **kwargs: Any) -> Tracer:
        return self.tracer


async def test_with_a_tracer_that_is_not_the_sdks_the_run_keeps_an_id_of_its_own() -> None:
    provider = ForeignProvider()
    async with open_engine(plugins=[OpenTelemetry(provider)]) as engine:
        result = await engine.create_run(Workflow("w").then(double)).start(1)

    assert [name for name, _ in provider.tracer.started] == ["run w"]
    assert len(result.trace_id) == 32
