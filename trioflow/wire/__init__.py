"""Events as JSON, in two dialects of the vocabulary of recorded workflow engines.

``"mastra-0.18"`` wraps an event as ``{"type", "payload"}`` (tool events are flat), and
``"mastra-1"`` as ``{"type": "workflow-...", "runId", "from", "payload"}``. Both are
extended, so that each can represent every event without loss. A reader of the original
vocabulary finds what it expects, and must ignore the rest.

- ``seq`` and ``at`` (exact seconds since the epoch) are next to ``type``; the vocabulary's own
  keys for times (``startedAt``, ...) hold whole milliseconds since the epoch.
- Exceptions are ``{"name", "message", "stack"?, "errors"?}``, as `error_to_wire` returns them,
  and are read as `RecordedError`.
- User values are written by a cattrs converter and read as plain JSON types.
  `lenient_json` is for display: it never fails, and its output cannot be read back.
"""

from typing import TYPE_CHECKING

from trioflow._lazy import lazy_names

if TYPE_CHECKING:
    from trioflow.wire._failures import RecordedError, error_to_wire
    from trioflow.wire._reading import from_wire
    from trioflow.wire._results import result_to_wire
    from trioflow.wire._values import lenient_json
    from trioflow.wire._vocabulary import DIALECTS, NATIVE_TYPES, Dialect
    from trioflow.wire._writing import to_wire

__all__ = [
    "DIALECTS",
    "NATIVE_TYPES",
    "Dialect",
    "RecordedError",
    "error_to_wire",
    "from_wire",
    "lenient_json",
    "result_to_wire",
    "to_wire",
]

if not TYPE_CHECKING:  # otherwise type checkers would accept every name
    __getattr__ = lazy_names(
        __name__,
        {
            "DIALECTS": "trioflow.wire._vocabulary",
            "NATIVE_TYPES": "trioflow.wire._vocabulary",
            "Dialect": "trioflow.wire._vocabulary",
            "RecordedError": "trioflow.wire._failures",
            "error_to_wire": "trioflow.wire._failures",
            "from_wire": "trioflow.wire._reading",
            "lenient_json": "trioflow.wire._values",
            "result_to_wire": "trioflow.wire._results",
            "to_wire": "trioflow.wire._writing",
        },
    )
