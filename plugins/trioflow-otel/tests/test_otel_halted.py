"""Runs that are halted with their engine, and recovered: their spans say so, and are linked."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing
from opentelemetry import baggage, context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import Sampler, SamplingResult, TraceIdRatioBased
from trioflow_otel import OpenTelemetry

from trioflow import StepContext, TracingContext, Workflow, open_engine, step, tool
from trioflow.stores import MemoryStore

from .odd import Rude
from .test_otel_going_on import ids, linked
from .test_otel_spans import attribute
from .traces import Measures, Traces

HALT = [True]


@tool
async def wait_here() -> str:
    if HALT[0]:
        await trio.sleep_forever()
    return str(baggage.get_baggage("tenant"))


@step
async def one(value: int) -> int:
    return value


@step
async def two(value: int, ctx: StepContext) -> str:
    return await ctx.call_tool(wait_here)


@step
async def asks(value: Any, ctx: StepContext) -> Any:
    if ctx.resume_data is None:
        ctx.suspend()
    return {name: baggage.get_baggage(name) for name in ("tenant", "user")}


FLOW = Workflow("w", input=int).then(one).then(Workflow("inner").then(two))
ASKING = Workflow("asking").then(asks)


@pytest.fixture(autouse=True)
def _halt() -> None:
    HALT[0] = True


async def halt(plugin: OpenTelemetry, store: MemoryStore, value: int = 1, **given: Any) -> None:
    """Start a run, and close its engine while its second step runs."""
    async with open_engine(plugins=[plugin], store=store, workflows=[FLOW]) as engine:
        engine.submit("w", value, run_id="r", **given)
        await trio.testing.wait_all_tasks_blocked()


async def recover(plugin: OpenTelemetry, store: MemoryStore) -> Any:
    HALT[0] = False
    async with open_engine(plugins=[plugin], store=store, workflows=[FLOW]) as engine:
        return (await (await engine.load_run("r")).recover()).unwrap()


class TestHalted:
    async def test_what_is_stopped_is_halted_and_not_canceled(self, traces: Traces) -> None:
        await halt(traces.plugin, MemoryStore())

        stopped = ["execute_tool wait_here", "attempt inner.two", "step inner.two"]
        stopped += ["attempt inner", "workflow inner"]
        for name in stopped:
            span = traces.one(name)
            status = "trioflow.tool.status" if "tool" in name else "trioflow.step.status"
            assert attribute(span, status) == "halted"
            wanted = [] if name.startswith("attempt") else ["trioflow.halted"]
            assert [event.name for event in span.events] == wanted
        root = traces.one("run w")
        assert attribute(root, "trioflow.run.status") == "halted"
        assert [event.name for event in root.events] == ["trioflow.halted"]
        assert attribute(traces.one("step one"), "trioflow.step.status") == "success"

    async def test_the_next_part_is_linked_and_repeats_nothing(self, traces: Traces) -> None:
        store = MemoryStore()
        await halt(traces.plugin, store)
        await recover(traces.plugin, store)

        halted, recovered = traces.named("run w")
        assert linked(recovered) == [ids(halted)]
        assert halted.context.trace_id == recovered.context.trace_id
        assert attribute(recovered, "trioflow.run.status") == "success"
        assert len(traces.named("step one")) == 1

    async def test_a_run_that_is_canceled_before_its_engine_closes_is_canceled(
        self, traces: Traces
    ) -> None:
        async with open_engine(
            plugins=[traces.plugin], store=MemoryStore(), workflows=[FLOW]
        ) as engine:
            run = engine.submit("w", 1)
            await trio.testing.wait_all_tasks_blocked()
            run.cancel("enough")

        assert attribute(traces.one("run w"), "trioflow.run.status") == "canceled"

    async def test_without_a_store_it_is_canceled_for_good(self, traces: Traces) -> None:
        async with open_engine(plugins=[traces.plugin], workflows=[FLOW]) as engine:
            engine.submit("w", 1)
            await trio.testing.wait_all_tasks_blocked()

        assert attribute(traces.one("run w"), "trioflow.run.status") == "canceled"

    async def test_metrics_tell_it_apart_and_count_no_active_run(self, measures: Measures) -> None:
        await halt(measures.plugin, MemoryStore())

        assert [total for _, total, _ in measures.points("trioflow.run.active")] == [0]
        found = {
            (about["trioflow.step.id"], about["trioflow.step.status"])
            for about, _, _ in measures.points("trioflow.step.duration")
        }
        assert found == {("one", "success"), ("inner.two", "halted"), ("inner", "halted")}


class TestBaggage:
    async def test_it_is_there_after_a_recovery(self, traces: Traces) -> None:
        store = MemoryStore()
        token = context.attach(baggage.set_baggage("tenant", "ä c=me"))
        try:
            await halt(traces.plugin, store)
        finally:
            context.detach(token)

        assert await recover(traces.plugin, store) == "ä c=me"

    async def test_it_comes_from_headers_and_is_there_after_a_recovery(
        self, traces: Traces
    ) -> None:
        store = MemoryStore()
        place = TracingContext.from_headers({"Baggage": "tenant=acme, user=ada"})
        await halt(traces.plugin, store, tracing_context=place)

        assert await recover(traces.plugin, store) == "acme"

    async def test_that_of_who_resumes_comes_first(self, traces: Traces) -> None:
        place = TracingContext.from_headers({"baggage": "tenant=acme, user=ada"})
        async with open_engine(plugins=[traces.plugin], workflows=[ASKING]) as engine:
            run = engine.create_run("asking")
            await run.start(1, tracing_context=place)
            token = context.attach(baggage.set_baggage("user", "bob"))
            try:
                result = await run.resume(True)
            finally:
                context.detach(token)

        assert result.unwrap() == {"tenant": "acme", "user": "bob"}
        assert baggage.get_all() == {}

    async def test_values_of_any_kind_cost_nothing(self, traces: Traces) -> None:
        around = context.get_current()
        for name, value in {"odd": Rude(), "text": "\udc80", "number": 5}.items():
            around = baggage.set_baggage(name, value, around)
        token = context.attach(around)
        try:
            await halt(traces.plugin, MemoryStore())
        finally:
            context.detach(token)

        assert len(traces.spans) == 8

    async def test_a_run_that_a_step_starts_has_it(self, traces: Traces) -> None:
        started = []

        @step
        async def starts(value: int, ctx: StepContext) -> str:
            started.append(await ctx.start_run("inside", value))
            return ctx.tracing_context.headers().get("baggage", "")

        @step
        async def sees(value: int) -> str:
            return str(baggage.get_baggage("tenant"))

        inside = Workflow[Any, Any]("inside").then(sees)
        async with open_engine(plugins=[traces.plugin], workflows=[inside]) as engine:
            run = engine.create_run(Workflow[Any, Any]("w").then(starts))
            place = TracingContext(baggage="tenant=acme")
            assert (await run.start(1, tracing_context=place)).unwrap() == "tenant=acme"
            inner = await engine.load_run(started[0])
            assert (await inner.wait()).unwrap() == "acme"

    async def test_what_a_body_adds_is_in_its_headers(self, traces: Traces) -> None:
        @step
        async def adds(value: int, ctx: StepContext) -> str:
            token = context.attach(baggage.set_baggage("more", "1"))
            try:
                return ctx.tracing_context.headers()["baggage"]
            finally:
                context.detach(token)

        async with open_engine(plugins=[traces.plugin]) as engine:
            run = engine.create_run(Workflow[Any, Any]("w").then(adds))
            place = TracingContext(baggage="tenant=acme")
            result = await run.start(1, tracing_context=place)

        assert set(result.unwrap().split(",")) == {"tenant=acme", "more=1"}


class Alternating(Sampler):
    """Samples every other trace that it is asked about."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def should_sample(
        self, parent_context: Any, trace_id: int, name: str, *about: Any, **more: Any
    ) -> SamplingResult:
        self.asked.append(name)
        rate = TraceIdRatioBased(float(len(self.asked) % 2))
        return rate.should_sample(parent_context, trace_id, name, *about, **more)

    def get_description(self) -> str:
        return "alternating"


