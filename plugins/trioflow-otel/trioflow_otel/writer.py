"""Starts spans, and loses no more than one if a sampler, processor or exporter raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    Tracer,
    get_current_span,
)

from trioflow_otel import attributes as a
from trioflow_otel.ids import Choices, Chosen
from trioflow_otel.losses import Losses
from trioflow_otel.texts import NAMES, Attributes, Texts

KINDS: Mapping[str, SpanKind] = {kind.name.lower(): kind for kind in SpanKind}


@attrs.frozen(eq=False)
class Writer:
    """A tracer that does not raise."""

    tracer: Tracer
    choices: Choices | None
    """Where ids and sampling of the next span are chosen; None if the tracer does not ask."""
    texts: Texts
    losses: Losses

    def start(
        self, name: str, around: Context, at: float, about: Attributes, kind: str = "internal"
    ) -> Span:
        """Start a span in a part; if that fails, what is inside belongs to its parent."""
        try:
            return self.tracer.start_span(
                NAMES.text(name),
                around,
                KINDS.get(kind, SpanKind.INTERNAL),
                about,
                start_time=a.nanoseconds(at),
            )
        except Exception as error:  # of a sampler or processor
            self.losses.report("a span", error)
            return NonRecordingSpan(get_current_span(around).get_span_context())

    def start_root(
        self,
        name: str,
        around: Context,
        at: float,
        about: Attributes,
        links: Sequence[Link],
        chosen: Chosen | None,
    ) -> Span | None:
        """Start the span of a part with ids that are chosen already; None if that fails."""
        if self.choices is not None:
            self.choices.next = chosen
        try:
            return self.tracer.start_span(
                NAMES.text(name),
                around,
                attributes=about,
                links=links,
                start_time=a.nanoseconds(at),
            )
        except Exception as error:  # of a sampler or processor
            self.losses.report("the span of a run", error)
            return None
        finally:
            if self.choices is not None:
                self.choices.next = None


def missing(chosen: Chosen | None, around: Context) -> Span:
    """Return what stands for the span of a part that is lost, so that its children have a trace."""
    if chosen is None:
        return NonRecordingSpan(get_current_span(around).get_span_context())
    flags = TraceFlags(TraceFlags.SAMPLED)
    return NonRecordingSpan(SpanContext(chosen.trace_id, chosen.span_id, False, flags))
