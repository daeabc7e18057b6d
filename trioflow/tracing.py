"""The tracing arguments of a run: its parent span and its metadata."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs

from trioflow._help import PlainHelp

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


@attrs.frozen
class TracingContext(metaclass=PlainHelp):
    """The position of a run or a step in its caller's trace."""

    current_span: Any = None
    """The parent span, of any tracer.

    If it has a ``trace_id`` that is a string, the run uses it as its own trace id.
    """
    traceparent: str | None = None
    """The parent in another process: the W3C Trace Context header ``traceparent``.

    Used if there is no *current_span*. An invalid value is ignored, as W3C requires.
    """
    tracestate: str | None = None
    """The W3C Trace Context header ``tracestate``, which accompanies *traceparent*."""
    baggage: str | None = None
    """The W3C header ``baggage``: what the caller wants all services of the trace to know."""

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> TracingContext:
        """Return the context in the headers of a request. Header names ignore case."""
        found = {name.lower(): text.strip() for name, text in headers.items()}
        names = ("traceparent", "tracestate", "baggage")
        return cls(**{name: found.get(name) for name in names})

    def headers(self) -> dict[str, str]:
        """Return the headers that continue this trace in another process.

        Empty if only the tracer can write them. Inside a step that an instrument observes, the
        context has its own class, which returns the tracer's headers.
        """
        trace = {"traceparent": self.traceparent, "tracestate": self.tracestate}
        named = {**(trace if self.trace_id else {}), "baggage": self.baggage}
        return {name: text for name, text in named.items() if text}

    @property
    def trace_id(self) -> str | None:
        """Id of the trace, if it can be determined without the tracer."""
        if self.current_span is not None:
            trace_id = getattr(self.current_span, "trace_id", None)
            return trace_id if isinstance(trace_id, str) else None
        if self.traceparent is None:
            return None
        match = _TRACEPARENT.fullmatch(self.traceparent)
        return match[1] if match and int(match[1], 16) and int(match[2], 16) else None


NO_TRACING = TracingContext()
"""The context of a run without a caller's trace."""


@attrs.frozen
class TracingOptions(metaclass=PlainHelp):
    """Additional data to record about a run."""

    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    """Metadata for instruments that write traces; part of the `Start` event."""
