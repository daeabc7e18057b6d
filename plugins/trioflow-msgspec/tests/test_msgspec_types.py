"""Structs, and what ``Meta`` demands, are types like any other."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Annotated, Any, Generic, TypeVar

import trioflow_msgspec
from attrs import frozen
from msgspec import UNSET, Meta, Struct, UnsetType, field

from trioflow.testing import TypeExamples, check_converter

T = TypeVar("T")


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class City(Struct, frozen=True):
    """Where somebody is."""

    name: Annotated[str, Meta(min_length=1)]
    people: Annotated[int, Meta(ge=0)] = 0


class Capital(City, frozen=True):
    country: str = ""


class Town(Struct):
    """Not a City, but it has the same fields."""

    name: str
    people: int


@frozen
class Place:
    """Not a Struct, but a class of attrs."""

    city: City
    height: float


class Cat(Struct, tag=True):
    lives: int = 9


class Dog(Struct, tag=True):
    name: str


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
    by_word: dict[str, Annotated[float, Meta(gt=0, lt=1)]] = {}
    raw: Annotated[bytes, Meta(max_length=1)] = b""
    twos: tuple[Annotated[int, Meta(multiple_of=2)], ...] = ()
    size: Annotated[dict[str, int], Meta(min_length=1)] | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = None


@frozen
class Signed:
    """Not a Struct, but ``Meta`` counts as well."""

    number: Annotated[int, Meta(ge=0)]


class Even(Struct):
    """Refuses numbers by itself."""

    number: int = field(name="n")

    def __post_init__(self) -> None:
        if self.number % 2:
            raise ValueError(f"{self.number} is odd")


class Header(Struct, rename="kebab"):
    max_age: int


class Times(Struct):
    took: timedelta
    at: datetime


OSLO = City("Oslo", 700_000)
BORN = date(1815, 12, 10)
ADA = {"fullName": "Ada", "born": "1815-12-10"}


def test_structs_are_types_like_any_other() -> None:
    check_converter(
        trioflow_msgspec,
        TypeExamples(
            City,
            values=[OSLO],
            passes=[Capital("Oslo"), City("", -1)],
            reads=[({"name": "Oslo"}, City("Oslo")), (Town("Oslo", 1), City("Oslo", 1))],
            refuses=[
                (5, "value: expected City, received int"),
                ([], "value: expected City, received list"),
                ({}, "name: required key is missing"),
                (
                    {"name": 5, "people": "5", "nme": 1, "o p": 2},
                    "nme: unknown key",
                    "['o p']: unknown key",
                    "name: expected str, received int",
                    "people: expected int, received str",
                ),
                (
                    {"name": "", "people": -1},
                    "name: Expected `str` of length >= 1",
                    "people: Expected `int` >= 0",
                ),
            ],
        ),
        TypeExamples(
            list[City],
            values=[[OSLO]],
            reads=[([{"name": "Oslo"}, OSLO], [City("Oslo"), OSLO])],
            refuses=[([OSLO, {"name": 1}], "[1].name: expected str, received int")],
        ),
        TypeExamples(
            Place,
            values=[Place(OSLO, 12.5)],
            refuses=[
                (
                    {"city": {"nme": ""}, "height": 1.5},
                    "city.nme: unknown key",
                    "city.name: required key is missing",
                )
            ],
        ),
        TypeExamples(
            Box[City],
            values=[Box(OSLO)],
            reads=[({"item": {"name": "Oslo"}}, Box(City("Oslo")))],
            refuses=[({"item": {"name": 5}}, "item.name")],
        ),
        TypeExamples(
            Box[int],
            values=[Box(1)],
            refuses=[({"item": 1, "more": [1, "2"]}, "more[1]: expected int, received str")],
        ),
        TypeExamples(Box, reads=[({"item": 1, "more": ["a"]}, Box[Any](1, ["a"]))]),
    )


def test_json_is_laid_out_as_msgspec_does() -> None:
    check_converter(
        trioflow_msgspec,
        TypeExamples(
            Cat,
            reads=[({}, Cat()), ({"type": "Cat", "lives": 1}, Cat(1))],
            refuses=[
                ({"type": "Dog"}, "value: expected Cat, whose 'type' is 'Cat', received 'Dog'")
            ],
        ),
        TypeExamples(
            Cat | Dog,
            values=[Dog("Rex"), Cat()],
            reads=[({"type": "Dog", "name": "Rex"}, Dog("Rex"))],
            refuses=[
                ({"type": "Dog", "name": 5}, "name: expected str, received int"),
                (
                    {"type": "Dog", "lives": 1},
                    "lives: unknown key",
                    "name: required key is missing",
                ),
                ({"type": "Cow"}, "value: expected Cat | Dog, received dict"),
            ],
        ),
        TypeExamples(
            Person,
            values=[Person("Ada", BORN, nick="A")],
            reads=[
                (ADA, Person("Ada", BORN)),
                (
                    {
                        **ADA,
                        "homePlace": {"city": {"name": "Oslo"}, "height": 1.5},
                        "tags": ["a"],
                        "friends": [ADA],
                        "pets": [{"type": "Cat"}],
                    },
                    Person(
                        "Ada",
                        BORN,
                        pets=[Cat()],
                        tags={"a"},
                        home_place=Place(City("Oslo"), 1.5),
                        friends=[Person("Ada", BORN)],
                    ),
                ),
                ({**ADA, "born": BORN, "pets": [Cat()]}, Person("Ada", BORN, [Cat()])),
                ({"full_name": "Ada", "born": BORN}, Person("Ada", BORN)),
                ({"full_name": "Ada", "born": "1815-12-10"}, Person("Ada", BORN)),
            ],
            refuses=[
                (
                    {"fullName": 5, "full_name": "a", "friends": [{"fullName": "b"}]},
                    "full_name: also given as 'fullName'",
                    "fullName: expected str, received int",
                    "born: required key is missing",
                    "friends[0].born: required key is missing",
                ),
                ({**ADA, "homePlace": {"city": {}, "height": 1}}, "homePlace.city.name"),
            ],
        ),
        TypeExamples(
            Point,
            values=[Point(1.0, 2.0)],
            reads=[([1, 2.5], Point(1.0, 2.5))],
            refuses=[
                ([1.5], "y: required key is missing"),
                ([1.5, 2.5, "", 4], "value: expected at most 3 items, received 4"),
                ("ab", "value: expected Point, received str"),
                ({"x": 1.5, "y": 2.5}, "value: expected Point, received dict"),
            ],
        ),
        TypeExamples(
            Circle,
            reads=[(["circle", [1.5, 2.5, "m"], 3.5], Circle(Point(1.5, 2.5, "m"), 3.5))],
            refuses=[
                (
                    ["square", [1.5, 2.5], 1.5],
                    "value: expected Circle, whose 'type' is 'circle', received 'square'",
                ),
                (
                    ["circle", [1.5, "2"], 0.0],
                    "middle.y: expected float, received str",
                    "radius: Expected `float` > 0.0",
                ),
                (["circle"], "middle", "radius"),
            ],
        ),
        TypeExamples(
            Header,
            values=[Header(5)],
            refuses=[
                ({"max-age": "5"}, "['max-age']: expected int, received str"),
                ({}, "['max-age']: required key is missing"),
            ],
        ),
        TypeExamples(
            Times,
            reads=[
                (
                    {"took": "1.5", "at": "2026-01-02T03:04:05Z"},
                    Times(timedelta(seconds=1.5), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
                )
            ],
        ),
    )


def test_what_meta_and_structs_demand_is_checked() -> None:
    check_converter(
        trioflow_msgspec,
        TypeExamples(
            Limits,
            values=[Limits(at=datetime(2026, 1, 1, tzinfo=UTC), raw=b"a")],
            reads=[
                ({"words": ["a", "b"], "either": "x"}, Limits(["a", "b"], "x")),
                (
                    {"by_word": {"a": 0.5}, "twos": [2], "size": {"a": 1}},
                    Limits(by_word={"a": 0.5}, twos=(2,), size={"a": 1}),
                ),
            ],
            refuses=[
                (
                    {"words": ["a", "B"], "either": -1},
                    "words[1]: Expected `str` matching regex '^[a-z]+$'",
                    "either: Expected `int` >= 0",
                ),
                (
                    {"words": ["a", "b", "c"], "either": ""},
                    "words: Expected `array` of length <= 2",
                    "either: Expected `str` of length >= 1",
                ),
                (
                    {"at": datetime(2026, 1, 1)},  # noqa: DTZ001
                    "at: Expected `datetime` with a timezone component",
                ),
                ({"by_word": {"a": 1.5}}, "by_word['a']"),
                ({"twos": [1]}, "twos[0]"),
                ({"size": {}}, "size"),
            ],
            also_refuses=[({"raw": "YWE="}, "raw: Expected `bytes` of length <= 1")],
        ),
        TypeExamples(
            Signed,
            values=[Signed(1)],
            refuses=[({"number": "1"}, "number: expected int, received str")],
            also_refuses=[({"number": -1}, "number: Expected `int` >= 0")],
        ),
        TypeExamples(
            Even, reads=[({"n": 2}, Even(2))], also_refuses=[({"n": 1}, "value: 1 is odd")]
        ),
    )
