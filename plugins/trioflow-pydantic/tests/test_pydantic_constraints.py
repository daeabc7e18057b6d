"""Constraints outside of models, in signatures of steps and in classes that are no models."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Required, TypedDict
from uuid import UUID

import attrs
import pytest
import trioflow_pydantic
from cattrs import Converter
from pydantic import (
    UUID4,
    AfterValidator,
    BaseModel,
    DirectoryPath,
    Field,
    PositiveInt,
    StringConstraints,
    conint,
    conlist,
    constr,
)

from trioflow import tool
from trioflow.describe import json_schema
from trioflow.errors import FaultsError

Agree = Callable[..., None]


class City(BaseModel):
    name: str


@attrs.frozen
class Place:
    size: Annotated[int, Field(gt=0, description="How large.")]
    words: Annotated[list[str], Field(max_length=1)] = attrs.field(factory=list)
    height: conint(ge=3) = 5  # type: ignore[valid-type]


@dataclasses.dataclass
class Plain:
    size: Annotated[int, Field(gt=0)]


class Keys(TypedDict):
    size: Required[PositiveInt]


@pytest.mark.parametrize(
    ("type_", "values", "jsons"),
    [
        (PositiveInt, [1], [0, -1, "1", 1.5, None]),
        (conlist(int, min_length=1, max_length=2), [[1]], [[], [1, 2, 3], ["x"]]),
        (constr(pattern="^a+$", max_length=3), ["a"], ["b", "aaaa", 1]),
        (Annotated[int | None, Field(gt=0)], [1, None], [0, "x"]),
        (Annotated[list[int] | dict[str, int], Field(min_length=1)], [[1], {"a": 1}], [[], {}]),
        (Annotated[list[City], Field(min_length=1)], [[City(name="a")]], [[], [{"name": 1}]]),
        (Annotated[City, Field(description="A place.")], [City(name="a")], [{"name": 1}]),
        (
            Place,
            [Place(1)],
            [{"size": 0}, {"size": 1, "words": ["a", "b"]}, {"size": 1, "height": 2}],
        ),
        (Plain, [Plain(1)], [{"size": 0}]),
        (Keys, [{"size": 1}], [{"size": 0}]),
        (
            dict[Annotated[str, Field(min_length=2)], PositiveInt],
            [{"ab": 1}],
            [{"a": 1}, {"ab": 0}],
        ),
        (list[PositiveInt], [[1]], [[0], [1, 0]]),
    ],
)
def test_they_are_checked_and_described(
    agree: Agree, type_: Any, values: list[Any], jsons: list[Any]
) -> None:
    agree(type_, values, *jsons)


@pytest.mark.parametrize(
    ("type_", "given", "fault"),
    [
        (Annotated[timedelta, Field(gt=timedelta(0))], "-5", "greater than 0 seconds"),
        (Annotated[date, Field(ge=date(2020, 1, 1))], "2019-01-01", "greater than or equal"),
        (UUID4, str(UUID(int=1)), "UUID version 4"),
        (DirectoryPath, str(Path(__file__)), "does not point to a directory"),
    ],
)
def test_what_no_schema_can_state_is_checked(
    converter: Converter, type_: Any, given: str, fault: str
) -> None:
    with pytest.raises(FaultsError, match=fault):
        converter.structure(given, type_)


def test_what_fits_is_passed_on_and_spaces_are_stripped(converter: Converter) -> None:
    cities = [City(name="a")]

    assert converter.structure(cities, conlist(City, min_length=1)) is cities
    stripped = Annotated[str, StringConstraints(strip_whitespace=True)]
    assert converter.structure(" a ", stripped) == "a"


def test_functions_of_the_user_are_not_called(converter: Converter) -> None:
    hashed = Annotated[str, Field(min_length=1), AfterValidator(lambda word: f"hash({word})")]

    assert converter.structure("a", hashed) == "a"
    with pytest.raises(FaultsError, match="at least 1"):
        converter.structure("", hashed)


def test_arguments_of_tools_are_described_with_them() -> None:
    @tool
    async def resize(size: Annotated[PositiveInt, "In metres."]) -> None: ...

    schema = json_schema(resize, plugins=[trioflow_pydantic])

    expected = {"type": "integer", "exclusiveMinimum": 0, "description": "In metres."}
    assert schema["properties"]["size"] == expected
