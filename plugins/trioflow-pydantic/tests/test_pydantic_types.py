"""Models, and other types that speak to Pydantic, are types like any other."""

from __future__ import annotations

from datetime import date, timedelta
from enum import Enum
from typing import Annotated, Any, Generic, Literal, TypeVar

import trioflow_pydantic
from attrs import frozen
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    PastDate,
    RootModel,
    field_validator,
)

from trioflow.testing import TypeExamples, check_converter

T = TypeVar("T")


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class City(BaseModel):
    """Where somebody is."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(min_length=1)
    people: int = Field(default=0, ge=0)


class Capital(City):
    country: str


class Town(BaseModel):
    """Not a City, but it has the same fields."""

    name: str
    people: int


@frozen
class Place:
    """Not a model, but a class of attrs."""

    city: City
    height: float
    color: Color = Color.RED


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
    color: Color = Color.RED
    favourite: Pet | None = None
    friends: list[Person] = []


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


class Letter(BaseModel):
    text: bytes
    color: Color


class Listed(BaseModel):
    """Takes strings, by a validator that no schema knows of."""

    words: list[str]

    @field_validator("words", mode="before")
    @classmethod
    def split(cls, value: object) -> object:
        return value.split() if isinstance(value, str) else value


class Even(BaseModel):
    """Refuses numbers by itself, and drops unknown keys."""

    model_config = ConfigDict(extra="ignore")

    number: int

    def model_post_init(self, context: Any) -> None:
        if self.number % 2:
            raise ValueError(f"{self.number} is odd")


@frozen
class Page:
    url: HttpUrl
    day: PastDate


OSLO = City(name="Oslo", people=700_000)
BORN = date(1815, 12, 10)
ADA = {"name": "Ada", "born": "1815-12-10"}
CAT = Cat(kind="cat")
HIGH = Place(OSLO, 12.5)
URL = HttpUrl("http://example.org/")


def test_models_are_types_like_any_other() -> None:
    check_converter(
        trioflow_pydantic,
        TypeExamples(
            City,
            values=[OSLO],
            passes=[Capital(name="Oslo", country="Norway"), City.model_construct(name=5)],
            reads=[
                ({"name": "Oslo"}, City(name="Oslo")),
                (Town(name="Oslo", people=1), City(name="Oslo", people=1)),
            ],
            refuses=[
                (5, "value: expected City, received int"),
                (None, "value: expected City, received None"),
                ([], "value: expected City, received list"),
                ({"people": 1}, "name: required key is missing"),
                ({"name": 5}, "name: expected str, received int"),
                ({"name": Color.RED, "people": 1}, "name: expected str, received Color"),
                ({"name": "Oslo", "people": "5"}, "people: expected int, received str"),
                ({"name": "Oslo", "people": True}, "people: expected int, received bool"),
                ({"name": "Oslo", "people": 5.0}, "people: expected int, received float"),
                ({"name": "Oslo", "nme": 1, "o p": 1}, "nme: unknown key", "['o p']: unknown key"),
                ({"name": ""}, "name: String should have at least 1 character"),
                (
                    {"name": "Oslo", "people": -1},
                    "people: Input should be greater than or equal to 0",
                ),
            ],
        ),
        TypeExamples(
            list[City],
            values=[[OSLO]],
            reads=[([{"name": "Oslo"}, OSLO], [City(name="Oslo"), OSLO])],
            refuses=[
                (
                    [OSLO, {"name": 1, "people": 1.5}],
                    "[1].name: expected str, received int",
                    "[1].people: expected int, received float",
                )
            ],
        ),
        TypeExamples(dict[str, City | None], values=[{"a": OSLO, "b": None}]),
        TypeExamples(
            Place,
            values=[HIGH],
            refuses=[
                (
                    {"city": {"nme": ""}, "height": 1.5},
                    "city.name: required key is missing",
                    "city.nme: unknown key",
                )
            ],
        ),
    )


def test_models_hold_what_other_types_hold() -> None:
    check_converter(
        trioflow_pydantic,
        TypeExamples(
            Person,
            reads=[
                (
                    {**ADA, "pets": [CAT, {"kind": "dog", "name": "Rex"}], "tags": ["a"]},
                    Person(
                        name="Ada", born=BORN, pets=[CAT, Dog(kind="dog", name="Rex")], tags={"a"}
                    ),
                ),
                (
                    {**ADA, "seen": [1], "favourite": {"kind": "cat"}},
                    Person(name="Ada", born=BORN, seen=(1,), favourite=CAT),
                ),
            ],
            refuses=[
                (
                    {"name": 1, "born": "x", "seen": ["1"], "friends": [{"name": "B"}], "tgs": []},
                    "name: expected str, received int",
                    "born: 'x' is not a date",
                    "seen[0]: expected int, received str",
                    "friends[0].born: required key is missing",
                    "tgs: unknown key",
                ),
                (
                    {**ADA, "pets": [{"kind": "dog", "name": 5}]},
                    "pets[0].name: expected str, received int",
                ),
                (
                    {**ADA, "pets": [{"kind": "cow"}]},
                    "pets[0].kind: expected one of 'cat', 'dog', received 'cow'",
                ),
                ({**ADA, "favourite": {"kind": "dog"}}, "favourite.name"),
                ({**ADA, "favourite": {"kind": 5}}, "favourite.kind"),
                ({**ADA, "color": "BLUE"}, "color"),
            ],
        ),
        TypeExamples(
            Trip,
            values=[Trip(start=HIGH)],
            reads=[
                (
                    {
                        "start": {"city": {"name": "Oslo"}, "height": 12.5},
                        "stops": [{"city": {"name": "Oslo"}, "height": 12.5}],
                        "took": "PT1S",
                    },
                    Trip(
                        start=Place(City(name="Oslo"), 12.5),
                        stops=[Place(City(name="Oslo"), 12.5)],
                        took=timedelta(seconds=1),
                    ),
                )
            ],
            refuses=[
                (
                    {"start": {"city": OSLO, "height": "1"}},
                    "start.height: expected float, received str",
                ),
                (
                    {"start": HIGH, "took": 5.5},
                    "took: Input should be a valid duration, received float",
                ),
                ({"start": {"city": {"name": "A"}}}, "start.height"),
            ],
        ),
        TypeExamples(
            Box[City],
            values=[Box[City](item=OSLO)],
            reads=[({"item": {"name": "Oslo"}}, Box[City](item=City(name="Oslo")))],
            refuses=[({"item": {"name": 5}}, "item.name")],
        ),
        TypeExamples(
            Box[int],
            reads=[(Box(item=1), Box[int](item=1))],
            refuses=[
                ({"item": 1, "more": [1, "2"]}, "more[1]: expected int, received str"),
                (Box(item="1"), "item: expected int, received str"),
            ],
        ),
        TypeExamples(Box, values=[Box(item=1)], passes=[Box[int](item=1)]),
        TypeExamples(
            dict[str, Box[City]],
            values=[{"a": Box[City](item=OSLO)}],
            refuses=[({"a": {"item": {}}}, "['a'].item.name: required key is missing")],
        ),
        TypeExamples(
            Cities,
            reads=[([{"name": "Oslo"}, OSLO], Cities([City(name="Oslo"), OSLO]))],
            refuses=[
                ([OSLO, {"name": 1}], "[1].name: expected str, received int"),
                (5, "value: expected list[City], received int"),
                ({"root": []}, "value"),
            ],
        ),
        TypeExamples(
            Letter,
            reads=[
                ({"text": "aGk=", "color": "red"}, Letter(text=b"aGk=", color=Color.RED)),
                ({"text": "aGk=", "color": Color.RED}, Letter(text=b"aGk=", color=Color.RED)),
            ],
        ),
    )


def test_models_decide_what_they_take() -> None:
    check_converter(
        trioflow_pydantic,
        TypeExamples(
            Camel,
            values=[Camel(userName="a")],
            reads=[({"user_name": "a"}, Camel(userName="a"))],
            also_reads=[({"userName": "a"}, Camel(userName="a"))],
            refuses=[
                (
                    {"userName": 1, "x": 1},
                    "userName: expected str, received int",
                    "x: unknown key",
                )
            ],
        ),
        TypeExamples(Open, values=[Open(city=OSLO)]),
        TypeExamples(
            Open,
            opaque=True,
            reads=[
                (
                    {"city": {"name": "Oslo"}, "more": [1]},
                    Open.model_validate({"city": City(name="Oslo"), "more": [1]}),
                )
            ],
            refuses=[({"city": {"name": "Oslo", "x": 1}, "y": 1}, "city.x: unknown key")],
        ),
        TypeExamples(
            Listed,
            opaque=True,
            reads=[({"words": ["a b"]}, Listed(words=["a b"]))],
            also_reads=[({"words": "a b"}, Listed(words=["a", "b"]))],
        ),
        TypeExamples(
            Even,
            opaque=True,
            reads=[({"number": 2, "more": 1}, Even(number=2))],
            also_refuses=[({"number": 1}, "value: Value error, 1 is odd")],
        ),
    )


def test_other_types_of_pydantic_are_types_as_well() -> None:
    check_converter(
        trioflow_pydantic,
        TypeExamples(
            HttpUrl,
            values=[URL],
            reads=[("http://example.org/", URL)],
            also_refuses=[("here", "value")],
            refuses=[(Page, "value"), (5, "value")],
        ),
        TypeExamples(
            Page,
            values=[Page(URL, BORN)],
            reads=[
                ({"url": "http://example.org/", "day": "1815-12-10"}, Page(URL, BORN)),
                ({"url": URL, "day": BORN}, Page(URL, BORN)),
            ],
            also_refuses=[
                ({"url": "here", "day": "2999-01-01"}, "url", "day: Date should be in the past")
            ],
        ),
    )
