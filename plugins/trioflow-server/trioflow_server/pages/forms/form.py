"""One form, as it is now: its fields, its JSON text beside them, and what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import attrs

from trioflow.context import MISSING
from trioflow_server.pages.forms.building import Builder, Element
from trioflow_server.pages.forms.filling import Filler
from trioflow_server.pages.forms.places import LENGTH, MOST_ITEMS, TEXT, Fields, inside, length_of
from trioflow_server.pages.forms.reading import Reader, json_of
from trioflow_server.pages.forms.schema import Schema, Shaper
from trioflow_server.pages.showing import json_text
from trioflow_server.problems import Issue

JSON_FIELD = "json"
_PART = re.compile(r"\[(\d+)\]|\.?([^.\[\]]+)")


@attrs.define
class Form:
    """A form for one value."""

    schema: Schema
    fields: dict[str, str]
    text: str = ""
    """The JSON text."""
    problems: dict[str, str] = attrs.field(factory=dict)
    """What is wrong with fields, by pointer."""
    text_problem: str = ""
    """What is wrong with the JSON text."""

    @classmethod
    def of_value(cls, schema: Schema, value: Any = MISSING) -> Form:
        """Return a form with a value in its fields; `MISSING` for the defaults."""
        form = cls(schema, {})
        form.fill(value)
        form.text = form.json_of_fields()
        return form

    @classmethod
    def of_fields(cls, schema: Schema, fields: Fields) -> Form:
        """Return a form that a browser has sent."""
        own = {
            name: text
            for name, text in fields.items()
            if name[:1] in "vkn" and name[1:2] in ("", "/")
        }
        return cls(schema, own, fields.get(JSON_FIELD, ""))

    @property
    def shaper(self) -> Shaper:
        """What finds the shapes of its schema."""
        definitions = self.schema.get("$defs")
        return Shaper(definitions if isinstance(definitions, dict) else {})

    @property
    def element(self) -> Element:
        """What templates show."""
        return Builder(self.shaper, self.fields, self.problems).build(
            self.schema, "", "Value", True
        )

    # ------------------------------------------------------------ values
    def fill(self, value: Any) -> None:
        """Put a value into the fields."""
        filler = Filler(self.shaper)
        filler.fill(self.schema, value, "", True)
        self.fields = filler.fields

    def read(self) -> Any:
        """Return the value of the fields; `MISSING` if something is wrong with them."""
        reader = Reader(self.shaper, self.fields)
        value = reader.read(self.schema, "", True)
        self.problems = reader.problems
        return MISSING if reader.problems else value

    def read_text(self) -> Any:
        """Return the value of the JSON text; `MISSING` if it is not JSON."""
        try:
            return json_of(self.text)
        except ValueError as exc:
            self.text_problem = str(exc)
            return MISSING

    def json_of_fields(self) -> str:
        """Return the fields as JSON, without what is wrong with them."""
        value = Reader(self.shaper, self.fields).read(self.schema, "", True)
        return "" if value is MISSING else json_text(value)

    # ------------------------------------------------------------ buttons
    def press(self, button: str) -> None:
        """Do what a button of the form asks for; unknown buttons only show the form again."""
        verb, _, pointer = button.partition(":")
        match verb:
            case "add":
                self._add(pointer)
            case "remove":
                self._remove(pointer)
            case "from-json":
                value = self.read_text()
                if value is not MISSING:
                    self.fill(value)
                return
            case _:
                pass
        self.complete()
        self.text = self.json_of_fields()

    def _add(self, pointer: str) -> None:
        count = length_of(self.fields, pointer)
        self.fields[LENGTH + pointer] = str(min(count + 1, MOST_ITEMS))

    def _remove(self, pointer: str) -> None:
        """Remove an item of a list, and move the later ones up."""
        list_pointer, _, last = pointer.rpartition("/")
        count = length_of(self.fields, list_pointer)
        if not (last.isascii() and last.isdigit()) or int(last) >= count:
            return
        index, moved = int(last), dict[str, str]()
        for name, text in self.fields.items():
            kind, at = name[:1], name[1:]
            part, slash, rest = at.removeprefix(f"{list_pointer}/").partition("/")
            is_item = at.startswith(f"{list_pointer}/") and part.isascii() and part.isdigit()
            if not is_item or int(part) < index:
                moved[name] = text
            elif int(part) > index:
                moved[f"{kind}{inside(list_pointer, int(part) - 1)}{slash}{rest}"] = text
        self.fields = moved | {LENGTH + list_pointer: str(count - 1)}

    def complete(self) -> None:
        """Give what has just been chosen or added its default."""
        filler = Filler(self.shaper)
        filler.fill(
            self.schema, Reader(self.shaper, self.fields).read(self.schema, "", True), "", True
        )
        self.fields = filler.fields | self.fields

    def blame(self, issues: Iterable[Issue], *, of_text: bool) -> list[str]:
        """Show what is wrong at the fields that it is about; return what has no field."""
        left = []
        for issue in issues:
            pointer = pointer_of(issue.field)
            if not of_text and self._has(pointer):
                self.problems[pointer] = issue.message
            else:
                left.append(f"{issue.field}: {issue.message}")
        return left

    def _has(self, pointer: str) -> bool:
        return any(name[1:] == pointer for name in self.fields if name[:1] in (TEXT, "k", "n"))


def pointer_of(path: str) -> str:
    """Return the pointer of a dotted path, such as ``lines[0].name``."""
    if path in ("", "root"):
        return ""
    parts: list[str | int] = [int(index) if index else key for index, key in _PART.findall(path)]
    pointer = ""
    for part in parts:
        pointer = inside(pointer, part)
    return pointer
