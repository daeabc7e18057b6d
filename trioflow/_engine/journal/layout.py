"""What stands where in an entry: the attributes of events, and what they are if left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from trioflow import events as ev
from trioflow.wire._vocabulary import Field
from trioflow.wire._vocabulary import fields_of as wire_fields_of

IMPLIED: Mapping[tuple[type[ev.Event], str], Any] = {
    (ev.StepResult, "status"): "success",
    (ev.StepProgress, "status"): "success",
    (ev.StepFinish, "attempts"): 1,
    (ev.Start, "input"): None,
    (ev.StepStart, "input"): None,
}
"""What attributes without a default are if they are left out."""
PLACE = ("id", "address")
"""Attributes that stand before the object."""


@attrs.frozen
class EntryField:
    """An attribute of an event in a journal."""

    name: str
    key: str
    """Its name as JSON, with a colon."""
    default: Any
    """What it is if it is left out."""
    is_implied: bool
    """Whether the class itself has no such default."""
    is_value: bool
    """Whether it holds a value of the user."""
    is_sealed: bool
    """Whether a codec encodes it."""
    wire: Field


def _field(cls: type[ev.Event], field: Field) -> EntryField:
    default = IMPLIED.get((cls, field.name), field.default)
    wire = attrs.evolve(field, key=field.name)
    is_sealed = wire.is_value or field.name == "error"
    is_implied = default is not field.default
    key = f"{json.dumps(field.name)}:"
    return EntryField(field.name, key, default, is_implied, wire.is_value, is_sealed, wire)


FIELDS: Mapping[type[ev.Event], tuple[EntryField, ...]] = {
    cls: tuple(_field(cls, field) for field in wire_fields_of(cls, "mastra-0.18"))
    for cls in ev.EVENT_TYPES.values()
}
"""All attributes but those that every event has."""
LISTED: Mapping[type[ev.Event], tuple[EntryField, ...]] = {
    cls: tuple(field for field in fields if field.name not in PLACE)
    for cls, fields in FIELDS.items()
}
"""Those that stand under their names."""
