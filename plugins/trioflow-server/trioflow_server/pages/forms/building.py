"""Builds what templates show of a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from trioflow_server.pages.forms.places import (
    CHOSEN,
    LENGTH,
    MOST_ITEMS,
    TEXT,
    Fields,
    chosen_of,
    inside,
    is_list_given,
    is_presence_chosen,
    length_of,
    simplified,
)
from trioflow_server.pages.forms.schema import Shape, Shaped, Shaper


@attrs.frozen
class Option:
    """One choice."""

    value: str
    label: str
    is_chosen: bool


@attrs.frozen(kw_only=True)
class Element:
    """One value of a form, with the elements inside it."""

    shape: Shape
    pointer: str
    label: str
    about: str = ""
    required: bool = True
    text: str = ""
    problem: str = ""
    is_whole: bool = False
    is_long: bool = False
    options: tuple[Option, ...] = ()
    """Values to choose from."""
    choices: tuple[Option, ...] = ()
    """Alternatives to choose from, and whether the value is given."""
    children: tuple[Element, ...] = ()
    length: int | None = None
    """Of a list."""
    is_given: bool = True
    """Whether a list is given."""

    @property
    def name(self) -> str:
        """Name of the field with its text."""
        return TEXT + self.pointer

    @property
    def chosen_name(self) -> str:
        """Name of the field with its choice."""
        return CHOSEN + self.pointer

    @property
    def length_name(self) -> str:
        """Name of the field with its length."""
        return LENGTH + self.pointer

    @property
    def can_grow(self) -> bool:
        """Whether an item can be added."""
        return self.length is not None and self.length < MOST_ITEMS


@attrs.frozen
class Builder:
    """Builds the elements of one form."""

    shaper: Shaper
    fields: Fields
    problems: Mapping[str, str]

    def build(
        self, schema: Any, pointer: str, label: str, required: bool, depth: int = 0
    ) -> Element:
        """Return the element of a value."""
        shaped = self.shaper.shape(schema, depth)
        shaped = simplified(self.shaper, shaped, required, depth)
        given: dict[str, Any] = {
            "shape": shaped.shape,
            "pointer": pointer,
            "label": label,
            "about": shaped.about,
            "required": required,
            "text": self.fields.get(TEXT + pointer, ""),
            "problem": self.problems.get(pointer, ""),
            "is_whole": shaped.schema.get("type") == "integer",
            "is_long": self._is_long(pointer),
            "options": self._options(shaped, pointer, required),
        }
        if is_presence_chosen(shaped, required):
            is_given = chosen_of(self.fields, pointer, 1) is not None
            given["choices"] = (
                Option("", "not given", not is_given),
                Option("0", "given", is_given),
            )
            if not is_given:
                return Element(**given)
        return Element(**given | self._inside(shaped, pointer, required, depth))

    def _is_long(self, pointer: str) -> bool:
        text = self.fields.get(TEXT + pointer, "")
        return "\n" in text or len(text) > 80

    def _options(self, shaped: Shaped, pointer: str, required: bool) -> tuple[Option, ...]:
        text = self.fields.get(TEXT + pointer, "")
        nothing = Option("", "choose" if required else "not given", not text)
        match shaped.shape:
            case "choice":
                values = shaped.schema["enum"]
                known = [
                    Option(str(n), _word(value), text == str(n)) for n, value in enumerate(values)
                ]
            case "boolean":
                known = [
                    Option("true", "yes", text == "true"),
                    Option("false", "no", text == "false"),
                ]
            case _:
                return ()
        return (nothing, *known)

    def _inside(self, shaped: Shaped, pointer: str, required: bool, depth: int) -> dict[str, Any]:
        match shaped.shape:
            case "union":
                return self._union(shaped, pointer, required, depth)
            case "object":
                needed = shaped.needed
                parts = shaped.schema["properties"].items()
                children = [
                    self.build(part, inside(pointer, key), key, key in needed, depth + 1)
                    for key, part in parts
                ]
                return {"children": tuple(children)}
            case "list":
                count, items = length_of(self.fields, pointer), shaped.schema["items"]
                return {
                    "children": self._items([items] * count, pointer, depth),
                    "length": count,
                    "is_given": is_list_given(self.fields, pointer, required),
                }
            case "row":
                return {"children": self._items(shaped.schema["prefixItems"], pointer, depth)}
            case "fixed":
                return {"text": _word(shaped.schema["const"])}
            case _:
                return {}

    def _items(self, schemas: list[Any], pointer: str, depth: int) -> tuple[Element, ...]:
        return tuple(
            self.build(each, inside(pointer, index), str(index + 1), True, depth + 1)
            for index, each in enumerate(schemas)
        )

    def _union(self, shaped: Shaped, pointer: str, required: bool, depth: int) -> dict[str, Any]:
        number = chosen_of(self.fields, pointer, len(shaped.branches))
        names = [self.shaper.shape(each, depth + 1).name for each in shaped.branches]
        choices = [Option(str(n), name, n == number) for n, name in enumerate(names)]
        if not required or number is None:
            choices.insert(0, Option("", "choose" if required else "not given", number is None))
        if number is None:
            return {"choices": tuple(choices)}
        inner = self.build(shaped.branches[number], pointer + "/", names[number], True, depth + 1)
        return {"choices": tuple(choices), "children": (inner,)}


def _word(value: Any) -> str:
    from trioflow_server.pages.showing import json_text

    return value if isinstance(value, str) else json_text(value)
