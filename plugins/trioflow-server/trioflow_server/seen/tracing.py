"""Spans of requests, if OpenTelemetry is installed. They are the parents of the spans of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from trioflow.tracing import TracingContext

try:
    from opentelemetry import propagate, trace
except ImportError:  # it is an extra
    propagate = trace = None  # type: ignore[assignment]


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
"""Methods that are named; anything could be sent."""


@attrs.define(eq=False)
class RequestSpan:
    """The span of one request; without a tracer, only what the request says of its trace."""

    headers: Mapping[str, str]
    span: Any = None
    """None if nothing is recorded."""

    @classmethod
    def start(cls, method: str, headers: Mapping[str, str], provider: Any = None) -> RequestSpan:
        """Start the span of a request.

        Args:
          provider: The provider of tracers; None for the global one.
        """
        if trace is None:
            return cls(headers)
        tracer = trace.get_tracer("trioflow.server", tracer_provider=provider)
        method = method if method in METHODS else "OTHER"
        span = tracer.start_span(
            method,
            propagate.extract(headers),
            trace.SpanKind.SERVER,
            {"http.request.method": method},
        )
        return cls(headers, span if span.is_recording() else None)

    def name(self, method: str, route: str) -> None:
        """Name the route of the request, when it is known."""
        if self.span is not None:
            self.span.update_name(f"{method} {route}")
            self.span.set_attribute("http.route", route)

    def note_run(self, run_id: str) -> None:
        """Name the run that the request is about."""
        if self.span is not None:
            self.span.set_attribute("trioflow.run_id", run_id)

    def context(self) -> TracingContext:
        """Return the parent of the runs that the request starts."""
        if self.span is not None:
            return TracingContext(current_span=self.span)
        return TracingContext.from_headers(self.headers)

    def answer_headers(self) -> dict[str, str]:
        """Return the headers that name the trace to the client."""
        if self.span is not None:
            carrier: dict[str, str] = {}
            propagate.inject(carrier, trace.set_span_in_context(self.span))
            return {key: value for key, value in carrier.items() if key == "traceparent"}
        context = TracingContext.from_headers(self.headers)
        return {key: value for key, value in context.headers().items() if key == "traceparent"}

    def end(self, status: int) -> None:
        """End the span with the status of the answer; 0 if there was none."""
        if self.span is not None:
            self.span.set_attribute("http.response.status_code", status)
            if status >= 500 or not status:
                self.span.set_status(trace.StatusCode.ERROR)
            self.span.end()
