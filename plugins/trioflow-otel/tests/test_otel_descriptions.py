"""Other plugins say what the span of a body is: a model call, a request."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.trace import SpanKind
from trioflow_otel import OpenTelemetry

from trioflow import StepContext, Workflow, open_engine, step, tool
from trioflow.abc import BodyInfo, Instrument, SpanInfo

from .odd import Rude
from .traces import Traces


@tool
async def chat(question: str) -> str:
    return "42"


@tool
async def stream(question: str) -> Any:
    yield "4"
    yield "2"


@step
async def agent(question: str, ctx: StepContext) -> str:
    ctx.tracing_context.current_span.set_attribute("gen_ai.usage.input_tokens", 7)
    pieces = await ctx.call_tool(stream, question=question)
    return "".join(pieces) + await ctx.call_tool(chat, question=question)


class Models(Instrument):
    """Knows which bodies call a language model."""

    def describe_body(self, body: BodyInfo) -> SpanInfo | None:
        if body.tool in ("chat", "stream"):
            about = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
            return SpanInfo("chat m", "client", about)
        return SpanInfo(f"invoke_agent {body.step_id}") if body.tool is None else None


class Others(Instrument):
    """Says something else of every body, but comes later."""

    def describe_body(self, body: BodyInfo) -> SpanInfo | None:
        return SpanInfo("other", "server")


class Broken(Instrument):
    def describe_body(self, body: BodyInfo) -> SpanInfo | None:
        raise RuntimeError("no description")


FLOW = Workflow("w", input=str).then(agent)


async def run_with(traces: Traces, *instruments: Instrument) -> None:
    async with open_engine(plugins=[traces.plugin], instruments=instruments) as engine:
        result = await engine.create_run(FLOW).start("?")
    assert result.unwrap() == "4242"


async def test_the_span_of_a_body_is_what_an_instrument_says(traces: Traces) -> None:
    await run_with(traces, Models(), Others())

    names = ["chat m", "chat m", "invoke_agent agent", "step agent", "run w"]
    assert [span.name for span in traces.spans] == names
    for span in traces.named("chat m"):
        assert span.kind is SpanKind.CLIENT
        about = span.attributes or {}
        assert (about["gen_ai.operation.name"], about["gen_ai.request.model"]) == ("chat", "m")
        assert about["gen_ai.tool.name"] in ("chat", "stream")
        parent = traces.parent(span)
        assert parent is not None
        assert parent.name == "invoke_agent agent"
    attempt = traces.one("invoke_agent agent")
    assert attempt.kind is SpanKind.INTERNAL
    assert (attempt.attributes or {})["gen_ai.usage.input_tokens"] == 7


async def test_the_first_that_knows_counts(traces: Traces) -> None:
    await run_with(traces, Others(), Models())

    assert [span.name for span in traces.spans][:3] == ["other"] * 3
    assert traces.spans[0].kind is SpanKind.SERVER


async def test_one_that_fails_is_left_out(traces: Traces, caplog: pytest.LogCaptureFixture) -> None:
    await run_with(traces, Broken(), Models())

    assert traces.spans[0].name == "chat m"
    assert "failed and is switched off" in caplog.text


async def test_an_odd_description_costs_no_span(traces: Traces) -> None:
    class Odd(Instrument):
        def describe_body(self, body: BodyInfo) -> SpanInfo | None:
            about: dict[Any, Any] = {"a": Rude(), Rude(): 1, "b": None}
            return SpanInfo("\udc80", "odd", about)  # type: ignore[arg-type]

    await run_with(traces, Odd())

    assert [span.name for span in traces.spans] == ["?", "?", "?", "step agent", "run w"]


async def test_without_spans_nobody_is_asked(traces: Traces) -> None:
    asked = []

    class Curious(Instrument):
        def describe_body(self, body: BodyInfo) -> SpanInfo | None:
            asked.append(body)
            return None

    async with open_engine(plugins=[OpenTelemetry()], instruments=[Curious()]) as engine:
        await engine.create_run(FLOW).start("?")

    assert asked == []
