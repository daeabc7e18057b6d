"""The ticks of schedules: a span above the run of each, and their metrics."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from opentelemetry.context import Context
from opentelemetry.metrics import Meter
from opentelemetry.trace import Tracer, set_span_in_context

from trioflow.abc import TickRecord
from trioflow_otel import attributes as a
from trioflow_otel.texts import Texts

TICKS = "trioflow.schedule.ticks"
LAG = "trioflow.schedule.lag"


class TickMetering:
    """Counts what becomes of ticks, and measures how late they start."""

    def __init__(self, meter: Meter) -> None:
        self._ticks = meter.create_counter(TICKS, "{tick}", "Ticks of schedules")
        self._lag = meter.create_histogram(LAG, "s", "Time from a tick to the start of its run")
        self._texts = Texts()

    def count(self, record: TickRecord) -> None:
        """Record the measurements of a decision."""
        about = self._texts.known({a.SCHEDULE: record.schedule})
        self._ticks.add(record.count, {**about, a.DECISION: record.decision})
        if record.decision == "started":
            self._lag.record(max(0.0, record.decided_at - record.at), about)


def inside_tick(tracer: Tracer, metadata: Mapping[str, Any], around: Context) -> Context:
    """Return a context in the span of the tick that a run is of; unchanged if it is of none.

    The span begins at the tick and ends when the run starts.
    """
    match metadata.get("schedule"):
        case {"id": str(id), "tick": str(tick)}:
            start = int(datetime.fromisoformat(tick).timestamp() * 1e9)
            about = Texts().known({a.SCHEDULE: id, a.TICK: tick})
            span = tracer.start_span(f"schedule {id}", around, attributes=about, start_time=start)
            span.end()
            return set_span_in_context(span, around)
    return around
