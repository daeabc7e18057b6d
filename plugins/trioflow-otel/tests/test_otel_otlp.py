"""What arrives at a collector, by OTLP over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from trioflow_otel import OpenTelemetry

from trioflow import (
    Retry,
    StepContext,
    TracingContext,
    TracingOptions,
    Workflow,
    open_engine,
    step,
    tool,
)

from .collector import Collector, decoded, running_collector

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@tool
async def look_up(word: str) -> int:
    if word == "zero":
        raise LookupError("\udc80 is no number")
    return len(word)


@step(retry=Retry(attempts=2))
async def count(words: list[str], ctx: StepContext) -> int:
    return sum([await ctx.call_tool(look_up, word=word) for word in words])


@step
async def ask(total: int, ctx: StepContext) -> int:
    if ctx.resume_data is None:
        ctx.suspend()
    return total + int(ctx.resume_data)


WORKFLOW = Workflow("words", input=list[str]).then(count).then(ask)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with running_collector() as collector:
        yield collector


@pytest.fixture
def plugin(collector: Collector) -> Iterator[OpenTelemetry]:
    """The plugin as a program would set it up, with a resource, batches and compression."""
    resource = Resource.create({"service.name": "tests"})
    tracer_provider = TracerProvider(resource=resource)
    spans = OTLPSpanExporter(f"{collector.url}/v1/traces", compression=Compression.Gzip)
    tracer_provider.add_span_processor(BatchSpanProcessor(spans))
    metrics = PeriodicExportingMetricReader(OTLPMetricExporter(f"{collector.url}/v1/metrics"))
    meter_provider = MeterProvider([metrics], resource=resource)
    yield OpenTelemetry(tracer_provider, meter_provider)
    tracer_provider.shutdown()
    meter_provider.shutdown()


def flush(plugin: OpenTelemetry) -> None:
    """Have everything sent that has not been yet."""
    assert isinstance(plugin.tracer_provider, TracerProvider)
    assert isinstance(plugin.meter_provider, MeterProvider)
    assert plugin.tracer_provider.force_flush()
    assert plugin.meter_provider.force_flush()


async def test_a_run_that_waits_and_goes_on_arrives_whole(
    collector: Collector, plugin: OpenTelemetry
) -> None:
    async with open_engine(plugins=[plugin]) as engine:
        run = engine.create_run(WORKFLOW, run_id="r")
        await run.start(
            ["one", "three"],
            tracing_context=TracingContext(traceparent=PARENT),
            tracing_options=TracingOptions({"tenant": "a"}),
        )
        await run.resume(10)
    flush(plugin)

    tree = [(span.name, parent_of(span, collector)) for span in collector.spans]
    assert sorted(tree) == [
        ("attempt ask", "step ask"),
        ("attempt ask", "step ask"),
        ("attempt count", "step count"),
        ("execute_tool look_up", "attempt count"),
        ("execute_tool look_up", "attempt count"),
        ("run words", ""),
        ("run words", "b7ad6b7169203331"),
        ("step ask", "run words"),
        ("step ask", "run words"),
        ("step count", "run words"),
    ]
    assert {span.trace_id.hex() for span in collector.spans} == {run.trace_id}
    assert {span.kind for span in collector.spans} == {Span.SPAN_KIND_INTERNAL}
    first, second = (span for span in collector.spans if span.name == "run words")
    assert decoded(first.attributes)["trioflow.metadata.tenant"] == "a"
    assert [link.span_id for link in second.links] == [first.span_id]
    (resource,) = {
        decoded(group.resource.attributes)["service.name"]
        for request in collector.traces
        for group in request.resource_spans
    }
    assert resource == "tests"


def parent_of(span: Span, collector: Collector) -> str:
    """The name of a span's parent, its id if it did not come here, empty for a root."""
    for other in collector.spans:
        if other.span_id == span.parent_span_id:
            return other.name
    return span.parent_span_id.hex()


async def test_a_failure_arrives_with_its_stack_even_if_it_cannot_be_encoded(
    collector: Collector, plugin: OpenTelemetry
) -> None:
    async with open_engine(plugins=[plugin]) as engine:
        await engine.create_run(WORKFLOW).start(["zero"])
    flush(plugin)

    tools = [span for span in collector.spans if span.name == "execute_tool look_up"]
    assert len(tools) == 2  # an attempt each
    for span in tools:
        assert span.status.code == Status.STATUS_CODE_ERROR
        assert span.status.message == "LookupError: ? is no number"
        (event,) = span.events
        assert "look_up" in decoded(event.attributes)["exception.stacktrace"]


async def test_metrics_arrive(collector: Collector, plugin: OpenTelemetry) -> None:
    async with open_engine(plugins=[plugin]) as engine:
        await engine.create_run(WORKFLOW).start(["one"])
    flush(plugin)

    duration = collector.metric("trioflow.step.duration")
    assert duration.unit == "s"
    found = {
        (about["trioflow.step.id"], about["trioflow.step.status"]): point.count
        for point in duration.histogram.data_points
        for about in [decoded(point.attributes)]
    }
    assert found == {("count", "success"): 1, ("ask", "suspended"): 1}
    (active,) = collector.metric("trioflow.run.active").sum.data_points
    assert active.as_int == 0
