"""One odd value never costs a span: every span is exported, and none is too large."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import StatusCode
from trioflow_otel import OpenTelemetry
from trioflow_otel.attributes import code_attributes
from trioflow_otel.texts import LONGEST, Texts

from trioflow import StepContext, TracingOptions, Workflow, open_engine, step, tool

from .odd import ERRORS, Rude, RudeMapping, odd
from .traces import Traces


def size_of(traces: Traces) -> int:
    """Return how many bytes are exported; fails if the exporter cannot encode a span."""
    return len(encode_spans(traces.spans).SerializeToString())


@step
async def same(value: Any) -> Any:
    return value


async def run_with(traces: Traces, metadata: Any, value: Any) -> None:
    async with open_engine(plugins=[traces.plugin]) as engine:
        options = TracingOptions(metadata=metadata)
        result = await engine.create_run(Workflow("w").then(same)).start(
            value, tracing_options=options
        )
    assert result.status == "success"


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.text() | st.integers() | st.just(Rude), odd, max_size=3), odd)
def test_odd_metadata_and_inputs_cost_no_span(metadata: dict[Any, Any], value: Any) -> None:
    traces = Traces()

    trio.run(run_with, traces, metadata, value)

    assert [span.name for span in traces.spans] == ["attempt same", "step same", "run w"]
    assert size_of(traces) < 100_000


def test_metadata_that_cannot_be_read_costs_no_span() -> None:
    traces = Traces()

    trio.run(run_with, traces, RudeMapping(), 1)

    found = (traces.one("run w").attributes or {})["trioflow.metadata.error"]
    assert found == "<the mapping cannot be read>"


@pytest.mark.parametrize("error", ERRORS, ids=range(len(ERRORS)))
@pytest.mark.parametrize("limit", [None, 1000, 0])
async def test_odd_errors_cost_no_span_and_are_written_once(
    error: Exception, limit: int | None
) -> None:
    @tool
    async def fails() -> int:
        raise error

    @step
    async def fail(value: int, ctx: StepContext) -> int:
        result: int = await ctx.call_tool(fails)
        return result

    flow = Workflow[Any, Any]("w0").then(fail)
    for number in (1, 2, 3):
        flow = Workflow[Any, Any](f"w{number}").then(flow)
    traces = limited(limit)
    async with open_engine(plugins=[traces.plugin]) as engine:
        await engine.create_run(flow).start(1)

    assert len(traces.spans) == 10
    assert all(span.status.status_code is StatusCode.ERROR for span in traces.spans)
    assert size_of(traces) < 100_000
    told = [span for span in traces.spans if span.events]
    assert [span.name for span in told] == ["execute_tool fails"]
    longest = LONGEST if limit is None else limit
    exception = (told[0].events[0].attributes or {}).values()
    assert all(len(str(text)) <= longest for text in [told[0].status.description or "", *exception])


def limited(length: int | None) -> Traces:
    traces = Traces()
    limits = SpanLimits(max_attribute_length=length) if length is not None else SpanLimits()
    traces.provider = TracerProvider(span_limits=limits)
    traces.provider.add_span_processor(SimpleSpanProcessor(traces.exporter))
    traces.plugin = OpenTelemetry(traces.provider)
    return traces


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        ("a", "a"),
        (True, True),
        (5, 5),
        (1.5, 1.5),
        (["a", "b"], ["a", "b"]),
        ([1, "a", None, 1.5], '[1, "a", null, 1.5]'),
        ({("a", 1): {"b": 2}}, '{"(\'a\', 1)": {"b": 2}}'),
        (2**80, str(2**80)),
        (float("inf"), float("inf")),
        ([float("inf")], '["inf"]'),
        ({1}, "[1]"),
        (b"a", "b'a'"),
        (Rude(), "<Rude: its str() failed>"),
        ([Rude()], '["<Rude: its str() failed>"]'),
        ("\udc80", "?"),
    ],
)
def test_an_attribute_says_what_can_be_said(value: object, attribute: object) -> None:
    assert Texts().attribute(value) == attribute


def test_what_contains_itself_is_cut() -> None:
    value: list[Any] = [1]
    value.append(value)

    assert Texts().attribute(value) == "[1, " * 10 + '"…"' + "]" * 10


@pytest.mark.parametrize(("longest", "text"), [(0, ""), (1, "…"), (3, "ab…"), (5, "abcde")])
def test_a_string_is_cut_to_the_limit(longest: int, text: str) -> None:
    assert Texts(longest).text("abcde") == text


def test_functions_that_cannot_be_found_have_no_place() -> None:
    class Endless:
        def __getattr__(self, name: str) -> Any:
            return self if name == "__wrapped__" else Rude()

        def __call__(self, value: int) -> int:
            return value

    assert code_attributes(Endless(), Texts()) == {}
    assert code_attributes(None, Texts()) == {}
