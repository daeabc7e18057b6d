"""What instruments cost: the same run without any, and with more and more of it.

    python -m benchmarks.instruments [SAMPLES]

All variants take turns in one process, in an order that moves on from sample to sample, so
that a machine that slows down meanwhile slows down all of them. The steps do nothing: the
ratios are the worst that can be, and the microseconds per step are what a real step pays.
Processor time counts the threads of exporters as well. Spans come two by two, one of the
call and one of its attempt; the last line is what the SDK takes for as many without an engine.
"""

from __future__ import annotations

import gc
import http.server
import multiprocessing
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from multiprocessing.connection import Connection
from typing import Any

import attrs
import trio
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import set_span_in_context, use_span
from trioflow_otel import OpenTelemetry

from benchmarks import bodies, ours
from benchmarks.measure import expect
from trioflow import Engine, Workflow, hookimpl, open_engine, step
from trioflow.abc import BodyInfo, Instrument

STEPS = 1000
QUEUE = 4 * STEPS
"""How many spans a batch processor holds; more than a run has, so that none is lost."""
CHAIN = ours.chain_of([step(bodies.noop)] * STEPS)
LOOP: Workflow[Any, Any] = Workflow("loop", input=list[int]).foreach(
    step(bodies.noop), concurrency=100
)


# ---------------------------------------------------------------- variants
class Idle(Instrument):
    """Overrides everything that is called while a run is going on, and does nothing."""

    def around_body(self, body: BodyInfo) -> AbstractContextManager[None]:
        return nullcontext()


class Discarding(SpanExporter):
    """Takes batches and forgets them: what is left is the cost of the spans themselves."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


@attrs.frozen
class Given:
    """A plugin that provides the instruments it is given."""

    instruments: tuple[Instrument, ...]

    @hookimpl
    def trioflow_instruments(self) -> tuple[Instrument, ...]:
        return self.instruments


def traced(*processors: SpanProcessor, **options: Any) -> OpenTelemetry:
    """Return the plugin with an SDK of its own."""
    provider = TracerProvider(shutdown_on_exit=False, **options)
    for processor in processors:
        provider.add_span_processor(processor)
    return OpenTelemetry(provider)


def batched(exporter: SpanExporter) -> SpanProcessor:
    return BatchSpanProcessor(exporter, max_queue_size=QUEUE)


def variants(collector: str) -> dict[str, Any]:
    """Return the plugin of each variant by its title; the first is what others are held to."""
    meters = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    return {
        "no instrument": Given(()),
        "an instrument that overrides nothing": Given((Instrument(),)),
        "one that stands around bodies, idle": Given((Idle(),)),
        "OpenTelemetry, metrics alone": OpenTelemetry(meter_provider=meters),
        "OpenTelemetry, nothing sampled": traced(sampler=ALWAYS_OFF),
        "OpenTelemetry, no exporter": traced(),
        "OpenTelemetry, batches discarded": traced(batched(Discarding())),
        "OpenTelemetry, batches by OTLP/HTTP": traced(batched(OTLPSpanExporter(collector))),
        "no engine: the SDK, no exporter": ByHand(TracerProvider(shutdown_on_exit=False)),
    }


@attrs.frozen
class ByHand:
    """Not a plugin: spans like those of a run, written with the SDK alone."""

    tracer_provider: TracerProvider

    def write(self) -> float:
        """Write them and return the seconds that it took."""
        tracer = self.tracer_provider.get_tracer("by hand")
        started = time.perf_counter()
        for index in range(STEPS):
            call = tracer.start_span(f"step{index}", attributes=dict.fromkeys("abc", "text"))
            inside = set_span_in_context(call)
            attempt = tracer.start_span("attempt", inside, attributes=dict.fromkeys("abcde", 1))
            with use_span(attempt, end_on_exit=True):
                attempt.set_attribute("status", "success")
            call.set_attributes({"status": "success", "attempts": 1})
            call.end()
        return time.perf_counter() - started


# ---------------------------------------------------------------- a collector that forgets
class Forgetful(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


def serve(ports: Connection) -> None:
    """Receive until the process is ended."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Forgetful)
    ports.send(server.server_port)
    server.serve_forever()


@contextmanager
def running_collector() -> Iterator[str]:
    """Run a collector in a process of its own, whose time is not ours, and give its address."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=serve, args=(send,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{receive.recv()}/v1/traces"
    finally:
        process.terminate()
        process.join()


# ---------------------------------------------------------------- measuring
@attrs.frozen
class Sample:
    """What one run took, in seconds."""

    wall: float
    processor: float


async def measure(plugin: Any, workflow: Workflow[Any, Any], value: Any) -> Sample:
    """Run a workflow once, and have its spans sent."""
    if isinstance(plugin, ByHand):
        gc.collect()
        processor = time.process_time()
        wall = plugin.write()
        return Sample(wall, time.process_time() - processor)
    async with open_engine(plugins=[plugin]) as engine:
        await run(engine, workflow, value)  # plans it, and warms up
        flush(plugin)
        gc.collect()
        wall, processor = time.perf_counter(), time.process_time()
        await run(engine, workflow, value)
        wall = time.perf_counter() - wall
        flush(plugin)  # what is sent behind the run is paid for as well, but not waited for
        return Sample(wall, time.process_time() - processor)


async def run(engine: Engine, workflow: Workflow[Any, Any], value: Any) -> None:
    result = await engine.create_run(workflow).start(value)
    expect("runs that ended well", int(result.status == "success"), 1)


def flush(plugin: Any) -> None:
    provider = getattr(plugin, "tracer_provider", None)
    if isinstance(provider, TracerProvider):
        expect("batches that were sent", int(provider.force_flush()), 1)


def take_turns(
    plugins: dict[str, Any], workflow: Workflow[Any, Any], value: Any, samples: int
) -> dict[str, list[Sample]]:
    """Measure each variant *samples* times."""
    taken: dict[str, list[Sample]] = {title: [] for title in plugins}
    titles = list(plugins)
    for _ in range(samples):
        for title in titles:
            taken[title].append(trio.run(measure, plugins[title], workflow, value))
        titles.append(titles.pop(0))
    return taken


def report(title: str, taken: dict[str, list[Sample]]) -> None:
    """Print medians, and their ratios to the first variant."""
    print(f"\n{title:42} {'wall':>12} {'ratio':>6} {'processor':>12} {'ratio':>6}")
    first: tuple[float, float] | None = None
    for variant, samples in taken.items():
        wall = statistics.median(sample.wall for sample in samples) / STEPS
        processor = statistics.median(sample.processor for sample in samples) / STEPS
        first = first or (wall, processor)
        ratios = wall / first[0], processor / first[1]
        print(
            f"{variant:42} {wall * 1e6:9.1f} us {ratios[0]:6.2f}"
            f" {processor * 1e6:9.1f} us {ratios[1]:6.2f}"
        )


def main(samples: int) -> None:
    with ExitStack() as stack:
        plugins = variants(stack.enter_context(running_collector()))
        for plugin in plugins.values():
            for provider in (getattr(plugin, f"{kind}_provider", None) for kind in KINDS):
                if provider is not None:
                    stack.callback(provider.shutdown)
        print(f"medians of {samples}, per step; Python {sys.version.split()[0]}")
        report(f"chain of {STEPS:,} steps", take_turns(plugins, CHAIN, 0, samples))
        items = list(range(STEPS))
        report(f"foreach of {STEPS:,} items", take_turns(plugins, LOOP, items, samples))


KINDS = ("tracer", "meter")

if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
