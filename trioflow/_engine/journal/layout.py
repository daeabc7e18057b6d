"""The layout of an entry: the attributes of events, and their values if left out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import attrs

from trioflow import events as ev
from trioflow._engine.history.event_values import REFERRING
from trioflow.wire._reading import Read, reader
from trioflow.wire._vocabulary import Field
from trioflow.wire._vocabulary import fields_of as wire_fields_of

IMPLIED: Mapping[tuple[type[ev.Event], str], Any] = {
    (ev.StepResult, "status"): "success",
    (ev.StepProgress, "status"): "success",
    (ev.StepFinish, "attempts"): 1,
    (ev.Start, "input"): None,
    (ev.StepStart, "input"): None,
}
"""The values of attributes without a default if they are left out."""
PLACE = ("id", "address")
"""Attributes that precede the object."""


@attrs.frozen
class EntryField:
    """An attribute of an event in a journal."""

    name: str
    key: str
    """Its name as JSON, with a colon."""
    default: Any
    """Its value if it is left out."""
    is_implied: bool
    """Whether its class has no such default."""
    is_value: bool
    """Whether it holds a value of the user."""
    is_sealed: bool
    """Whether a codec encodes it."""
    wire: Field
    read: Read
    """Reads it from its JSON."""


def _field(cls: type[ev.Event], field: Field) -> EntryField:
    default = IMPLIED.get((cls, field.name), field.default)
    wire = attrs.evolve(field, key=field.name)
    is_sealed = wire.is_value or field.name == "error"
    is_implied = default is not field.default
    key = f"{json.dumps(field.name)}:"
    return EntryField(
        field.name, key, default, is_implied, wire.is_value, is_sealed, wire, reader(wire)
    )


def _getter(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that gets several attributes of an object at once."""
    match names:
        case []:
            return lambda event: ()
        case [name]:
            return lambda event: (getattr(event, name),)
    return attrgetter(*names)


FIELDS: Mapping[type[ev.Event], tuple[EntryField, ...]] = {
    cls: tuple(_field(cls, field) for field in wire_fields_of(cls, "mastra-0.18"))
    for cls in ev.EVENT_TYPES.values()
}
"""All attributes except those that every event has."""
read_id, read_address = (field.read for field in FIELDS[ev.StepStart] if field.name in PLACE)
STEP_EVENTS = frozenset(cls for cls in FIELDS if issubclass(cls, ev.StepEvent))
"""The attributes of events that belong to a step."""
LISTED: Mapping[type[ev.Event], tuple[EntryField, ...]] = {
    cls: tuple(field for field in fields if field.name not in PLACE)
    for cls, fields in FIELDS.items()
}
"""The attributes that are written by name."""
LISTED_VALUES: Mapping[type[ev.Event], Callable[[Any], tuple[Any, ...]]] = {
    cls: _getter([field.name for field in fields]) for cls, fields in LISTED.items()
}
"""The values of these attributes of an event, in order."""
READABLE: Mapping[type[ev.Event], Mapping[str, EntryField]] = {
    cls: {field.name: field for field in fields} for cls, fields in LISTED.items()
}
"""The same, by name."""
REQUIRED: Mapping[type[ev.Event], tuple[str, ...]] = {
    cls: tuple(field.name for field in fields if field.default is attrs.NOTHING)
    for cls, fields in LISTED.items()
}
"""The names of the attributes that are never left out."""
LEFT_OUT: Mapping[type[ev.Event], Mapping[str, Any]] = {
    cls: {field.name: field.default for field in fields if field.is_implied}
    for cls, fields in LISTED.items()
}
"""The defaults that the event classes do not define."""
REFERENCES: Mapping[str, str] = {f"{name}_of": name for name in REFERRING}
"""Attributes that may hold the number of an earlier entry instead."""
