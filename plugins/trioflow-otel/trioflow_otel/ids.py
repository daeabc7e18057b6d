"""Ids and sampling of spans that do not exist yet, and spans of which only the ids are known.

A run has a trace id before its first event, but its span starts with that event. So ids and
sampling are chosen first, recorded with the run, and given to the span when it starts. The
sampling of the first part holds for all later ones.
"""

from __future__ import annotations

import copy
from typing import Any

import attrs
from opentelemetry.trace import (
    SpanContext,
    TraceFlags,
    Tracer,
    TraceState,
    format_span_id,
    format_trace_id,
)

from trioflow.abc import TraceIds


@attrs.frozen
class Chosen:
    """What is chosen for a future span."""

    trace_id: int
    span_id: int
    sampling: Any = None
    """The answer of the sampler; None if it could not be asked."""

    @property
    def context(self) -> SpanContext:
        """The context that the span will have."""
        is_sampled = self.sampling is None or self.sampling.decision.is_sampled()
        flags = TraceFlags(TraceFlags.SAMPLED if is_sampled else TraceFlags.DEFAULT)
        state = None if self.sampling is None else self.sampling.trace_state
        return SpanContext(self.trace_id, self.span_id, False, flags, state)

    def texts(self) -> TraceIds:
        """Return both ids as hexadecimal strings."""
        return TraceIds(format_trace_id(self.trace_id), format_span_id(self.span_id))


class Choices:
    """Takes the place of a tracer's id generator and sampler, for spans with choices."""

    def __init__(self, generator: Any, sampler: Any) -> None:
        self._generator = generator
        self._sampler = sampler
        self.next: Chosen | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._generator if "trace_id" in name else self._sampler, name)

    def choose(self, trace_id: int | None) -> Chosen:
        """Return ids for a span in the given trace, or in a new one."""
        new: int = self._generator.generate_trace_id() if trace_id is None else trace_id
        return Chosen(new, self._generator.generate_span_id())

    def ask(self, chosen: Chosen, *about: Any) -> Chosen:
        """Return what is chosen, with the answer of the sampler to *about*, if there is one.

        Raises:
          Exception: what the sampler raises.
        """
        if self._sampler is None:
            return chosen
        return attrs.evolve(chosen, sampling=self._sampler.should_sample(*about))

    # ------------------------------------------------------------ what the tracer calls
    def generate_trace_id(self) -> int:
        """Return the id of a new trace."""
        found: int = self.next.trace_id if self.next else self._generator.generate_trace_id()
        return found

    def generate_span_id(self) -> int:
        """Return the id of a new span."""
        found: int = self.next.span_id if self.next else self._generator.generate_span_id()
        return found

    def should_sample(self, *args: Any, **kwargs: Any) -> Any:
        """Return the choice, or else the answer of the sampler."""
        if self.next is not None and self.next.sampling is not None:
            return self.next.sampling
        return self._sampler.should_sample(*args, **kwargs)


def with_choices(tracer: Tracer) -> tuple[Tracer, Choices | None]:
    """Return a copy of *tracer* whose ids and sampling can be chosen.

    This works with tracers of OpenTelemetry's SDK. Others are returned unchanged, with None.
    """
    generator = getattr(tracer, "id_generator", None)
    if generator is None:
        return tracer, None
    own: Any = copy.copy(tracer)  # a copy, because the provider may share the tracer
    sampler = getattr(tracer, "sampler", None)
    own.id_generator = choices = Choices(generator, sampler)
    if sampler is not None:
        own.sampler = choices
    return own, choices


def recorded_sampling(is_sampled: bool, attributes: Any, state: TraceState | None) -> Any:
    """Return the answer that a sampler has given for the first part of a run."""
    # Only the SDK has samplers, so it is installed if this is called.
    from opentelemetry.sdk.trace.sampling import Decision, SamplingResult

    decision = Decision.RECORD_AND_SAMPLE if is_sampled else Decision.DROP
    return SamplingResult(decision, attributes, state)


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
