"""Keys: names and aliases of fields, and keys of dicts that are not strings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from cattrs import Converter
from pydantic import (
    AliasChoices,
    AliasGenerator,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    create_model,
)
from pydantic.alias_generators import to_camel
from typing_extensions import TypeAliasType, TypedDict

from trioflow.errors import NotSerializableError

Agree = Callable[..., None]


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)
    user_name: str


class ByName(BaseModel):
    model_config = ConfigDict(
        populate_by_name=True,
        serialize_by_alias=True,
        alias_generator=AliasGenerator(validation_alias=to_camel, serialization_alias=str.upper),
    )
    user_name: str = "x"


class Choices(BaseModel):
    number: int = Field(
        default=1,
        validation_alias=AliasChoices("a", "b", AliasPath("c", 0)),
        serialization_alias="z",
    )


class Inside(BaseModel):
    first: int = Field(validation_alias=AliasPath("numbers", 0))
    last: int = Field(validation_alias=AliasPath("numbers", "deep", "last"))


class Loose(BaseModel):
    model_config = ConfigDict(extra="ignore")
    number: int = Field(validation_alias=AliasChoices("a", AliasPath("b", "c")))


class Swapped(BaseModel):
    a: int = Field(alias="b")
    b: int = Field(alias="a")


class Aliased(TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc]
    number: Annotated[int, Field(alias="theNumber", gt=0)]


class Holder(BaseModel):
    part: Aliased
    swapped: Swapped | None = None


def test_all_names_of_a_field_are_read_and_described(agree: Agree) -> None:
    both = {"user_name": "a", "userName": "a"}
    agree(
        Camel,
        [Camel.model_validate({"userName": "a"})],
        {"user_name": "a"},
        {"userName": "a"},
        both,
        {},
    )
    agree(ByName, [ByName()], {"user_name": "a"}, {"userName": "a"}, {"USER_NAME": "a"}, {})


def test_choices_and_paths_of_aliases_are_read_and_described(agree: Agree) -> None:
    given = [
        {"number": 1},
        {"a": 1},
        {"b": 1},
        {"z": 1},
        {"a": 1, "b": 1},
        {"c": [1]},
        {"c": [1, 2]},
    ]
    odd = [{"c": []}, {"c": 5}, {"c": ["a"]}, {"number": 1, "c": [1]}, {"number": 1, "c": []}, {}]
    agree(Choices, [Choices.model_validate({"a": 3})], *given, *odd)
    parts = [
        {"first": 1, "last": 1},
        {"numbers": [1], "last": 1},
        {"numbers": {"deep": {"last": 3}}},
    ]
    more = [{"numbers": [1]}, {"first": 1, "numbers": {"deep": {"last": 3}}}, {"numbers": {}}]
    agree(Inside, [Inside.model_construct(first=1, last=2)], *parts, *more)
    agree(
        Loose,
        [Loose.model_validate({"a": 1})],
        {"a": 1},
        {"b": {"c": 1}},
        {"b": {}},
        {"a": 1, "x": 2},
        {"b": {"c": "x"}},
    )


def test_a_name_that_is_an_alias_of_another_field_is_that_alias(
    agree: Agree, converter: Converter
) -> None:
    agree(Swapped, [Swapped(a=1, b=2)], {"a": 1, "b": 2})

    assert converter.structure({"a": 1, "b": 2}, Swapped) == Swapped(a=1, b=2)


def test_a_field_without_a_key_of_its_own_is_refused(converter: Converter) -> None:
    class Hidden(BaseModel):
        a: int = Field(validation_alias=AliasPath("c", 0))
        b: int = Field(alias="a")

    with pytest.raises(TypeError, match="'a' of Hidden is an alias of another field"):
        converter.get_structure_hook(Hidden)


def test_aliases_inside_of_a_model_are_the_same(agree: Agree) -> None:
    ok: dict[str, Any] = {"theNumber": 1}
    agree(Holder, [], {"part": ok}, {"part": {"number": 1}}, {"part": {"number": 0}}, {"part": {}})
    agree(Holder, [Holder.model_validate({"part": ok, "swapped": {"a": 1, "b": 2}})])


# ---------------------------------------------------------------- keys of dicts
class Color(Enum):
    RED = "red"
    ONE = 1


class Level(IntEnum):
    LOW = 1


def a_dict(key: Any, value: Any = int) -> Any:
    return create_model("Holder", items=(dict[key, value], ...))


@pytest.mark.parametrize(
    ("key", "keys", "strings"),
    [
        (int, [1, -1, 2**70], ["1", "x", "1.0", " 1", "+1", "01", "1_0", "-0", ""]),
        (float, [1.5, 1.0, 1e100], ["1", "1.50", "1e5", "x", "inf", "NaN", ".5"]),
        (bool, [True, False], ["true", "True", "1", "on"]),
        (date, [date(2020, 1, 1)], ["2020-01-01", "x", "5", "20200101"]),
        (UUID, [UUID(int=5)], ["x", str(UUID(int=7)), UUID(int=7).hex]),
        (Decimal, [Decimal("1.50")], ["1", "x", "NaN", "1_0"]),
        (Color, [Color.RED, Color.ONE], ["red", "1", "blue", "true"]),
        (Level, [Level.LOW], ["1", "2", "LOW"]),
        (Literal["a", 1], ["a", 1], ["a", "1", "b"]),
        (int | None, [1, None], ["1", "null", "None"]),
        (Annotated[str, Field(min_length=2, max_length=3)], ["ab"], ["a", "abc", "abcd"]),
        (Annotated[str, Field(pattern="^a")], ["ab"], ["a", "b"]),
        (Annotated[int, Field(ge=0)], [0], ["0", "-1"]),
    ],
)
def test_keys_that_are_not_strings_are_read_back(
    agree: Agree, key: Any, keys: list[Any], strings: list[str]
) -> None:
    holder = a_dict(key)

    agree(holder, [holder(items={each: 1}) for each in keys], *({"items": {k: 1}} for k in strings))


def test_keys_that_no_string_stands_for_are_refused(converter: Converter) -> None:
    pairs, mixed = a_dict(tuple[int, str]), a_dict(int | str)

    with pytest.raises(NotSerializableError, match=r"has the key \(1, 'a'\)"):
        converter.unstructure(pairs(items={(1, "a"): 2}))
    with pytest.raises(NotSerializableError, match="its JSON stands for another value"):
        converter.unstructure(mixed(items={1: 2}))


def test_other_mappings_have_the_same_keys(agree: Agree) -> None:
    many = create_model("Many", a=(defaultdict[int, list[int]], {}), b=(Counter[int], Counter()))
    agree(many, [many(a={1: [2]}, b=Counter({3: 4}))], {"a": {"x": []}}, {"b": {"1": "x"}})
    root = RootModel[dict[int, str]]
    agree(root, [root({1: "a"})], {"1": "a"}, {"x": "a"})


Number = TypeAliasType("Number", int)
Positive = Annotated[Number, Field(gt=0)]


@pytest.mark.parametrize("key", [Number, Positive, Number | bool], ids=str)
def test_keys_of_an_alias_are_described(agree: Agree, key: Any) -> None:
    many = create_model("Many", a=(dict[key, int], {}), b=(Counter[key], Counter()))

    agree(many, [many(a={1: 2}, b=Counter({3: 4}))], {"a": {"": 2}}, {"b": {"x": 0}})
