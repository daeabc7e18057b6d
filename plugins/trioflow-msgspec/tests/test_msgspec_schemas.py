"""What the schemas of Structs look like, by themselves and among other types."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

import trioflow_msgspec
from attrs import frozen
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from msgspec import UNSET, Meta, Struct, UnsetType, field

from trioflow.describe import json_schema

T = TypeVar("T")


class City(Struct, rename="camel"):
    """Where somebody is."""

    name: Annotated[str, Meta(min_length=1, description="As people call it.")]
    people_now: Annotated[int, Meta(ge=0)] = 0
    nick: str | UnsetType = UNSET


@frozen
class Place:
    city: City
    height: float


class Cat(Struct, tag=True):
    lives: int = 9


class Dog(Struct, tag=True):
    name: str


class Person(Struct):
    pets: list[Cat | Dog]
    home: Place | None = None
    friends: list[Person] = field(default_factory=list)


class Box(Struct, Generic[T]):
    item: T


class Point(Struct, array_like=True, tag="point"):
    x: float
    label: str = ""


class Limits(Struct):
    words: Annotated[list[Annotated[str, Meta(pattern="^[a-z]+$")]], Meta(max_length=2)] = field(
        default_factory=list
    )
    by_word: dict[str, Annotated[float, Meta(gt=0, lt=1)]] = field(default_factory=dict)
    raw: Annotated[bytes, Meta(max_length=1)] = b""
    twos: tuple[Annotated[int, Meta(multiple_of=2, extra_json_schema={"x": 1})], ...] = ()
    size: Annotated[dict[str, int], Meta(min_length=1)] | None = None


CITY = {
    "title": "City",
    "description": "Where somebody is.",
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "description": "As people call it."},
        "peopleNow": {"type": "integer", "minimum": 0, "default": 0},
        "people_now": {"type": "integer", "minimum": 0, "default": 0},
        "nick": {"type": "string"},
    },
    "required": ["name"],
    "additionalProperties": False,
    "allOf": [
        {
            "oneOf": [
                {"required": ["peopleNow"]},
                {"required": ["people_now"]},
                {"not": {"anyOf": [{"required": ["peopleNow"]}, {"required": ["people_now"]}]}},
            ]
        }
    ],
}


def describe(type_: Any) -> dict[str, Any]:
    schema = json_schema(type_, plugins=[trioflow_msgspec])
    Draft202012Validator.check_schema(schema)
    return schema


def test_a_struct_is_described_with_what_is_demanded_of_it() -> None:
    assert describe(City) == CITY


def test_what_is_demanded_of_parts_is_described_at_any_depth() -> None:
    properties = describe(Limits)["properties"]

    word = {"type": "string", "pattern": "^[a-z]+$"}
    assert properties["words"] == {"type": "array", "items": word, "maxItems": 2}
    share = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
    assert properties["by_word"] == {"type": "object", "additionalProperties": share}
    assert properties["raw"] == json_schema(bytes)
    assert properties["twos"]["items"] == {"type": "integer", "multipleOf": 2, "x": 1}
    assert properties["size"]["anyOf"][0]["minProperties"] == 1


def test_structs_are_described_once_wherever_they_stand() -> None:
    schema = describe(tuple[Place, Person, City, Box[City]])

    assert set(schema["$defs"]) == {"Place", "Person", "City", "Cat", "Dog", "Box_City_"}
    assert schema["$defs"]["City"] == CITY
    assert schema["$defs"]["Place"]["properties"]["city"] == {"$ref": "#/$defs/City"}


def test_a_struct_may_contain_itself() -> None:
    schema = describe(Person)

    assert schema["$ref"] == "#/$defs/Person"
    assert schema["$defs"]["Person"]["properties"]["friends"]["items"] == {"$ref": schema["$ref"]}


def test_a_struct_that_is_a_list_has_a_schema_for_each_place() -> None:
    assert describe(Point) == {
        "title": "Point",
        "type": "array",
        "prefixItems": [
            {"const": "point"},
            {"type": "number"},
            {"type": "string", "default": ""},
        ],
        "minItems": 2,
        "maxItems": 3,
    }
