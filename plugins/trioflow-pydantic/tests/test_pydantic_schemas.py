"""What the schemas of models look like, by themselves and among other types."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, Generic, Literal, TypeVar

import trioflow_pydantic
from attrs import frozen
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, Field, RootModel

from trioflow.describe import json_schema

T = TypeVar("T")


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class City(BaseModel):
    """Where somebody is."""

    name: str = Field(min_length=1, description="As people call it.")
    people: int = Field(default=0, ge=0)


@frozen
class Place:
    city: City
    color: Color


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Person(BaseModel):
    name: str = Field(alias="fullName")
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    color: Color = Color.RED
    friends: list[Person] = []


class Trip(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    places: list[Place]
    home: City
    pay: Callable[[], int] | None = None


class Box(BaseModel, Generic[T]):
    item: T


class Cities(RootModel[list[City]]):
    pass


CITY = {
    "title": "City",
    "description": "Where somebody is.",
    "type": "object",
    "properties": {
        "name": {
            "title": "Name",
            "type": "string",
            "minLength": 1,
            "description": "As people call it.",
        },
        "people": {"title": "People", "type": "integer", "minimum": 0, "default": 0},
    },
    "required": ["name"],
    "additionalProperties": False,
}


def describe(type_: Any) -> dict[str, Any]:
    schema = json_schema(type_, plugins=[trioflow_pydantic])
    Draft202012Validator.check_schema(schema)
    return schema


def test_a_model_is_described_as_pydantic_does_and_is_closed() -> None:
    assert describe(City) == CITY


def test_models_are_described_once_wherever_they_stand() -> None:
    schema = describe(tuple[Place, Trip, City, Box[City]])

    assert set(schema["$defs"]) == {"Place", "Trip", "City", "Box_City_"}
    assert schema["$defs"]["City"] == CITY
    assert schema["$defs"]["Place"]["properties"]["city"] == {"$ref": "#/$defs/City"}
    assert schema["$defs"]["Trip"]["properties"]["places"]["items"] == {"$ref": "#/$defs/Place"}


def test_a_model_may_contain_itself() -> None:
    schema = describe(Person)

    assert schema["$ref"] == "#/$defs/Person"
    assert schema["$defs"]["Person"]["properties"]["friends"]["items"] == {"$ref": schema["$ref"]}


def test_models_of_one_name_are_kept_apart() -> None:
    class Holder:
        class City(BaseModel):
            size: int

    schema = describe(tuple[City, Holder.City])

    first, second = (arm["$ref"].rpartition("/")[2] for arm in schema["prefixItems"])
    assert schema["$defs"][first] == CITY
    assert list(schema["$defs"][second]["properties"]) == ["size"]


def test_fields_have_their_own_names_as_they_are_written() -> None:
    assert "name" in describe(Person)["$defs"]["Person"]["properties"]


def test_a_model_that_allows_more_says_so() -> None:
    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")

    assert describe(Open).get("additionalProperties", True) is True
