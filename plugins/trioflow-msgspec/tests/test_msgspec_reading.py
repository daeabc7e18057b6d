"""Which values are taken as Structs, and what is said of the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar

import attrs
import pytest
from attrs import frozen
from cattrs import Converter
from msgspec import UNSET, Meta, Struct, UnsetType, field

Faults = Callable[[Any, Any], list[str]]
T = TypeVar("T")


class City(Struct, frozen=True):
    name: Annotated[str, Meta(min_length=1)]
    people: Annotated[int, Meta(ge=0)] = 0


class Cat(Struct, tag=True):
    lives: int = 9


class Dog(Struct, tag=True):
    name: str


@frozen
class Place:
    city: City
    height: float


class Person(Struct, rename="camel"):
    full_name: str
    born: date
    pets: list[Cat | Dog] = []
    tags: set[str] = set()
    home_place: Place | None = None
    friends: list[Person] = []
    nick: str | UnsetType = UNSET


class Box(Struct, Generic[T]):
    item: T
    more: list[T] = []


class Point(Struct, array_like=True):
    x: float
    y: float
    label: str = ""


class Circle(Struct, array_like=True, tag="circle"):
    middle: Point
    radius: Annotated[float, Meta(gt=0)]


class Limits(Struct):
    words: Annotated[list[Annotated[str, Meta(pattern="^[a-z]+$")]], Meta(max_length=2)] = []
    either: Annotated[int | str | None, Meta(ge=0), Meta(min_length=1)] = None
    at: Annotated[datetime, Meta(tz=True)] | None = None


class Even(Struct):
    number: int = field(name="n")

    def __post_init__(self) -> None:
        if self.number % 2:
            raise ValueError(f"{self.number} is odd")


class Header(Struct, rename="kebab"):
    max_age: int


OSLO = City("Oslo", 700_000)
BORN = date(1815, 12, 10)


class TestWhatFits:
    @pytest.mark.parametrize(
        ("type_", "value"),
        [
            (City, OSLO),
            (City, City("", -1)),
            (list[City], [OSLO]),
            (Box[City], Box(OSLO)),
            (Place, Place(OSLO, 12.5)),
            (Cat | Dog, Dog("Rex")),
            (Point, Point(1.0, 2.0)),
        ],
    )
    def test_an_instance_is_passed_on_as_it_is(
        self, type_: Any, value: object, converter: Converter
    ) -> None:
        assert converter.structure(value, type_) is value

    @pytest.mark.parametrize(
        ("type_", "value", "expected"),
        [
            (City, {"name": "Oslo"}, City("Oslo")),
            (list[City], [{"name": "Oslo"}, OSLO], [City("Oslo"), OSLO]),
            (Box[City], {"item": {"name": "Oslo"}}, Box(City("Oslo"))),
            (Box, {"item": 1, "more": ["a"]}, Box[Any](1, ["a"])),
            (Cat, {}, Cat()),
            (Cat, {"type": "Cat", "lives": 1}, Cat(1)),
            (Cat | Dog, {"type": "Dog", "name": "Rex"}, Dog("Rex")),
            (Person, {"fullName": "Ada", "born": "1815-12-10"}, Person("Ada", BORN)),
            (Person, {"full_name": "Ada", "born": BORN}, Person("Ada", BORN)),
            (Point, [1, 2.5], Point(1.0, 2.5)),
            (Point, {"x": 1.5, "y": 2.5}, Point(1.5, 2.5)),
            (Circle, ["circle", [1.5, 2.5, "m"], 3.5], Circle(Point(1.5, 2.5, "m"), 3.5)),
            (Limits, {"words": ["a", "b"], "either": "x"}, Limits(["a", "b"], "x")),
            (Even, {"n": 2}, Even(2)),
        ],
    )
    def test_json_is_made_into_structs(
        self, type_: Any, value: object, expected: object, converter: Converter
    ) -> None:
        made = converter.structure(value, type_)

        assert (type(made), made) == (type(expected), expected)

    def test_structs_stand_in_other_classes_and_those_in_structs(
        self, converter: Converter
    ) -> None:
        home = {"city": {"name": "Oslo"}, "height": 1.5}
        value = {"fullName": "Ada", "born": BORN, "homePlace": home, "tags": ["a"]}

        ada = converter.structure({**value, "friends": [value], "pets": [Cat()]}, Person)

        assert ada.home_place == Place(City("Oslo"), 1.5)
        assert (ada.friends[0].home_place, ada.tags) == (ada.home_place, {"a"})

    def test_classes_with_the_same_fields_are_taken(self, converter: Converter) -> None:
        named = attrs.make_class("Named", ["name", "people"])
        record = dataclasses.make_dataclass("Record", ["name", "people"])

        class Town(Struct):
            name: str
            people: int

        for cls in (named, record, Town):
            assert converter.structure(cls("Oslo", 1), City) == City("Oslo", 1)


class TestWhatDoesNotFit:
    @pytest.mark.parametrize(
        ("type_", "value", "expected"),
        [
            (City, 5, ["value: expected City, received int"]),
            (City, [], ["value: expected City, received list"]),
            (City, {}, ["name: required key is missing"]),
            (
                City,
                {"name": 5, "people": "5", "nme": 1, "o p": 2},
                [
                    "nme: unknown key",
                    "['o p']: unknown key",
                    "name: expected str, received int",
                    "people: expected int, received str",
                ],
            ),
            (
                City,
                {"name": "", "people": -1},
                ["name: Expected `str` of length >= 1", "people: Expected `int` >= 0"],
            ),
            (list[City], [OSLO, {"name": 1}], ["[1].name: expected str, received int"]),
            (Box[int], {"item": 1, "more": [1, "2"]}, ["more[1]: expected int, received str"]),
            (Cat, {"type": "Dog"}, ["value: expected Cat, whose 'type' is 'Cat', received 'Dog'"]),
            (Cat | Dog, {"type": "Dog", "name": 5}, ["name: expected str, received int"]),
            (Cat | Dog, {"type": "Cow"}, ["value: expected Cat | Dog, received dict"]),
            (
                Person,
                {"fullName": 5, "full_name": "a", "friends": [{"fullName": "b"}]},
                [
                    "full_name: given as 'fullName', too",
                    "fullName: expected str, received int",
                    "born: required key is missing",
                    "friends[0].born: required key is missing",
                ],
            ),
            (Point, [1.5], ["y: required key is missing"]),
            (Point, [1.5, 2.5, "", 4], ["value: expected at most 3 items, received 4"]),
            (Point, "ab", ["value: expected Point, received str"]),
            (
                Circle,
                ["square", [1.5, 2.5], 1.5],
                ["value: expected Circle, whose 'type' is 'circle', received 'square'"],
            ),
            (
                Circle,
                ["circle", [1.5, "2"], 0.0],
                ["middle.y: expected float, received str", "radius: Expected `float` > 0.0"],
            ),
            (
                Limits,
                {"words": ["a", "B"], "either": -1, "at": datetime(2026, 1, 1)},  # noqa: DTZ001
                [
                    "words[1]: Expected `str` matching regex '^[a-z]+$'",
                    "either: Expected `int` >= 0",
                    "at: Expected `datetime` with a timezone component",
                ],
            ),
            (
                Limits,
                {"words": ["a", "b", "c"], "either": ""},
                [
                    "words: Expected `array` of length <= 2",
                    "either: Expected `str` of length >= 1",
                ],
            ),
            (Even, {"n": 1}, ["value: 1 is odd"]),
            (Header, {"max-age": "5"}, ["['max-age']: expected int, received str"]),
            (Header, {}, ["['max-age']: required key is missing"]),
            (
                Place,
                {"city": {"nme": ""}, "height": 1.5},
                ["city.nme: unknown key", "city.name: required key is missing"],
            ),
        ],
    )
    def test_is_told_with_its_place(
        self, type_: Any, value: object, expected: list[str], faults: Faults
    ) -> None:
        assert faults(value, type_) == expected

    def test_a_struct_that_names_what_does_not_exist_is_told(self, converter: Converter) -> None:
        class Broken(Struct):
            part: Nowhere  # type: ignore[name-defined]  # noqa: F821

        for _ in range(2):
            with pytest.raises(NameError):
                converter.get_structure_hook(Broken)


class TestWriting:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (OSLO, {"name": "Oslo", "people": 700_000}),
            (Cat(), {"type": "Cat", "lives": 9}),
            (Point(1.5, 2.5), [1.5, 2.5, ""]),
            (Even(2), {"n": 2}),
        ],
    )
    def test_is_as_msgspec_lays_a_struct_out(
        self, value: object, expected: object, converter: Converter
    ) -> None:
        assert converter.unstructure(value) == expected

    def test_leaves_out_what_is_unset(self, converter: Converter) -> None:
        assert "nick" not in converter.unstructure(Person("Ada", BORN))
        assert converter.unstructure(Person("Ada", BORN, nick="A"))["nick"] == "A"


def test_times_have_the_forms_that_they_have_everywhere(converter: Converter) -> None:
    class Times(Struct):
        took: timedelta
        at: datetime

    times = converter.structure({"took": "1.5", "at": "2026-01-02T03:04:05Z"}, Times)

    assert times == Times(timedelta(seconds=1.5), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
