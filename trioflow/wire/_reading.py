"""Events from JSON."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Union

import attrs

from trioflow import events as ev
from trioflow.errors import WireFormatError
from trioflow.wire._failures import error_from_wire
from trioflow.wire._vocabulary import PREFIX, Dialect, Field, fields_of


def from_wire(wire: str | bytes | Mapping[str, Any]) -> ev.Event:
    """Return the event that `to_wire` wrote, in whichever dialect.

    Values of users stay the plain JSON types that they were written as, and exceptions
    come back as `RecordedError`.

    Args:
      wire: The object, or its JSON text.

    Raises:
      WireFormatError: if it is not an event of ours.
    """
    wire = _object(wire)
    dialect: Dialect = "mastra-1" if "from" in wire else "mastra-0.18"
    cls = _class_of(wire, dialect)
    payload = _payload(wire, cls, dialect)
    values = {"run_id": _take(wire, "runId", str), "seq": _take(wire, "seq", int)}
    values["at"] = _take(wire, "at", float)
    for field in fields_of(cls, dialect):
        if field.key in payload:
            values[field.name] = _read(field, payload[field.key])
        elif field.default is attrs.NOTHING:
            raise WireFormatError(f"{cls.type} lacks {field.key!r}")
    return cls(**values)


def _object(wire: str | bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(wire, str | bytes):
        try:
            wire = json.loads(wire)
        except (ValueError, RecursionError) as exc:
            raise WireFormatError(f"it is not JSON ({exc})") from exc
    if not isinstance(wire, Mapping):
        raise WireFormatError("it is not an object")
    return wire


def _class_of(wire: Mapping[str, Any], dialect: Dialect) -> type[ev.Event]:
    type = wire.get("type")
    name = type.removeprefix(PREFIX) if dialect == "mastra-1" and isinstance(type, str) else type
    if not isinstance(name, str) or name not in ev.EVENT_TYPES:
        raise WireFormatError(f"no event has the type {type!r}")
    return ev.EVENT_TYPES[name]


def _payload(wire: Mapping[str, Any], cls: type[ev.Event], dialect: Dialect) -> dict[str, Any]:
    if dialect == "mastra-0.18" and issubclass(cls, ev.ToolEvent):
        return dict(wire)
    payload = wire.get("payload")
    if not isinstance(payload, Mapping):
        raise WireFormatError(f"{cls.type} has no object under 'payload'")
    payload = dict(payload)
    if dialect == "mastra-1" and cls in (ev.StepStart, ev.Finish):
        metadata = payload.get("metadata", {})
        if not isinstance(metadata, Mapping):
            raise WireFormatError(f"{cls.type} has no object under 'metadata'")
        payload |= {
            key: metadata[inner]
            for key, inner in (("iteration", "iterationCount"), ("error", "error"))
            if inner in metadata
        }
    return payload


def _take(wire: Mapping[str, Any], key: str, type: Any) -> Any:
    if not _fits(wire.get(key), type):
        raise WireFormatError(f"{key!r} is {wire.get(key)!r}")
    return wire[key]


def _read(field: Field, value: Any) -> Any:
    if field.name == "error":
        return error_from_wire(value, repr(field.key))
    if isinstance(value, list) and not field.is_value:
        value = tuple(value)  # ids and addresses; JSON has no tuples
    if not _fits(value, field.type):
        raise WireFormatError(f"{field.key!r} is {value!r}")
    return value


def _fits(value: Any, type: Any) -> bool:
    """Tell whether *value* is of one of the types that events have."""
    origin = typing.get_origin(type) or type
    if origin is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(_fits(value, member) for member in typing.get_args(type))
    if origin is Literal:
        return isinstance(value, str) and value in typing.get_args(type)
    if isinstance(value, bool):
        return False
    if origin is float:
        return isinstance(value, int | float)
    return isinstance(value, origin)
