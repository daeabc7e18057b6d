"""The instrument that writes spans."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    SpanKind,
    Tracer,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)

from trioflow import TracingContext
from trioflow import events as ev
from trioflow.abc import BodyInfo, Instrument, PartInfo, TraceIds
from trioflow_otel import attributes as a
from trioflow_otel.ids import Chosen, known_span, parse, recorded_sampling, with_choices
from trioflow_otel.losses import Losses
from trioflow_otel.part import ENDS, HANDLERS, Part
from trioflow_otel.places import Inside, baggage_of, headers_of, span_of, valid, with_baggage
from trioflow_otel.texts import Attributes, Texts
from trioflow_otel.ticking import inside_tick
from trioflow_otel.writer import Writer, missing

BEGINNINGS = (ev.Start, ev.Resume, ev.Recover)


@attrs.frozen(eq=False)
class Beginning:
    """The data for the span of a part that is about to start."""

    name: str
    about: Attributes
    around: Context
    links: tuple[Link, ...]
    chosen: Chosen | None
    """Ids and sampling; None if the tracer chooses them."""


class Tracing(Instrument):
    """Writes a tree of spans for each part of each run.

    The parent of a new run is the span that its caller passes, or else the caller's current
    span; without one, the run is a root. The part of a resumed or recovered run is a root of
    the same trace, with a link to the span of the previous part.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        own, choices = with_choices(tracer)
        self._losses = Losses()
        self._writer = Writer(own, choices, Texts.within(tracer), self._losses)
        self._beginning: dict[str, Beginning] = {}
        self._parts: dict[str, Part] = {}

    def on_begin(self, part: PartInfo) -> TraceIds | None:
        """Determine parent, links, ids and sampling of the span of a part."""
        begin = self._start if part.is_start else self._continue
        beginning = self._beginning[part.run_id] = begin(part)
        chosen, around = beginning.chosen, beginning.around
        if chosen is not None:
            recorded = set_span_in_context(NonRecordingSpan(chosen.context), around)
            return attrs.evolve(chosen.texts(), context=TracingContext(**headers_of(recorded)))
        parent = valid(get_current_span(around))
        if parent is None:
            return None
        trace_id = format_trace_id(parent.get_span_context().trace_id)
        return TraceIds(trace_id, context=TracingContext(**headers_of(around)))

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
            try:
                handler(part, event)
            except Exception as error:  # of a tracer that is not OpenTelemetry's
                self._losses.report(f"what event {event.type!r} says", error)
            if part.has_ended:
                del self._parts[event.run_id]

    def on_halt(self, run_id: str) -> None:
        """Remember that what ends from now on is halted, not canceled."""
        part = self._parts.get(run_id)
        if part is not None:
            part.is_halted = True

    def around_body(self, body: BodyInfo) -> Inside | None:
        """Make the span of a body current while it runs."""
        part = self._parts.get(body.run_id)
        if part is None:
            return None
        try:
            return Inside(part.begin_body(body), part.baggage)
        except Exception as error:  # of a tracer that is not OpenTelemetry's
            self._losses.report("the span of a body", error)
            return None

    # ------------------------------------------------------------ beginnings
    def _start(self, part: PartInfo) -> Beginning:
        around = self._inside(part.tracing_context, otel_context.get_current())
        try:
            around = inside_tick(self._tracer, part.metadata, around)
        except Exception as error:  # of a tracer that is not OpenTelemetry's, or of the metadata
            self._losses.report("the span of a tick", error)
        parent = valid(get_current_span(around))
        trace_id = parse(part.trace_id) if parent is None else parent.get_span_context().trace_id
        return self._beginning_of(part, around, (), trace_id)

    def _inside(self, place: TracingContext, around: Context) -> Context:
        """Return a context with the span and the baggage of the caller's place."""
        try:
            parent = span_of(place)
            if parent is not None:
                around = set_span_in_context(parent, around)
            return with_baggage(around, baggage_of(place))
        except Exception as error:  # of a span or place with a class of its own
            self._losses.report("the parent of a run", error)
            return around

    def _continue(self, part: PartInfo) -> Beginning:
        around = otel_context.get_current()
        own = baggage.get_all(around)  # of the caller, which comes before what is recorded
        links = []
        before = known_span(part.trace_id, part.previous_span_id)
        if before is not None:
            links.append(Link(before, {a.RUN: self._writer.texts.text(part.run_id)}))
        caller = valid(get_current_span(around))
        if caller is not None:  # usually the caller of resume()
            links.append(Link(caller.get_span_context()))
        around = set_span_in_context(INVALID_SPAN, around)
        around = with_baggage(with_baggage(around, baggage_of(part.first_context)), own)
        return self._beginning_of(part, around, tuple(links), parse(part.trace_id))

    def _beginning_of(
        self, part: PartInfo, around: Context, links: Sequence[Link], trace_id: int | None
    ) -> Beginning:
        texts = self._writer.texts
        about = texts.attributes(part.metadata, a.METADATA)
        run = {a.RUN: part.run_id, a.WORKFLOW: part.workflow_id, a.RESOURCE: part.resource_id}
        about |= texts.known(run)
        name = f"run {part.workflow_id}"
        if part.span is not None:
            name, about = part.span.name, about | texts.attributes(part.span.attributes)
        beginning = Beginning(name, about, around, tuple(links), None)
        chosen = self._choose(beginning, trace_id, part.first_context)
        return attrs.evolve(beginning, chosen=chosen)

    def _choose(
        self, beginning: Beginning, trace_id: int | None, first: TracingContext
    ) -> Chosen | None:
        """Choose ids and sampling; the sampler is asked only for the first part of a run."""
        choices, about = self._writer.choices, beginning.about
        if choices is None:
            return None
        chosen = choices.choose(trace_id)
        recorded = span_of(first)
        if recorded is not None:
            context = recorded.get_span_context()
            sampling = recorded_sampling(context.trace_flags.sampled, about, context.trace_state)
            return attrs.evolve(chosen, sampling=sampling)
        question = beginning.around, chosen.trace_id, beginning.name, SpanKind.INTERNAL
        try:
            return choices.ask(chosen, *question, about, beginning.links)
        except Exception as error:  # of the sampler
            self._losses.report("the sampling of a run", error)
            return chosen

    def _begin(self, event: ev.Event) -> None:
        beginning = self._beginning.pop(event.run_id, None)
        if beginning is None:
            return
        name, around, chosen = beginning.name, beginning.around, beginning.chosen
        root = self._writer.start_root(
            name, around, event.at, beginning.about, beginning.links, chosen
        )
        is_recording = root is None or root.is_recording()
        root = missing(chosen, around) if root is None else root
        self._parts[event.run_id] = Part(self._writer, root, around, is_recording)
