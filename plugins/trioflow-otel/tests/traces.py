"""What was exported, kept in memory, to be looked at."""

from __future__ import annotations

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer
from trioflow_otel import OpenTelemetry


class Traces:
    """A provider of its own, and what was exported from it."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.plugin = OpenTelemetry(self.provider)

    @property
    def tracer(self) -> Tracer:
        """A tracer of somebody else."""
        return self.provider.get_tracer("other")

    @property
    def spans(self) -> list[ReadableSpan]:
        """All spans that have ended, in that order."""
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        """The spans of that name, in the order of their beginnings."""
        found = [span for span in self.spans if span.name == name]
        return sorted(found, key=lambda span: span.start_time or 0)

    def one(self, name: str) -> ReadableSpan:
        """The only span of that name."""
        (found,) = self.named(name)
        return found

    def parent(self, span: ReadableSpan) -> ReadableSpan | None:
        """The parent of a span; None for a root."""
        if span.parent is None:
            return None
        (found,) = (s for s in self.spans if s.context.span_id == span.parent.span_id)
        return found

    def path(self, span: ReadableSpan) -> str:
        """The names from the root to a span."""
        parent = self.parent(span)
        return span.name if parent is None else f"{self.path(parent)} > {span.name}"


class Measures:
    """A meter provider of its own, and what was measured with it."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader])
        self.plugin = OpenTelemetry(meter_provider=self.provider)

    def points(self, name: str) -> list[tuple[dict[str, object], float, int]]:
        """The attributes, the sum and the count of each point of a metric."""
        data = self.reader.get_metrics_data()
        found: list[tuple[dict[str, object], float, int]] = []
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == name:
                        for point in metric.data.data_points:
                            total = getattr(point, "sum", getattr(point, "value", 0))
                            found.append(
                                (dict(point.attributes or {}), total, getattr(point, "count", 1))
                            )
        return found
