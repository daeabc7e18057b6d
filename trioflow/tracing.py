"""What a caller says about tracing when it starts a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


@attrs.frozen
class TracingContext:
    """Where a run or a step stands in its caller's trace."""

    current_span: Any = None
    """The span that is the parent of what happens next, of whatever tracer is in use.

    If it has a ``trace_id`` that is a string, the run takes that as its own trace id.
    """
    traceparent: str | None = None
    """The parent in another process, as the header of that name of W3C Trace Context says it.

    Counts if there is no *current_span*. One that is not valid is ignored, as W3C asks for.
    """
    tracestate: str | None = None
    """The header that goes with *traceparent*."""

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> TracingContext:
        """Return the context that a request came with, whatever the case of its headers."""
        found = {name.lower(): text.strip() for name, text in headers.items()}
        return cls(traceparent=found.get("traceparent"), tracestate=found.get("tracestate"))

    def headers(self) -> dict[str, str]:
        """Return the headers that make another process part of the trace here.

        Empty if only the tracer in use knows how to write them: the context inside of a step
        that an instrument watches is of a class of its own that can.
        """
        named = {"traceparent": self.traceparent, "tracestate": self.tracestate}
        return {name: text for name, text in named.items() if text} if self.trace_id else {}

    @property
    def trace_id(self) -> str | None:
        """The id of the trace, as far as it can be told without the tracer in use."""
        if self.current_span is not None:
            trace_id = getattr(self.current_span, "trace_id", None)
            return trace_id if isinstance(trace_id, str) else None
        if self.traceparent is None:
            return None
        match = _TRACEPARENT.fullmatch(self.traceparent)
        return match[1] if match and int(match[1], 16) and int(match[2], 16) else None


NO_TRACING = TracingContext()
"""Nothing is known of a caller's trace."""


@attrs.frozen
class TracingOptions:
    """What should be recorded about a run beside what happens in it."""

    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    """Handed on in the `Start` event, for whoever writes traces."""
