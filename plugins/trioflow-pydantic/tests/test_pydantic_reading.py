"""Which values are taken as models, and what is said of the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

import attrs
import pytest
from attrs import frozen
from cattrs import Converter
from pydantic import (
    Base64Bytes,
    BaseModel,
    ConfigDict,
    Field,
    PydanticUndefinedAnnotation,
    RootModel,
    field_validator,
)

Faults = Callable[[Any, Any], list[str]]

T = TypeVar("T")


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class City(BaseModel):
    """Where somebody is."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(min_length=1)
    people: int = Field(default=0, ge=0)


@frozen
class Place:
    """Not a model, but a class of attrs."""

    city: City
    height: float


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Person(BaseModel):
    name: str
    born: date
    pets: list[Pet] = []
    tags: set[str] = set()
    seen: tuple[int, ...] = ()
    friends: list[Person] = []


class Kinds(BaseModel):
    """A field of each kind whose JSON form is not what Python has."""

    when: datetime
    took: timedelta
    cost: Decimal
    id: UUID
    color: Color
    raw: bytes
    encoded: Base64Bytes
    by_color: dict[Color, int]


class Trip(BaseModel):
    """A model with parts that Pydantic cannot look into."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    start: Place
    stops: list[Place] = []
    took: timedelta = timedelta(0)


class Box(BaseModel, Generic[T]):
    item: T
    more: list[T] = []


class Cities(RootModel[list[City]]):
    pass


class Camel(BaseModel):
    user_name: str = Field(alias="userName")


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    city: City


class Listed(BaseModel):
    words: list[str]

    @field_validator("words", mode="before")
    @classmethod
    def split(cls, value: object) -> object:
        return value.split() if isinstance(value, str) else value


OSLO = City(name="Oslo", people=700_000)


class TestWhatFits:
    @pytest.mark.parametrize(
        ("type_", "value"),
        [
            (City, OSLO),
            (list[City], [OSLO]),
            (dict[str, City | None], {"a": OSLO, "b": None}),
            (Box[City], Box[City](item=OSLO)),
            (Box, Box[int](item=1)),
            (Place, Place(OSLO, 12.5)),
            (Trip, Trip(start=Place(OSLO, 12.5))),
        ],
    )
    def test_an_instance_is_passed_on_as_it_is(
        self, type_: Any, value: object, converter: Converter
    ) -> None:
        assert converter.structure(value, type_) is value

    def test_even_one_that_was_never_validated(self, converter: Converter) -> None:
        wrong = City.model_construct(name=5)

        assert converter.structure(wrong, City) is wrong

    @pytest.mark.parametrize(
        ("type_", "value", "expected"),
        [
            (City, {"name": "Oslo"}, City(name="Oslo")),
            (list[City], [{"name": "Oslo"}, OSLO], [City(name="Oslo"), OSLO]),
            (Box[City], {"item": {"name": "Oslo"}}, Box[City](item=City(name="Oslo"))),
            (Box[int], Box(item=1), Box[int](item=1)),
            (Cities, [{"name": "Oslo"}, OSLO], Cities([City(name="Oslo"), OSLO])),
            (Camel, {"userName": "a"}, Camel(userName="a")),
            (Camel, {"user_name": "a"}, Camel(userName="a")),
            (Listed, {"words": "a b"}, Listed(words=["a", "b"])),
            (Listed, {"words": ["a b"]}, Listed(words=["a b"])),
            (Open, {"city": OSLO, "more": [1]}, Open.model_validate({"city": OSLO, "more": [1]})),
        ],
    )
    def test_json_is_made_into_models(
        self, type_: Any, value: object, expected: object, converter: Converter
    ) -> None:
        made = converter.structure(value, type_)

        assert (type(made), made) == (type(expected), expected)

    def test_models_stand_in_other_classes_and_those_in_models(self, converter: Converter) -> None:
        place = {"city": {"name": "Oslo"}, "height": 12.5}

        trip = converter.structure({"start": place, "stops": [place], "took": "PT1S"}, Trip)

        oslo = Place(City(name="Oslo"), 12.5)
        assert trip == Trip(start=oslo, stops=[oslo], took=timedelta(seconds=1))

    def test_json_and_instances_can_be_mixed(self, converter: Converter) -> None:
        cat = Cat(kind="cat")
        value = {"name": "Ada", "born": "1815-12-10", "pets": [cat, {"kind": "dog", "name": "Rex"}]}

        ada = converter.structure({**value, "tags": ["a"], "seen": [1]}, Person)

        assert ada.pets == [cat, Dog(kind="dog", name="Rex")]
        assert ada.pets[0] is cat
        assert (ada.born, ada.tags, ada.seen) == (date(1815, 12, 10), {"a"}, (1,))

    def test_classes_with_the_same_fields_are_taken(self, converter: Converter) -> None:
        named = attrs.make_class("Named", ["name", "people"])
        record = dataclasses.make_dataclass("Record", ["name", "people"])

        class Town(BaseModel):
            name: str
            people: int

        for cls in (named, record, Town):
            assert converter.structure(cls(name="Oslo", people=1), City) == City(
                name="Oslo", people=1
            )

    def test_a_text_means_the_same_wherever_it_stands(self, converter: Converter) -> None:
        class Letter(BaseModel):
            text: bytes
            color: Color

        alone = converter.structure({"text": "aGk=", "color": "red"}, Letter)

        assert converter.structure({"text": "aGk=", "color": Color.RED}, Letter) == alone
        assert alone.text == b"aGk="


class TestWhatDoesNotFit:
    @pytest.mark.parametrize(
        ("type_", "value", "expected"),
        [
            (City, 5, ["value: expected City, received int"]),
            (City, None, ["value: expected City, received None"]),
            (City, [], ["value: expected City, received list"]),
            (City, {"people": 1}, ["name: required key is missing"]),
            (City, {"name": 5}, ["name: expected str, received int"]),
            (City, {"name": "Oslo", "people": "5"}, ["people: expected int, received str"]),
            (City, {"name": "Oslo", "people": True}, ["people: expected int, received bool"]),
            (City, {"name": "Oslo", "people": 5.0}, ["people: expected int, received float"]),
            (
                City,
                {"name": "Oslo", "nme": 1, "o p": 1},
                ["nme: unknown key", "['o p']: unknown key"],
            ),
            (City, {"name": ""}, ["name: String should have at least 1 character"]),
            (
                City,
                {"name": "Oslo", "people": -1},
                ["people: Input should be greater than or equal to 0"],
            ),
            (
                list[City],
                [OSLO, {"name": 1, "people": 1.5}],
                [
                    "[1].name: expected str, received int",
                    "[1].people: expected int, received float",
                ],
            ),
            (
                dict[str, Box[City]],
                {"a": {"item": {}}},
                ["['a'].item.name: required key is missing"],
            ),
            (Box[int], {"item": 1, "more": [1, "2"]}, ["more[1]: expected int, received str"]),
            (Box[int], Box(item="1"), ["item: expected int, received str"]),
            (Cities, [OSLO, {"name": 1}], ["[1].name: expected str, received int"]),
            (Cities, 5, ["value: expected list[City], received int"]),
            (
                Camel,
                {"userName": 1, "x": 1},
                ["userName: expected str, received int", "x: unknown key"],
            ),
            (Open, {"city": {"name": "Oslo", "x": 1}, "y": 1}, ["city.x: unknown key"]),
            (
                Place,
                {"city": {"nme": ""}, "height": 1.5},
                ["city.name: required key is missing", "city.nme: unknown key"],
            ),
            (
                Trip,
                {"start": {"city": OSLO, "height": "1"}},
                ["start.height: expected float, received str"],
            ),
            (
                Trip,
                {"start": Place(OSLO, 1.5), "took": 5.5},
                ["took: Input should be a valid duration, received float"],
            ),
        ],
    )
    def test_is_told_with_its_place(
        self, type_: Any, value: object, expected: list[str], faults: Faults
    ) -> None:
        assert faults(value, type_) == expected

    def test_of_a_union_the_arm_that_was_meant_is_told(self, faults: Faults) -> None:
        person = {"name": "Ada", "born": "1815-12-10"}

        assert faults({**person, "pets": [{"kind": "dog", "name": 5}]}, Person) == [
            "pets[0].name: expected str, received int"
        ]
        [fault] = faults({**person, "pets": [{"kind": "cow"}]}, Person)
        assert fault.startswith("pets[0]")

    def test_all_faults_are_told_at_once(self, faults: Faults) -> None:
        value = {"name": 1, "born": "x", "seen": ["1"], "friends": [{"name": "B"}], "tgs": []}

        assert faults(value, Person) == [
            "name: expected str, received int",
            "born: 'x' is not a date",
            "seen[0]: expected int, received str",
            "friends[0].born: required key is missing",
            "tgs: unknown key",
        ]

    def test_what_a_model_s_own_validators_say_is_told(self, faults: Faults) -> None:
        class Even(BaseModel):
            model_config = ConfigDict(extra="ignore")
            number: int

            def model_post_init(self, context: Any) -> None:
                if self.number % 2:
                    raise ValueError(f"{self.number} is odd")

        assert faults({"number": 2, "more": 1}, Even) == []
        assert faults({"number": 1}, Even) == ["value: Value error, 1 is odd"]

    def test_python_objects_are_not_turned_into_texts(self, faults: Faults) -> None:
        assert faults({"name": Color.RED, "people": 1}, City) == [
            "name: expected str, received Color"
        ]

    def test_a_model_that_names_what_does_not_exist_is_told(self, converter: Converter) -> None:
        class Broken(BaseModel):
            part: Nowhere  # type: ignore[name-defined]  # noqa: F821

        with pytest.raises(PydanticUndefinedAnnotation):
            converter.get_structure_hook(Broken)


def test_each_kind_of_value_is_read_as_pydantic_writes_it(converter: Converter) -> None:
    kinds = Kinds.model_validate(
        {
            "when": "2026-01-02T03:04:05+01:00",
            "took": 1.5,
            "cost": "1.10",
            "id": "6f0ec3a4-3e3f-4f52-9a5c-4b2f1d1c9d11",
            "color": "red",
            "raw": b"raw",
            "encoded": "aGk=",
            "by_color": {"blue": 1},
        }
    )
    written = converter.unstructure(kinds)

    assert converter.structure(written, Kinds) == kinds
    assert (written["encoded"], written["took"]) == ("aGk=", "PT1.5S")