class TestSampling:
    @pytest.mark.parametrize("is_sampled", [True, False])
    async def test_what_is_decided_for_the_first_part_holds_for_the_others(
        self, traces: Traces, is_sampled: bool
    ) -> None:
        traces.provider.sampler = sampler = Alternating()
        if not is_sampled:
            sampler.asked.append("something else")
        async with open_engine(plugins=[traces.plugin], workflows=[ASKING]) as engine:
            run = engine.create_run("asking")
            await run.start(1)
            await run.resume(True)

        assert len(traces.named("run asking")) == (2 if is_sampled else 0)
        assert sampler.asked.count("run asking") == 1

    @pytest.mark.parametrize("rate", [0.0, 1.0])
    async def test_it_holds_in_another_process_too(self, rate: float, traces: Traces) -> None:
        store = MemoryStore()
        provider = TracerProvider(sampler=TraceIdRatioBased(rate))
        provider.add_span_processor(SimpleSpanProcessor(traces.exporter))
        await halt(OpenTelemetry(provider), store)
        other = TracerProvider(sampler=TraceIdRatioBased(1 - rate))
        other.add_span_processor(SimpleSpanProcessor(traces.exporter))
        await recover(OpenTelemetry(other), store)

        assert len(traces.named("run w")) == 2 * rate

    async def test_a_fork_is_sampled_as_the_run_that_it_shares_its_past_with(
        self, traces: Traces
    ) -> None:
        traces.provider.sampler = Alternating()
        async with open_engine(plugins=[traces.plugin], workflows=[ASKING]) as engine:
            run = engine.create_run("asking")
            await run.start(1)
            await run.resume(True)
            forked = await run.fork("asks")
            await forked.start()

        assert len(traces.named("run asking")) == 3

    async def test_the_caller_decides_for_all_parts(self, traces: Traces) -> None:
        header = f"00-{'a' * 32}-{'b' * 16}-00"
        async with open_engine(plugins=[traces.plugin], workflows=[ASKING]) as engine:
            run = engine.create_run("asking")
            await run.start(1, tracing_context=TracingContext(traceparent=header))
            await run.resume(True)

        assert run.trace_id == "a" * 32
        assert traces.spans == []
