"""JSON Schemas of types: they say which JSON the strict converter takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NewType, NotRequired, TypedDict, TypeVar
from uuid import UUID

import pytest
from attrs import Factory, field, frozen

from trioflow.describe import json_schema

T = TypeVar("T")


class Color(Enum):
    RED = "red"
    BLUE = "blue"


@frozen
class Place:
    lat: float
    name: str = "here"


@frozen
class Trip:
    stops: list[Place]
    back: Place | None = None
    color: Color = Color.RED
    notes: list[str] = Factory(list)
    length: float = field(init=False, default=0.0)


@frozen
class Tree:
    children: list[Tree]


@dataclasses.dataclass
class Page(Generic[T]):
    items: list[T]
    first: T
    shown: bool = True
    seen: set[int] = dataclasses.field(default_factory=set)
    size: int = dataclasses.field(init=False, default=0)


class Options(TypedDict):
    depth: int
    hidden: NotRequired[bool]


class Stranger:
    pass


STRANGER = Stranger()
UserId = NewType("UserId", int)

PLACE = {
    "title": "Place",
    "type": "object",
    "properties": {"lat": {"type": "number"}, "name": {"type": "string", "default": "here"}},
    "required": ["lat"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("type_", "schema"),
    [
        (Any, {}),
        (object, {}),
        (T, {}),
        (None, {"type": "null"}),
        (str, {"type": "string"}),
        (bool, {"type": "boolean"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (Path, {"type": "string", "description": "a path"}),
        (Color, {"enum": ["red", "blue"]}),
        (Literal["a", 1, None], {"enum": ["a", 1, None]}),
        (Literal["a"], {"const": "a"}),
        (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
        (UserId, {"type": "integer"}),
        (Annotated[str, ["unhashable"]], {"type": "string"}),
        (list, {"type": "array"}),
        (list[Any], {"type": "array"}),
        (Sequence[int], {"type": "array", "items": {"type": "integer"}}),
        (frozenset[str], {"type": "array", "items": {"type": "string"}}),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (dict, {"type": "object"}),
        (Mapping[str, Any], {"type": "object"}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        (Stranger, {"not": {}}),
        (Callable[[int], str], {"not": {}}),
    ],
)
def test_types_of_json_and_types_that_are_texts(type_: Any, schema: object) -> None:
    assert json_schema(type_) == schema


@pytest.mark.parametrize(
    ("type_", "keywords"),
    [
        (datetime, {"description": "ISO 8601"}),
        (date, {"format": "date"}),
        (time, {"description": "ISO 8601"}),
        (timedelta, {"description": "seconds"}),
        (UUID, {"format": "uuid"}),
        (Decimal, {"description": "a decimal number"}),
        (bytes, {"contentEncoding": "base64"}),
    ],
)
def test_a_type_that_is_a_string_in_json_says_which_strings(
    type_: Any, keywords: Mapping[str, str]
) -> None:
    schema = json_schema(type_)

    assert schema.items() >= keywords.items()
    assert schema.keys() == {"type", "pattern", *keywords}


def test_a_tuple_has_a_schema_for_each_place() -> None:
    assert json_schema(tuple[int, str]) == {
        "type": "array",
        "prefixItems": [{"type": "integer"}, {"type": "string"}],
        "minItems": 2,
        "maxItems": 2,
    }


def test_a_class_allows_its_fields_only() -> None:
    assert json_schema(Place) == PLACE


def test_a_typed_dict_says_which_keys_must_be_there() -> None:
    assert json_schema(Options) == {
        "title": "Options",
        "type": "object",
        "properties": {"depth": {"type": "integer"}, "hidden": {"type": "boolean"}},
        "required": ["depth"],
        "additionalProperties": False,
    }


def test_classes_inside_are_described_once() -> None:
    schema = json_schema(Trip)

    reference = {"$ref": "#/$defs/Place"}
    assert schema["$defs"] == {"Place": PLACE}
    assert schema["required"] == ["stops"]
    assert schema["properties"] == {
        "stops": {"type": "array", "items": reference},
        "back": {"anyOf": [reference, {"type": "null"}], "default": None},
        "color": {"enum": ["red", "blue"], "default": "red"},
        "notes": {"type": "array", "items": {"type": "string"}},
        "length": {"const": 0.0, "default": 0.0, "readOnly": True},
    }


def test_a_class_can_contain_itself() -> None:
    assert json_schema(Tree) == {
        "$ref": "#/$defs/Tree",
        "$defs": {
            "Tree": {
                "title": "Tree",
                "type": "object",
                "properties": {
                    "children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}},
                },
                "required": ["children"],
                "additionalProperties": False,
            }
        },
    }


def test_type_arguments_are_filled_in() -> None:
    schema = json_schema(list[Page[int] | Page[str]])

    assert list(schema["$defs"]) == ["Page_int_", "Page_str_"]
    assert schema["$defs"]["Page_int_"] == {
        "title": "Page[int]",
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {"type": "integer"}},
            "first": {"type": "integer"},
            "shown": {"type": "boolean", "default": True},
            "seen": {"type": "array", "items": {"type": "integer"}},
            "size": {"const": 0, "default": 0, "readOnly": True},
        },
        "required": ["items", "first"],
        "additionalProperties": False,
    }


def test_a_class_without_its_type_arguments_allows_anything_for_them() -> None:
    assert json_schema(Page)["properties"]["first"] == {}


def test_classes_of_one_name_are_kept_apart() -> None:
    @frozen
    class Place:
        street: str

    other = Place
    schema = json_schema(dict[str, other | Trip])  # type: ignore[valid-type]

    assert len(schema["$defs"]) == 3


def test_a_default_without_json_form_is_left_out() -> None:
    @frozen
    class Holder:
        thing: Any = STRANGER

    assert json_schema(Holder)["properties"] == {"thing": {}}
