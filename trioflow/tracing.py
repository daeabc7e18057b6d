"""What a caller says about tracing when it starts a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs


@attrs.frozen
class TracingContext:
    """Where a run or a step stands in its caller's trace."""

    current_span: Any = None
    """The span that is the parent of what happens next, of whatever tracer is in use.

    If it has a ``trace_id`` that is a string, the run takes that as its own trace id.
    """


@attrs.frozen
class TracingOptions:
    """What should be recorded about a run beside what happens in it."""

    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    """Handed on in the `Start` event, for whoever writes traces."""
