"""Reads the value that the fields of a form stand for."""

from __future__ import annotations

from typing import Any

import attrs

from trioflow.context import MISSING
from trioflow_server.decoding import read_json
from trioflow_server.pages.forms.places import (
    TEXT,
    Fields,
    chosen_of,
    inside,
    is_list_given,
    is_presence_chosen,
    length_of,
    simplified,
)
from trioflow_server.pages.forms.schema import Shaped, Shaper
from trioflow_server.problems import Problem


@attrs.define
class Reader:
    """Reads one form."""

    shaper: Shaper
    fields: Fields
    problems: dict[str, str] = attrs.field(factory=dict)
    """What is wrong, by pointer."""

    def read(self, schema: Any, pointer: str, required: bool, depth: int = 0) -> Any:
        """Return a value; `MISSING` if it is not given."""
        shaped = self.shaper.shape(schema, depth)
        shaped = simplified(self.shaper, shaped, required, depth)
        if is_presence_chosen(shaped, required) and chosen_of(self.fields, pointer, 1) is None:
            return MISSING
        match shaped.shape:
            case "union":
                return self._union(shaped, pointer, required, depth)
            case "object":
                return self._object(shaped, pointer, depth)
            case "list":
                if not is_list_given(self.fields, pointer, required):
                    return MISSING
                count, items = length_of(self.fields, pointer), shaped.schema["items"]
                return self._items([items] * count, pointer, depth)
            case "row":
                return self._items(shaped.schema["prefixItems"], pointer, depth)
            case "fixed":
                return shaped.schema["const"]
            case "null":
                return None
            case _:
                return self._plain(shaped, pointer, required)

    def _union(self, shaped: Shaped, pointer: str, required: bool, depth: int) -> Any:
        number = chosen_of(self.fields, pointer, len(shaped.branches))
        if number is not None:
            return self.read(shaped.branches[number], pointer + "/", True, depth + 1)
        if required:
            self.problems[pointer] = "Choose what to give"
        return MISSING

    def _object(self, shaped: Shaped, pointer: str, depth: int) -> dict[str, Any]:
        needed, found = shaped.needed, {}
        for key, part in shaped.schema["properties"].items():
            value = self.read(part, inside(pointer, key), key in needed, depth + 1)
            if value is not MISSING:
                found[key] = value
        return found

    def _items(self, schemas: list[Any], pointer: str, depth: int) -> list[Any]:
        found = [
            self.read(each, inside(pointer, index), True, depth + 1)
            for index, each in enumerate(schemas)
        ]
        return [None if value is MISSING else value for value in found]

    # ------------------------------------------------------------ plain values
    def _plain(self, shaped: Shaped, pointer: str, required: bool) -> Any:
        text = self.fields.get(TEXT + pointer, "")
        is_text = shaped.shape == "string"
        if not text.strip() and not (is_text and (required or text)):
            if required:
                self.problems[pointer] = "Required"
            return MISSING
        try:
            return _value(shaped, text)
        except ValueError as exc:
            self.problems[pointer] = str(exc)
            return MISSING


def _value(shaped: Shaped, text: str) -> Any:
    """Return the value of a text.

    Raises:
      ValueError: if it has none.
    """
    match shaped.shape:
        case "string":
            return text.replace("\r\n", "\n")  # forms send lines in this way
        case "choice":
            return _one_of(shaped.schema["enum"], text)
        case "boolean":
            return _one_of([False, True], {"false": "0", "true": "1"}.get(text, ""))
        case "number":
            return _number(text.strip(), whole=shaped.schema.get("type") == "integer")
        case _:
            return json_of(text)


def _one_of(values: list[Any], number: str) -> Any:
    if not (
        number.isascii() and number.isdigit() and len(number) < 6 and int(number) < len(values)
    ):
        raise ValueError("Choose one of the values")
    return values[int(number)]


def _number(text: str, *, whole: bool) -> int | float:
    value = json_of(text)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or (whole and not isinstance(value, int)):
        raise ValueError("Not a whole number" if whole else "Not a number")
    return value  # type: ignore[no-any-return]


def json_of(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
      ValueError: if it is not JSON.
    """
    if not text.strip():
        raise ValueError("Not JSON: there is nothing")
    try:
        return read_json(text.encode("utf-8", "replace"))
    except Problem as exc:
        message = exc.issues[0].message if exc.issues else exc.error
        raise ValueError(message.replace("Invalid JSON:", "Not JSON:")) from None
