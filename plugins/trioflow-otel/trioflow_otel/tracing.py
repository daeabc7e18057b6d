"""The instrument that writes spans."""

from __future__ import annotations

import attrs
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    Span,
    Tracer,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)

from trioflow import events as ev
from trioflow.abc import BodyInfo, Instrument, PartInfo, TraceIds
from trioflow_otel import attributes as a
from trioflow_otel.ids import ChosenIds, Ids, known_span, parse, with_chosen_ids
from trioflow_otel.part import ENDS, HANDLERS, Part
from trioflow_otel.places import Inside, span_of, valid

BEGINNINGS = (ev.Start, ev.Resume, ev.Recover)


@attrs.frozen(eq=False)
class Beginning:
    """The data for the span of a part that is about to start."""

    part: PartInfo
    around: Context
    links: tuple[Link, ...]
    ids: Ids | None
    """None if the tracer chooses them."""


class Tracing(Instrument):
    """Writes a tree of spans for each part of each run.

    The parent of a new run is the span that its caller passes, or else the caller's current
    span; without one, the run is a root. The part of a resumed or recovered run is a root of
    the same trace, with a link to the span of the previous part.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._ids: ChosenIds | None
        self._tracer, self._ids = with_chosen_ids(tracer)
        self._beginning: dict[str, Beginning] = {}
        self._parts: dict[str, Part] = {}

    def on_begin(self, part: PartInfo) -> TraceIds | None:
        """Determine the parent or the links of a part, and choose the ids of its span."""
        begin = self._start if part.is_start else self._go_on
        beginning = self._beginning[part.run_id] = begin(part)
        if beginning.ids is not None:
            return beginning.ids.texts()
        parent = valid(get_current_span(beginning.around))
        if parent is None:
            return None
        return TraceIds(format_trace_id(parent.get_span_context().trace_id))

    def on_event(self, event: ev.Event) -> None:
        """Start, extend or end the tree of a part."""
        if isinstance(event, BEGINNINGS):
            self._begin(event)
            return
        part = self._parts.get(event.run_id)
        if part is None:
            return
        handler = (HANDLERS if part.is_recording else ENDS).get(type(event))
        if handler is not None:
            handler(part, event)
            if part.is_over:
                del self._parts[event.run_id]

    def around_body(self, body: BodyInfo) -> Inside | None:
        """Make the span of a body current while it runs."""
        part = self._parts.get(body.run_id)
        return None if part is None else Inside(part.begin_body(body))

    # ------------------------------------------------------------ beginnings
    def _start(self, part: PartInfo) -> Beginning:
        around = otel_context.get_current()
        parent = span_of(part.tracing_context)
        if parent is not None:
            around = set_span_in_context(parent, around)
        parent = valid(get_current_span(around))
        trace_id = parse(part.trace_id) if parent is None else parent.get_span_context().trace_id
        return Beginning(part, around, (), self._choose(trace_id))

    def _go_on(self, part: PartInfo) -> Beginning:
        around = otel_context.get_current()
        links = []
        before = known_span(part.trace_id, part.previous_span_id)
        if before is not None:
            links.append(Link(before, {a.RUN: a.clean(part.run_id)}))
        caller = valid(get_current_span(around))
        if caller is not None:  # usually the caller of resume()
            links.append(Link(caller.get_span_context()))
        around = set_span_in_context(INVALID_SPAN, around)
        return Beginning(part, around, tuple(links), self._choose(parse(part.trace_id)))

    def _choose(self, trace_id: int | None) -> Ids | None:
        return None if self._ids is None else self._ids.choose(trace_id)

    def _begin(self, event: ev.Event) -> None:
        beginning = self._beginning.pop(event.run_id, None)
        if beginning is not None:
            root = self._root(beginning, event.at)
            self._parts[event.run_id] = Part(self._tracer, root, beginning.around)

    def _root(self, beginning: Beginning, at: float) -> Span:
        part = beginning.part
        about = a.metadata_attributes(part.metadata)
        about |= {a.RUN: a.clean(part.run_id), a.WORKFLOW: part.workflow_id}
        if part.resource_id is not None:
            about[a.RESOURCE] = a.clean(part.resource_id)
        if self._ids is not None:
            self._ids.chosen = beginning.ids
        try:
            return self._tracer.start_span(
                f"run {part.workflow_id}",
                beginning.around,
                attributes=about,
                links=beginning.links,
                start_time=a.nanoseconds(at),
            )
        finally:
            if self._ids is not None:
                self._ids.chosen = None
