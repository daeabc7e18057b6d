"""Reads events from JSON."""

from __future__ import annotations

import functools
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
"""The latest time of a JavaScript date, in seconds since the epoch."""
MOST_EVENTS = 2**63
"""Stores keep the sequence numbers of events in 64 bits."""
MOST_ITEMS = 10**18
"""Numbers in addresses have fewer digits."""
MOST_DIGITS = 10**MAX_DIGITS
MOST_FLOAT = sys.float_info.max

Accept: TypeAlias = Callable[[Any], Any]
"""Returns a value of the user as plain JSON types; raises NotSerializableError if it is not."""
Read: TypeAlias = Callable[[Any, Accept], Any]
"""Returns an attribute of an event from its JSON."""


def from_wire(wire: str | bytes | Mapping[str, Any]) -> ev.Event:
    """Return the event that `to_wire` wrote, in either dialect.

    User values stay the plain JSON types that they were written as, and exceptions are read as
    `RecordedError`. The event can be written again.

    Args:
      wire: The object, or its JSON string.

    Raises:
      WireFormatError: if it is not an event of trioflow.
    """
    try:
        if isinstance(wire, str | bytes):
            return _event(_parsed(wire), rewritable)
        return _event(wire, partial(write, converter=None))
    except WireFormatError:
        raise
    except Exception as exc:  # a mapping may be of any class, and raise when it is read
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
    for field, read in _readers(cls.type, dialect):
        if field.key in payload:
            values[field.name] = read(payload[field.key], accept)
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
        raise WireFormatError(f"unknown event type {shown(type)}")
    return ev.EVENT_TYPES[name]


def _payload(wire: Mapping[str, Any], cls: type[ev.Event], dialect: Dialect) -> dict[str, Any]:
    if dialect == "mastra-0.18" and issubclass(cls, ev.ToolEvent):
        return dict(wire)
    payload = wire.get("payload")
    if not isinstance(payload, Mapping):
        raise WireFormatError(f"{cls.type} has no object under 'payload'")
    payload = dict(payload)
    if payload.get("workflowStatus") == "tripwire":
        payload["workflowStatus"] = "failed"
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
    if not _check_of(type)(value):
        raise WireFormatError(f"{key!r} is {shown(value)}")
    return value


def reader(field: Field) -> Read:
    """Return the function that reads an attribute of an event from its JSON.

    The function raises WireFormatError if the JSON is not valid for this attribute.
    """
    if field.name == "error":
        return lambda value, accept: error_from_wire(value, repr(field.key))
    fits, check_more = _check_of(field.type), _MORE_CHECKS.get(field.name)

    def read(value: Any, accept: Accept) -> Any:
        if type(value) is list:
            value = tuple(value)  # ids and addresses; JSON has no tuples
        if not fits(value):
            raise WireFormatError(f"{field.key!r} is {shown(value)}")
        if check_more is not None:
            check_more(field.key, value)
        return value

    def read_value(value: Any, accept: Accept) -> Any:
        try:
            value = accept(value)
        except NotSerializableError as exc:
            where = join(field.key, exc.path)
            raise WireFormatError(f"{where!r} {exc.problem}") from exc
        if field.type is not Any and not fits(value):
            raise WireFormatError(f"{field.key!r} is {shown(value)}")
        return value

    return read_value if field.is_value else read


@functools.cache
def _readers(type_: str, dialect: Dialect) -> tuple[tuple[Field, Read], ...]:
    return tuple((field, reader(field)) for field in fields_of(ev.EVENT_TYPES[type_], dialect))


# ---------------------------------------------------------------- checks
def _check_address(key: str, address: Any) -> None:
    try:
        Address.parse(address)
    except InvalidAddressError as exc:
        raise WireFormatError(f"{key!r}: {exc}") from exc


def _check_addresses(key: str, addresses: Any) -> None:
    for address in addresses:
        _check_address(key, address)


def _check_index(key: str, index: Any) -> None:
    if not 0 <= index < MOST_ITEMS:
        raise WireFormatError(f"{key!r} is {shown(index)}")


_MORE_CHECKS: Mapping[str, Callable[[str, Any], None]] = {
    "address": _check_address,
    "targets": _check_addresses,
    "index": _check_index,
}
"""Further checks, by the names of attributes."""


def _check_of(type_: Any) -> Callable[[Any], bool]:
    """Return the check of a type that attributes of events have."""
    origin = typing.get_origin(type_) or type_
    if origin in (Union, types.UnionType):
        members = [_check_of(member) for member in typing.get_args(type_)]
        return lambda value: any(fits(value) for fits in members)
    if origin is Literal:
        words = frozenset(typing.get_args(type_))
        return lambda value: isinstance(value, str) and value in words
    if origin is str:  # most attributes
        return lambda value: isinstance(value, str)
    if origin in _CHECKS:
        return _CHECKS[origin]
    if origin is Mapping:
        return _check_of_mapping(*typing.get_args(type_))
    return lambda value: isinstance(value, origin) and not isinstance(value, bool)


def _check_of_mapping(key: Any, item: Any) -> Callable[[Any], bool]:
    """Return the check of a mapping, whose items are checked if they are plain."""
    fits_key, fits_item = _check_of(key), _check_of(item if item in _CHECKS else Any)

    def fits(value: Any) -> bool:
        if not isinstance(value, Mapping):
            return False
        return all(fits_key(key) and fits_item(item) for key, item in value.items())

    return fits


def _is_float(value: Any) -> bool:
    # Compared as they are, because an integer may be too large for a float.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and -MOST_FLOAT <= value <= MOST_FLOAT


def _is_int(value: Any) -> bool:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return is_number and -MOST_DIGITS < value < MOST_DIGITS


_CHECKS: Mapping[Any, Callable[[Any], bool]] = {
    Any: lambda value: True,
    bool: lambda value: isinstance(value, bool),
    float: _is_float,
    int: _is_int,
    tuple: lambda value: isinstance(value, tuple) and all(isinstance(item, str) for item in value),
}
