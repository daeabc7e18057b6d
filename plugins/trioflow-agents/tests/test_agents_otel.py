"""Spans and metrics of requests to models, as OpenTelemetry's conventions name them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from trioflow_agents import Agent, ModelError, Scripted, ScriptedModel, genai
from trioflow_otel import OpenTelemetry

from trioflow import Workflow, open_engine

from .helping import asks, weather

ABOUT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "custom",
    "gen_ai.request.model": "scripted",
}


async def spans_of(model: ScriptedModel, *, nested: bool = False) -> list[ReadableSpan]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    agent = Agent("ag", model=model, tools=[weather], retry=None)
    plugins = ["agents", OpenTelemetry(tracer_provider=provider)]
    flow = Workflow("flow", input=str).then(agent) if nested else agent
    async with open_engine(plugins=plugins, workflows=[flow]) as engine:
        await engine.submit(flow, "go").wait()
    return list(exporter.get_finished_spans())


async def test_a_request_is_a_span_of_a_client() -> None:
    call = Scripted(calls=[asks("c1", "weather", city="Oslo")])
    spans = await spans_of(ScriptedModel([call, "done"]))

    first, second = [span for span in spans if span.name == "chat scripted"]
    assert first.kind is second.kind is SpanKind.CLIENT
    found = dict(first.attributes or {})
    assert (
        found.items()
        >= {
            **ABOUT,
            "gen_ai.response.id": "scripted",
            "gen_ai.response.finish_reasons": ("tool_calls",),
            "gen_ai.usage.input_tokens": 3,
            "gen_ai.usage.output_tokens": 10,
        }.items()
    )
    [tool] = [span for span in spans if span.name == "execute_tool weather"]
    assert (tool.attributes or {})["gen_ai.tool.name"] == "weather"
    assert "Oslo" not in str([span.to_json() for span in spans])


@pytest.mark.parametrize("nested", [False, True])
async def test_an_agent_is_a_span_around_its_requests_and_tools(nested: bool) -> None:
    call = Scripted(calls=[asks("c1", "weather", city="Oslo")])
    spans = await spans_of(ScriptedModel([call, "done"]), nested=nested)

    [agent] = [span for span in spans if span.name == "invoke_agent ag"]
    about = {**ABOUT, "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "ag"}
    assert dict(agent.attributes or {}).items() >= about.items()
    assert agent.kind is SpanKind.INTERNAL
    outer = {span.context.span_id: span.parent for span in spans if span.context is not None}
    for name in ("chat scripted", "execute_tool weather"):
        for span in spans:
            if span.name == name:
                assert agent.context in chain(outer, span.parent)


def chain(outer: dict[int, Any], parent: Any) -> list[Any]:
    """Return the contexts of all spans around one."""
    found = []
    while parent is not None:
        found.append(parent)
        parent = outer.get(parent.span_id)
    return found


@pytest.mark.parametrize(("given", "is_told"), [("", False), ("false", False), ("true", True)])
async def test_what_is_said_is_told_only_if_it_is_asked_for(
    given: str, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(genai.CAPTURES, given)
    spans = await spans_of(ScriptedModel(["the answer"]))

    text = str([span.to_json() for span in spans])
    assert ("the answer" in text) is is_told
    assert ("gen_ai.input.messages" in text) is is_told


async def test_a_request_that_fails_is_a_span_with_an_error() -> None:
    spans = await spans_of(ScriptedModel([ModelError("no", 400)]))

    [span] = [span for span in spans if span.name == "chat scripted"]
    assert span.status.status_code is StatusCode.ERROR
    assert "ModelError" in str((span.attributes or {})["error.type"])


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryMetricReader]:
    """Collect the metrics in this test."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    monkeypatch.setattr(metrics, "get_meter", provider.get_meter)
    genai._histograms.cache_clear()
    yield reader
    genai._histograms.cache_clear()
    provider.shutdown()


def points(reader: InMemoryMetricReader) -> dict[str, list[Any]]:
    data: Any = reader.get_metrics_data()
    [resource] = data.resource_metrics
    [scope] = resource.scope_metrics
    return {metric.name: list(metric.data.data_points) for metric in scope.metrics}


async def test_durations_and_tokens_are_metrics(reader: InMemoryMetricReader) -> None:
    await Agent("ag", model=ScriptedModel(["done"])).run("go")

    found = points(reader)
    [duration] = found["gen_ai.client.operation.duration"]
    assert (duration.count, dict(duration.attributes)) == (1, ABOUT)
    tokens = {
        point.attributes["gen_ai.token.type"]: point.sum
        for point in found["gen_ai.client.token.usage"]
    }
    assert tokens == {"input": 3, "output": 10}


async def test_a_failed_request_has_a_duration(reader: InMemoryMetricReader) -> None:
    agent = Agent("ag", model=ScriptedModel([ModelError("no", 400)]))
    with pytest.raises(ModelError):
        await agent.run("go")

    [duration] = points(reader)["gen_ai.client.operation.duration"]
    assert duration.attributes["error.type"] == "ModelError"
