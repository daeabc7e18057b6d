"""A step that runs in a worker process and writes a span there."""

from __future__ import annotations

from opentelemetry.sdk.trace import TracerProvider
from trioflow_otel import attached

from trioflow import StepContext, step


@step(runner="process")
def spans_in_worker(value: int, ctx: StepContext) -> list[int]:
    """Return the trace and the parent of a span that a library writes here."""
    tracer = TracerProvider().get_tracer("library")
    with attached(ctx.tracing_context):
        span = tracer.start_span("in the worker")
    parent = getattr(span, "parent", None)
    assert parent is not None
    return [parent.trace_id, parent.span_id]
