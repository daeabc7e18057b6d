"""Events from JSON."""

from __future__ import annotations

import json
import sys
import types
import typing
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, TypeAlias, Union

import attrs

from trioflow import events as ev
from trioflow.addresses import Address
from trioflow.errors import InvalidAddressError, NotSerializableError, WireFormatError
from trioflow.wire._failures import error_from_wire
from trioflow.wire._plain import MAX_DIGITS, join, rewritable, write
from trioflow.wire._shown import class_name, shown
from trioflow.wire._vocabulary import PREFIX, Dialect, Field, fields_of

MOST_SECONDS = 8.64e12
"""The last moment that JavaScript has a date for, in seconds since the epoch."""
MOST_EVENTS = 2**63
"""Stores keep numbers of events as 64 bits."""
MOST_ITEMS = 10**18
"""Numbers in addresses have fewer digits."""
MOST_DIGITS = 10**MAX_DIGITS
MOST_FLOAT = sys.float_info.max

Accept: TypeAlias = Callable[[Any], Any]
"""Returns a value of the user as plain JSON types; raises NotSerializableError if it is not."""


def from_wire(wire: str | bytes | Mapping[str, Any]) -> ev.Event:
    """Return the event that `to_wire` wrote, in whichever dialect.

    Values of users stay the plain JSON types that they were written as, and exceptions
    come back as `RecordedError`. What is returned can be written again.

    Args:
      wire: The object, or its JSON string.

    Raises:
      WireFormatError: if it is not an event of ours, whatever else it is.
    """
    try:
        if isinstance(wire, str | bytes):
            return _event(_parsed(wire), rewritable)
        return _event(wire, partial(write, converter=None))
    except WireFormatError:
        raise
    except Exception as exc:  # a mapping may be anyone's, and raise when it is read
        raise WireFormatError(f"it cannot be read ({class_name(exc)})") from exc


def _event(wire: object, accept: Accept) -> ev.Event:
    if not isinstance(wire, Mapping):
        raise WireFormatError("it is not an object")
    dialect: Dialect = "mastra-1" if "from" in wire else "mastra-0.18"
    cls = _class_of(wire, dialect)
    payload = _payload(wire, cls, dialect)
    values = {"run_id": _take(wire, "runId", str), "seq": _take(wire, "seq", int)}
    values["at"] = _take(wire, "at", float)
    if not 0 <= values["seq"] < MOST_EVENTS or not -MOST_SECONDS <= values["at"] <= MOST_SECONDS:
        raise WireFormatError(f"no event has 'seq' {shown(wire['seq'])}, 'at' {shown(wire['at'])}")
    for field in fields_of(cls, dialect):
        if field.key in payload:
            values[field.name] = read_field(field, payload[field.key], accept)
        elif field.default is attrs.NOTHING:
            raise WireFormatError(f"{cls.type} lacks {field.key!r}")
    return cls(**values)


def _parsed(text: str | bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise WireFormatError(f"it is not JSON ({exc})") from exc


def _class_of(wire: Mapping[str, Any], dialect: Dialect) -> type[ev.Event]:
    type = wire.get("type")
    name = type.removeprefix(PREFIX) if dialect == "mastra-1" and isinstance(type, str) else type
    if not isinstance(name, str) or name not in ev.EVENT_TYPES:
        raise WireFormatError(f"no event has the type {shown(type)}")
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
    value = wire.get(key)
    if not _fits(value, type):
        raise WireFormatError(f"{key!r} is {shown(value)}")
    return value


def read_field(field: Field, value: Any, accept: Accept) -> Any:
    """Return an attribute of an event from what stands in its place.

    Raises:
      WireFormatError: if it cannot be what stands there.
    """
    if field.name == "error":
        return error_from_wire(value, repr(field.key))
    if field.is_value:
        try:
            value = accept(value)
        except NotSerializableError as exc:
            where = join(field.key, exc.path)
            raise WireFormatError(f"{where!r} {exc.problem}") from exc
    elif isinstance(value, list):
        value = tuple(value)  # ids and addresses; JSON has no tuples
    if not _fits(value, field.type):
        raise WireFormatError(f"{field.key!r} is {shown(value)}")
    if field.name == "address":
        _check_address(field.key, value)
    elif field.name == "targets":
        for address in value:
            _check_address(field.key, address)
    elif field.name == "index" and not 0 <= value < MOST_ITEMS:
        raise WireFormatError(f"{field.key!r} is {shown(value)}")
    return value


def _check_address(key: str, address: str) -> None:
    try:
        Address.parse(address)
    except InvalidAddressError as exc:
        raise WireFormatError(f"{key!r}: {exc}") from exc


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
        return origin is bool
    if origin is float:
        # Compared as they are, because an integer may be too large for a float.
        return isinstance(value, int | float) and -MOST_FLOAT <= value <= MOST_FLOAT
    if origin is int:
        return isinstance(value, int) and -MOST_DIGITS < value < MOST_DIGITS
    if origin is tuple:
        return isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    return isinstance(value, origin)
