"""What operators see: the access log, spans, measures, health."""

from __future__ import annotations

import logging
from typing import Any

import attrs
import pytest
import trio
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import format_span_id, format_trace_id
from trioflow_server.seen.watching import plain

from trioflow.abc import Instrument, PartInfo, TraceIds
from trioflow.stores import MemoryStore

from .serving import OPEN, open_bench
from .sockets import open_raw

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


async def test_the_access_log_names_the_run(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trioflow.server.access")
    async with open_bench() as bench:
        await bench.start("doubled", 4, "r7")
        await bench.get("/api/workflows/doubled/runs/r7")
        await bench.get("/no%22such%5Cthing%1B[31m")
        with trio.fail_after(5):
            while len(caplog.messages) < 3:
                await trio.lowlevel.checkpoint()

    first, second, third = caplog.messages
    assert first.startswith('127.0.0.1 anonymous "POST /api/workflows/doubled/start-async" 200 ')
    assert first.endswith(" run=r7")
    assert second.endswith(" run=r7")
    assert '"GET /no\\x22such\\x5cthing\\x1b[31m" 404 ' in third


def test_what_is_logged_is_one_line() -> None:
    assert plain('a\n"b" \\é\u2028') == "a\\x0a\\x22b\\x22\\x20\\x5c\\x5cxe9\\x5cu2028"
    assert len(plain("x" * 10_000)) == 500


class Parents(Instrument):
    """Keeps the parents of runs."""

    def __init__(self) -> None:
        self.found: list[Any] = []

    def on_begin(self, part: PartInfo) -> TraceIds | None:
        self.found.append(part.tracing_context)
        return None


async def test_the_span_of_a_request_is_the_parent_of_the_run() -> None:
    exporter, provider, parents = InMemorySpanExporter(), TracerProvider(), Parents()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    async with open_bench(instruments=[parents], app={"tracer_provider": provider}) as bench:
        answer = await bench.client.post(
            "/api/workflows/doubled/start-async?runId=r",
            json={"inputData": 4},
            headers={"traceparent": TRACEPARENT},
        )
        await bench.get("/nothing")
        await bench.get("/ready")
    spans = {span.name: span for span in exporter.get_finished_spans()}
    span = spans["POST /api/workflows/{workflow_id}/start-async"]

    [parent] = parents.found
    assert span.context is not None
    assert parent.current_span.get_span_context() == span.context
    assert format_trace_id(span.context.trace_id) == TRACE
    assert answer.headers["traceparent"] == f"00-{TRACE}-{format_span_id(span.context.span_id)}-01"
    assert span.attributes is not None
    assert span.attributes["trioflow.run_id"] == "r"
    assert span.attributes["http.response.status_code"] == 200
    assert set(spans) == {span.name, "GET", "GET /ready"}


async def test_without_a_tracer_the_trace_goes_on_by_its_header() -> None:
    parents = Parents()
    async with open_bench(instruments=[parents]) as bench:
        answer = await bench.client.post(
            "/api/workflows/doubled/start-async?runId=r",
            json={"inputData": 4},
            headers={"traceparent": TRACEPARENT},
        )

        assert bench.engine.get_run("r").trace_id == TRACE
    assert parents.found[0].traceparent == TRACEPARENT
    assert answer.headers["traceparent"] == TRACEPARENT


async def test_requests_are_counted_and_timed() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    async with open_bench(app={"meter_provider": provider}) as bench:
        await bench.start("doubled", 4, "r")
        await bench.post("/api/workflows/slow/runs", {"inputData": 1}, runId="s")
        async with open_raw(bench.server.url) as raw:
            await raw.request("GET", "/api/workflows/slow/runs/s/events")
            await raw.until(b"step-start")
            text = (await bench.get("/metrics")).text
    data = reader.get_metrics_data()

    route = 'method="POST",route="/api/workflows/{workflow_id}/start-async"'
    assert f'trioflow_requests_total{{{route},status="200"}} 1' in text
    assert f"trioflow_request_seconds_total{{{route}}} " in text
    assert "trioflow_open_streams 1" in text
    assert data is not None
    [metric] = data.resource_metrics[0].scope_metrics[0].metrics
    assert metric.name == "http.server.request.duration"


async def test_a_server_is_ready_while_its_store_answers_and_it_does_not_close() -> None:
    store = MemoryStore()
    async with open_bench(store=store) as bench:
        ready = await bench.get("/ready")
        bench.app.service.closing.set()
        closing = await bench.get("/ready")
        health = await bench.get("/health")
        refused = await bench.post("/api/workflows/doubled/runs", {"inputData": 4})

    assert (ready.status_code, ready.json()) == (200, {"success": True})
    assert (closing.status_code, closing.json()) == (503, {"success": False})
    assert (health.status_code, health.json()) == (200, {"success": True})
    assert (refused.status_code, refused.json()["code"]) == (503, "closing")
    assert refused.headers["retry-after"] == "5"


async def test_a_server_whose_store_fails_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()

    async def fail(**criteria: Any) -> Any:
        raise OSError("/secret/place/runs.db is gone")

    async with open_bench(attrs.evolve(OPEN), store=store) as bench:
        monkeypatch.setattr(store, "list_runs", fail)
        answer = await bench.get("/ready")
        listed = await bench.get("/api/workflows/doubled/runs")
        monkeypatch.undo()

    assert (answer.status_code, answer.json()) == (503, {"success": False})
    assert (listed.status_code, listed.json()) == (
        500,
        {"error": "Internal error", "code": "internal"},
    )
