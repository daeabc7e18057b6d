"""Conversions between trioflow's tracing contexts and OpenTelemetry's spans and baggage."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs
from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
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
from trioflow_otel.texts import NAMES, Texts

PROPAGATOR = TraceContextTextMapPropagator()
BAGGAGE = W3CBaggagePropagator()
PLAIN = Texts()


@attrs.frozen
class SpanPlace(TracingContext):
    """The tracing context of an OpenTelemetry span; ``ctx.tracing_context`` in a step."""

    context: Context = attrs.field(factory=Context, eq=False, repr=False)
    """The context of the body, with its baggage."""

    def headers(self) -> dict[str, str]:
        """Return the headers that continue the trace in another process, with the baggage."""
        around = set_span_in_context(self.current_span, self.context)
        for name, value in baggage.get_all().items():  # of the code that asks
            around = baggage.set_baggage(name, value, around)
        return headers_of(around)

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

    __slots__ = ("_baggage", "_span", "_token")

    def __init__(self, span: Span, baggage: Mapping[str, object]) -> None:
        """Make *span* current, with the *baggage* of the run where the task has none."""
        self._span = span
        self._baggage = baggage

    def __enter__(self) -> SpanPlace:
        around = set_span_in_context(self._span)
        if self._baggage:
            around = with_baggage(around, {**self._baggage, **baggage.get_all(around)})
        self._token = otel_context.attach(around)
        return SpanPlace(self._span, context=around)

    def __exit__(self, *exc_info: object) -> None:
        otel_context.detach(self._token)


@contextmanager
def attached(place: TracingContext) -> Generator[Span, None, None]:
    """Make *place* OpenTelemetry's current context in the block, and yield its span.

    Steps do not need this. It is for code that receives a tracing context in another way,
    such as the headers in a worker process.
    """
    span = span_of(place) or INVALID_SPAN
    around = with_baggage(set_span_in_context(span), baggage_of(place))
    token = otel_context.attach(around)
    try:
        yield span
    finally:
        otel_context.detach(token)


def headers_of(context: Context) -> dict[str, str]:
    """Return the headers that continue a context in another process."""
    carrier: dict[str, str] = {}
    PROPAGATOR.inject(carrier, context)
    found = baggage.get_all(context).items()  # values of any kind
    strings = {NAMES.text(name): PLAIN.text(value) for name, value in found}
    BAGGAGE.inject(carrier, with_baggage(Context(), strings))
    return carrier


def span_of(place: TracingContext) -> Span | None:
    """Return the span of a tracing context, or None if it is not an OpenTelemetry span."""
    span = place.current_span
    if isinstance(span, SpanContext):
        return NonRecordingSpan(span)
    if span is not None:
        return span if isinstance(span, Span) else None
    return valid(get_current_span(PROPAGATOR.extract(place.headers(), Context())))


def baggage_of(place: TracingContext) -> Mapping[str, object]:
    """Return the baggage of a tracing context."""
    return baggage.get_all(BAGGAGE.extract(place.headers(), Context()))


def with_baggage(context: Context, found: Mapping[str, object]) -> Context:
    """Return a context with some baggage in addition to its own."""
    for name, value in found.items():
        context = baggage.set_baggage(name, value, context)
    return context


def valid(span: Span) -> Span | None:
    """Return the span, or None if its context is invalid."""
    return span if span.get_span_context().is_valid else None
