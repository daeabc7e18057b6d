"""Fills the fields of a form with a value."""

from __future__ import annotations

import json
from typing import Any

import attrs

from trioflow.context import MISSING
from trioflow_server.pages.forms.places import (
    CHOSEN,
    LENGTH,
    MOST_ITEMS,
    TEXT,
    inside,
    is_presence_chosen,
    simplified,
)
from trioflow_server.pages.forms.schema import Shaped, Shaper


@attrs.define
class Filler:
    """Collects the fields of one form."""

    shaper: Shaper
    fields: dict[str, str] = attrs.field(factory=dict)

    def fill(self, schema: Any, value: Any, pointer: str, required: bool, depth: int = 0) -> None:
        """Add the fields of a value; `MISSING` stands for the default of its schema."""
        shaped = self.shaper.shape(schema, depth)
        shaped = simplified(self.shaper, shaped, required, depth)
        if value is MISSING:
            value = shaped.schema.get("default", MISSING)
        if is_presence_chosen(shaped, required):
            self.fields[CHOSEN + pointer] = "" if value is MISSING or value is None else "0"
        match shaped.shape:
            case "union":
                self._union(shaped, value, pointer, required, depth)
            case "object":
                self._object(shaped, value, pointer, depth)
            case "list":
                self._list(shaped, value, pointer, required, depth)
            case "row":
                items = value if isinstance(value, list) else []
                for place, each in enumerate(shaped.schema["prefixItems"]):
                    item = items[place] if place < len(items) else MISSING
                    self.fill(each, item, inside(pointer, place), True, depth + 1)
            case _:
                self.fields[TEXT + pointer] = text_of(shaped, value, required)

    def _union(self, shaped: Shaped, value: Any, pointer: str, required: bool, depth: int) -> None:
        number = next(
            (n for n, each in enumerate(shaped.branches) if self._fits(each, value, depth)), None
        )
        if number is None and (required or value is not MISSING):
            number, value = 0, MISSING
        self.fields[CHOSEN + pointer] = "" if number is None else str(number)
        if number is not None:
            self.fill(shaped.branches[number], value, pointer + "/", True, depth + 1)

    def _fits(self, schema: Any, value: Any, depth: int) -> bool:
        """Return whether a value looks like one of an alternative."""
        shaped = self.shaper.shape(schema, depth)
        match shaped.shape:
            case "null":
                return value is None
            case "boolean":
                return isinstance(value, bool)
            case "number":
                return isinstance(value, int | float) and not isinstance(value, bool)
            case "string":
                return isinstance(value, str)
            case "fixed":
                return bool(value == shaped.schema["const"])
            case "choice":
                return value in shaped.schema["enum"]
            case "list" | "row":
                return isinstance(value, list)
            case "object":
                return isinstance(value, dict) and self._has_keys_of(shaped, value)
            case "union":
                return any(self._fits(each, value, depth + 1) for each in shaped.branches)
            case _:
                return value is not MISSING

    def _has_keys_of(self, shaped: Shaped, value: dict[str, Any]) -> bool:
        known = shaped.schema["properties"]
        needed = shaped.needed
        constants = {
            key: part["const"]
            for key, part in known.items()
            if isinstance(part, dict) and "const" in part
        }
        return needed <= value.keys() <= known.keys() and all(
            value.get(key, wanted) == wanted for key, wanted in constants.items()
        )

    def _object(self, shaped: Shaped, value: Any, pointer: str, depth: int) -> None:
        given = value if isinstance(value, dict) else {}
        needed = shaped.needed
        for key, part in shaped.schema["properties"].items():
            item = given.get(key, MISSING)
            self.fill(part, item, inside(pointer, key), key in needed, depth + 1)

    def _list(self, shaped: Shaped, value: Any, pointer: str, required: bool, depth: int) -> None:
        if not required and not isinstance(value, list):
            self.fields[LENGTH + pointer] = ""
            return
        items = value[:MOST_ITEMS] if isinstance(value, list) else []
        least = shaped.schema.get("minItems", 0)
        count = max(len(items), min(least, MOST_ITEMS) if isinstance(least, int) else 0)
        self.fields[LENGTH + pointer] = str(count)
        for index in range(count):
            item = items[index] if index < len(items) else MISSING
            self.fill(shaped.schema["items"], item, inside(pointer, index), True, depth + 1)


def text_of(shaped: Shaped, value: Any, required: bool) -> str:
    """Return the text of the field of a plain value."""
    if value is MISSING or (value is None and (not required or shaped.shape != "json")):
        return ""
    match shaped.shape:
        case "string":
            return value if isinstance(value, str) else ""
        case "choice":
            known = shaped.schema["enum"]
            return str(known.index(value)) if value in known else ""
        case "boolean":
            return "true" if value is True else "false" if value is False else ""
        case "null" | "fixed":
            return ""
        case _:
            return json.dumps(value, ensure_ascii=False)
