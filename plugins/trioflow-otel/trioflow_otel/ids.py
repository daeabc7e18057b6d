"""Ids of spans that do not exist yet, and of spans of which only the ids are known.

A run has a trace id before its first event, but its span starts with that event. So the
ids are chosen first and assigned to the span when it starts.
"""

from __future__ import annotations

import copy
from typing import Any

import attrs
from opentelemetry.trace import SpanContext, Tracer, format_span_id, format_trace_id

from trioflow.abc import TraceIds


@attrs.frozen
class Ids:
    """The ids of a future span."""

    trace_id: int
    span_id: int

    def texts(self) -> TraceIds:
        """Return both ids as hexadecimal strings."""
        return TraceIds(format_trace_id(self.trace_id), format_span_id(self.span_id))


class ChosenIds:
    """An id generator for a tracer that can return chosen ids for the next span."""

    def __init__(self, generator: Any) -> None:
        self._generator = generator
        self.chosen: Ids | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._generator, name)

    def choose(self, trace_id: int | None) -> Ids:
        """Return ids for a span in the given trace, or in a new one."""
        new: int = self._generator.generate_trace_id() if trace_id is None else trace_id
        return Ids(new, self._generator.generate_span_id())

    def generate_trace_id(self) -> int:
        """Return the id of a new trace."""
        found: int = self.chosen.trace_id if self.chosen else self._generator.generate_trace_id()
        return found

    def generate_span_id(self) -> int:
        """Return the id of a new span."""
        found: int = self.chosen.span_id if self.chosen else self._generator.generate_span_id()
        return found


def with_chosen_ids(tracer: Tracer) -> tuple[Tracer, ChosenIds | None]:
    """Return a copy of *tracer* whose ids can be chosen.

    This works with tracers of OpenTelemetry's SDK. Others are returned unchanged, with None.
    """
    generator = getattr(tracer, "id_generator", None)
    if generator is None:
        return tracer, None
    own: Any = copy.copy(tracer)  # a copy, because the provider may share the tracer
    own.id_generator = ChosenIds(generator)
    return own, own.id_generator


def parse(text: str | None) -> int | None:
    """Return an id from its hexadecimal string, or None if it is not an OpenTelemetry id."""
    try:
        number = int(text or "", 16)
    except ValueError:
        return None
    return number or None


def known_span(trace_id: str | None, span_id: str | None) -> SpanContext | None:
    """Return the context of a span from its ids, or None if they are missing or invalid."""
    trace, span = parse(trace_id), parse(span_id)
    if trace is None or span is None:
        return None
    context = SpanContext(trace, span, is_remote=True)
    return context if context.is_valid else None
