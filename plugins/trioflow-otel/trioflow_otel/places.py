"""Conversions between trioflow's tracing contexts and OpenTelemetry's spans."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import attrs
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    Span,
    SpanContext,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from trioflow import TracingContext

PROPAGATOR = TraceContextTextMapPropagator()


@attrs.frozen
class SpanPlace(TracingContext):
    """The tracing context of an OpenTelemetry span; ``ctx.tracing_context`` in a step."""

    def headers(self) -> dict[str, str]:
        """Return the headers that continue the trace in another process."""
        carrier: dict[str, str] = {}
        PROPAGATOR.inject(carrier, set_span_in_context(self.current_span, Context()))
        return carrier

    @property
    def trace_id(self) -> str | None:
        """The id of the trace, as 32 hexadecimal digits."""
        context = self.current_span.get_span_context()
        return format_trace_id(context.trace_id) if context.is_valid else None

    def __reduce__(self) -> tuple[Callable[[dict[str, str]], TracingContext], tuple[Any, ...]]:
        """Reduce to the headers, because spans cannot be pickled."""
        return TracingContext.from_headers, (self.headers(),)


class Inside:
    """Makes a span current while a body runs, for OpenTelemetry and for ``ctx``."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: Span) -> None:
        self._span = span

    def __enter__(self) -> SpanPlace:
        self._token = otel_context.attach(set_span_in_context(self._span))
        return SpanPlace(self._span)

    def __exit__(self, *exc_info: object) -> None:
        otel_context.detach(self._token)


@contextmanager
def attached(place: TracingContext) -> Generator[Span, None, None]:
    """Make *place* OpenTelemetry's current context in the block, and yield its span.

    Steps do not need this. It is for code that receives a tracing context in another way,
    such as the headers in a worker process.
    """
    span = span_of(place) or INVALID_SPAN
    token = otel_context.attach(set_span_in_context(span))
    try:
        yield span
    finally:
        otel_context.detach(token)


def span_of(place: TracingContext) -> Span | None:
    """Return the span of a tracing context, or None if it is not an OpenTelemetry span."""
    span = place.current_span
    if isinstance(span, SpanContext):
        return NonRecordingSpan(span)
    if span is not None:
        return span if isinstance(span, Span) else None
    return valid(get_current_span(PROPAGATOR.extract(place.headers(), Context())))


def valid(span: Span) -> Span | None:
    """Return the span, or None if its context is invalid."""
    return span if span.get_span_context().is_valid else None
