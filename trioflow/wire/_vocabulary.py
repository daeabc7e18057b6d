"""The names of types and keys in each dialect.

An attribute of an event is written under its own name in camelCase, unless listed here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

import attrs

from trioflow import events as ev

Dialect = Literal["mastra-0.18", "mastra-1"]
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)

_COMMON = {"start", "step-start", "step-waiting", "step-suspended", "step-result"}
NATIVE_TYPES: Mapping[Dialect, frozenset[str]] = {
    "mastra-0.18": frozenset(
        _COMMON
        | {"step-finish", "tool-call", "tool-call-streaming-start", "tool-call-delta"}
        | {"canceled", "finish"}
    ),
    "mastra-1": frozenset(_COMMON | {"step-output", "step-progress", "canceled", "finish"}),
}
"""The event types that the recorded engine of each dialect also has."""

PREFIX = "workflow-"
"""The prefix in ``mastra-1`` of the types of all events but tool events."""

ENVELOPE = ("run_id", "seq", "at")
"""Attributes that every event has; they are outside the payload."""

VALUES = frozenset(
    {"input", "output", "state", "runtime_context", "metadata", "resume_data", "chunk"}
    | {"state_updates", "args", "delta", "result", "data", "updates", "payload", "asks"}
    | {"inputs", "answers", "usage"}
)
"""Attributes that hold user values."""

_KEYS: dict[tuple[type[ev.Event], str], str] = {
    (ev.StepStart, "input"): "payload",
    (ev.StepStart, "resume_data"): "resumePayload",
    (ev.StepOutput, "chunk"): "output",
    (ev.StepProgress, "index"): "currentIndex",
    (ev.StepProgress, "done"): "completedCount",
    (ev.StepProgress, "total"): "totalCount",
    (ev.StepProgress, "status"): "iterationStatus",
    (ev.StepProgress, "output"): "iterationOutput",
    (ev.StepProgress, "error"): "iterationError",
    (ev.StepWaiting, "input"): "payload",
    (ev.StepSuspended, "payload"): "suspendPayload",
    (ev.ToolCallDelta, "delta"): "argsTextDelta",
}
_KEYS_OF_1: dict[tuple[type[ev.Event], str], str] = {
    (ev.Finish, "status"): "workflowStatus",
    (ev.Finish, "result"): "finalWorkflowResult",
    **{
        (cls, "name"): "toolName"
        for cls in ev.EVENT_TYPES.values()
        if issubclass(cls, ev.ToolEvent)
    },
}


@attrs.frozen
class Field:
    """One attribute of an event on the wire."""

    name: str
    key: str
    type: Any
    default: Any
    """The value of the attribute if the key is missing; `attrs.NOTHING` if it is required."""

    @property
    def is_value(self) -> bool:
        """Whether it holds a user value."""
        return self.name in VALUES or self.key == "suspendPayload"


def fields_of(cls: type[ev.Event], dialect: Dialect) -> tuple[Field, ...]:
    """Return the attributes in the payload of *cls*."""
    return _FIELDS[cls, dialect]


def _key(cls: type[ev.Event], name: str, dialect: Dialect) -> str:
    if dialect == "mastra-1" and (cls, name) in _KEYS_OF_1:
        return _KEYS_OF_1[cls, name]
    return _KEYS.get((cls, name)) or re.sub("_(.)", lambda match: match[1].upper(), name)


def _fields(cls: type[ev.Event], dialect: Dialect) -> tuple[Field, ...]:
    return tuple(
        Field(field.name, _key(cls, field.name, dialect), field.type, _default(field))
        for field in attrs.fields(attrs.resolve_types(cls))
        if field.name not in ENVELOPE
    )


def _default(field: attrs.Attribute[Any]) -> Any:
    factory = getattr(field.default, "factory", None)
    return field.default if factory is None else factory()


_FIELDS = {
    (cls, dialect): _fields(cls, dialect) for cls in ev.EVENT_TYPES.values() for dialect in DIALECTS
}
