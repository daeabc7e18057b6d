"""When the plugin is on, and what it offers."""

from __future__ import annotations

import subprocess
import sys

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from trioflow_otel import OpenTelemetry, trioflow_instruments

from trioflow import Workflow, open_engine, step

from .traces import Measures, Traces


def output_of(script: str, **environment: str) -> str:
    """Run a script in a process of its own, since a global provider can be set only once."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        env=environment or None,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


COUNT = """
from trioflow_otel import trioflow_instruments
print(len(trioflow_instruments()))
"""
SET_TRACES = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
"""
SET_METRICS = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
metrics.set_meter_provider(MeterProvider())
"""


class TestSwitching:
    def test_without_a_provider_there_is_no_instrument(self) -> None:
        assert trioflow_instruments() == []

    @pytest.mark.parametrize(
        ("set_up", "count"),
        [("", "0"), (SET_TRACES, "1"), (SET_METRICS, "1"), (SET_TRACES + SET_METRICS, "2")],
    )
    def test_each_global_provider_that_is_set_has_one(self, set_up: str, count: str) -> None:
        assert output_of(set_up + COUNT) == count

    def test_the_environment_may_set_it(self) -> None:
        found = output_of(COUNT, OTEL_PYTHON_TRACER_PROVIDER="sdk_tracer_provider")

        assert found == "1"

    def test_the_entry_point_is_found_and_writes_to_the_global_provider(self) -> None:
        script = """
import trio
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from trioflow import Workflow, open_engine, step

exporter = InMemorySpanExporter()
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))

@step
async def double(value: int) -> int:
    return 2 * value

async def main():
    async with open_engine(plugins=["otel"]) as engine:
        await engine.create_run(Workflow("w").then(double)).start(1)

trio.run(main)
print([span.name for span in exporter.get_finished_spans()])
"""
        names = "['attempt double', 'step double', 'run w']"
        assert output_of(SET_TRACES + script) == names

    def test_a_program_without_opentelemetry_does_not_import_it(self) -> None:
        script = "print([name for name in __import__('sys').modules if 'opentelemetry' in name])"

        assert output_of(COUNT + script) == "0\n[]"

    def test_it_needs_no_more_than_the_api(self) -> None:
        script = """
import sys
sys.modules["opentelemetry.sdk"] = None
import trioflow_otel
trioflow_otel.OpenTelemetry().trioflow_instruments()
with trioflow_otel.attached(__import__("trioflow").TracingContext()):
    pass
"""
        assert output_of(script) == ""


async def test_providers_of_ones_own_are_used(traces: Traces, measures: Measures) -> None:
    @step
    async def double(value: int) -> int:
        return 2 * value

    plugin = OpenTelemetry(traces.provider, measures.provider)
    async with open_engine(plugins=[plugin]) as engine:
        result = await engine.create_run(Workflow("w").then(double)).start(1)

    assert result.unwrap() == 2
    assert traces.one("run w")
    assert measures.points("trioflow.step.duration")


async def test_two_engines_may_share_a_provider(traces: Traces) -> None:
    @step
    async def double(value: int) -> int:
        return 2 * value

    workflow = Workflow("w").then(double)
    async with (
        open_engine(plugins=[traces.plugin]) as one,
        open_engine(plugins=[traces.plugin]) as other,
    ):
        first, second = one.submit(workflow, 1), other.submit(workflow, 1)
        await first.wait()
        await second.wait()

    assert {f"{s.context.trace_id:032x}" for s in traces.spans} == {
        first.trace_id,
        second.trace_id,
    }


async def test_a_trace_that_is_not_sampled_is_there_for_others_all_the_same(
    traces: Traces,
) -> None:
    seen = []

    @step
    async def double(value: int) -> int:
        context = trace.get_current_span().get_span_context()
        seen.append(trace.format_trace_id(context.trace_id))
        return 2 * value

    traces.provider.sampler = ALWAYS_OFF
    async with open_engine(plugins=[traces.plugin]) as engine:
        result = await engine.create_run(Workflow("w").then(double)).start(1)

    assert (result.unwrap(), result.trace_id) == (2, seen[0])
    assert traces.spans == []


async def test_a_provider_that_does_nothing_leaves_the_run_as_it_is() -> None:
    @step
    async def double(value: int) -> int:
        return 2 * value

    async with open_engine(plugins=[OpenTelemetry(trace.NoOpTracerProvider())]) as engine:
        result = await engine.create_run(Workflow("w").then(double)).start(1)

    assert (result.unwrap(), len(result.trace_id)) == (2, 32)
