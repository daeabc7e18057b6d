"""A sampler, processor or exporter that raises loses the spans that it raises for, and no other."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler, SamplingResult
from trioflow_otel import OpenTelemetry
from trioflow_otel.metering import Metering

from trioflow import StepContext, TracingContext, Workflow, events, open_engine, step, tool

from .traces import Traces

NAMES = ["execute_tool look", "attempt inner.look_up", "step inner.look_up"]
NAMES += ["attempt inner", "workflow inner"]


@tool
async def look(value: int) -> int:
    return value


@step
async def look_up(value: int, ctx: StepContext) -> int:
    return await ctx.call_tool(look, value=value)


FLOW = Workflow("w", input=int).then(Workflow("inner").then(look_up))


ALL = "all"


class BrokenProcessor(SpanProcessor):
    """Raises for spans of one name, when they start or when they end."""

    def __init__(self, name: str, at_start: bool) -> None:
        self._name, self._at_start = name, at_start

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if self._at_start and self._name in (span.name, ALL):
            raise RuntimeError("no start")

    def on_end(self, span: ReadableSpan) -> None:
        if not self._at_start and self._name in (span.name, ALL):
            raise RuntimeError("no end")


class BrokenExporter(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise RuntimeError("no export")


class BrokenSampler(Sampler):
    def __init__(self, name: str) -> None:
        self._name = name

    def should_sample(
        self, parent_context: Any, trace_id: int, name: str, *about: Any, **more: Any
    ) -> SamplingResult:
        if self._name in (name, ALL):
            raise RuntimeError("no sampling")
        return ALWAYS_ON.should_sample(parent_context, trace_id, name, *about, **more)

    def get_description(self) -> str:
        return "broken"


async def run_twice(traces: Traces) -> str:
    """Run the workflow twice, and return the trace of the second run."""
    async with open_engine(plugins=[traces.plugin]) as engine:
        for _ in range(2):
            result = await engine.create_run(FLOW).start(1)
            assert result.status == "success"
    return result.trace_id


def first(broken: SpanProcessor, traces: Traces) -> None:
    """Let a processor come before the one that exports."""
    traces.provider = type(traces.provider)()
    traces.provider.add_span_processor(broken)
    traces.provider.add_span_processor(SimpleSpanProcessor(traces.exporter))
    traces.plugin = OpenTelemetry(traces.provider)


@pytest.mark.parametrize("lost", [*NAMES, "run w", ALL])
@pytest.mark.parametrize("how", ["start", "end", "sample"])
async def test_only_that_span_is_lost(
    traces: Traces, lost: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    if how == "sample":
        traces.provider.sampler = BrokenSampler(lost)
    else:
        first(BrokenProcessor(lost, how == "start"), traces)

    trace_id = await run_twice(traces)

    kept = [name for name in [*NAMES, "run w"] if lost not in (name, ALL)]
    assert [span.name for span in traces.spans] == kept * 2
    assert [f"{span.context.trace_id:032x}" for span in traces.spans[len(kept) :]] == [
        trace_id
    ] * len(kept)
    ids = {span.context.span_id: span.name for span in traces.spans}
    if how != "end" and lost in NAMES:  # what is inside belongs to the next one around
        above = [*NAMES, "run w"][NAMES.index(lost) + 1]
        inside = [span for span in traces.spans if span.name == [*NAMES, ""][NAMES.index(lost) - 1]]
        assert all(span.parent and ids[span.parent.span_id] == above for span in inside)
    told = [record for record in caplog.records if record.name == "trioflow.otel"]
    assert 1 <= len(told) <= 3  # once for each kind, however many spans
    assert all(record.levelno == logging.WARNING and record.exc_info for record in told)


async def test_an_exporter_that_raises_does_not_disturb_the_other(traces: Traces) -> None:
    first(SimpleSpanProcessor(BrokenExporter()), traces)

    await run_twice(traces)

    assert [span.name for span in traces.spans] == [*NAMES, "run w"] * 2


async def test_a_tracer_that_is_not_opentelemetrys_may_raise_anywhere(
    traces: Traces, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("no attribute")

    monkeypatch.setattr(Span, "set_attribute", broken)

    await run_twice(traces)

    assert [span.name for span in traces.spans] == [*NAMES, "run w"] * 2
    assert {record.name for record in caplog.records} == {"trioflow.otel"}
    assert "what event 'step-result' says is lost" in caplog.text


async def test_a_parent_that_raises_is_none(traces: Traces) -> None:
    class Broken(TracingContext):
        def headers(self) -> dict[str, str]:
            raise RuntimeError("no headers")

    async with open_engine(plugins=[traces.plugin]) as engine:
        result = await engine.create_run(FLOW).start(1, tracing_context=Broken())

    assert result.status == "success"
    assert [span.name for span in traces.spans] == [*NAMES, "run w"]


async def test_a_tracer_that_cannot_name_a_span_costs_that_body(
    traces: Traces, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any) -> None:
        raise RuntimeError("no code")

    monkeypatch.setattr("trioflow_otel.attributes.code_attributes", broken)

    await run_twice(traces)

    assert [span.name for span in traces.named("run w")] == ["run w"] * 2


async def test_a_measurement_that_fails_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    metering = Metering(MeterProvider().get_meter("m"))
    measured = []

    class Durations:
        def record(self, value: float, about: dict[str, Any]) -> None:
            measured.append(about["trioflow.step.kind"])
            if len(measured) == 1:
                raise RuntimeError("no reader")

    metering._durations = Durations()  # type: ignore[assignment]
    async with open_engine(plugins=[], instruments=[metering]) as engine:
        for _ in range(2):
            await engine.create_run(FLOW).start(1)

    assert measured == ["step", "workflow"] * 2
    assert metering._runs == {}
    assert "a measurement is lost" in caplog.text


def test_the_events_are_still_the_same() -> None:
    """The table of what is handled names events that exist."""
    from trioflow_otel.part import HANDLERS

    assert set(HANDLERS) <= set(events.EVENT_TYPES.values())
