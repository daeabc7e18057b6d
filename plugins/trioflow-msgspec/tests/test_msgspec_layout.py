"""Each kind of Struct has one form of JSON, which is described, written and read back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Generic, Literal, TypedDict, TypeVar

import attrs
import pytest
from cattrs import Converter
from msgspec import UNSET, Meta, Raw, Struct, UnsetType, defstruct, field

from trioflow import Workflow, open_engine, step, tool
from trioflow.errors import NotSerializableError

Agree = Callable[..., None]
T = TypeVar("T")


class Renamed(Struct, rename="camel"):
    user_name: str
    number: int = field(default=1, name="N")


class Swapped(Struct):
    a: int = field(name="b")
    b: int = field(name="a")


class Cat(Struct, tag="cat"):
    n: int = 1


class Dog(Struct, tag="dog"):
    n: int = 1


class Numbered(Struct, tag=3, tag_field="kind"):
    n: int = 1


class Listed(Struct, array_like=True):
    a: int
    b: str = "x"


class TaggedList(Struct, array_like=True, tag="list"):
    a: int = 0


class Box(Struct, Generic[T]):
    item: T
    more: list[T] = []


class Numbers(Box[int]):
    size: int = 0


class Unset(Struct):
    a: int | UnsetType = UNSET
    b: str | UnsetType | None = UNSET


class Tree(Struct):
    value: int
    kids: list[Tree] = []
    up: Tree | None = None


class Holder(Struct, kw_only=True, frozen=True):
    pet: Cat | Dog | int | None = None
    pets: Annotated[list[Cat | Dog], Meta(min_length=1)] = field(default_factory=lambda: [Cat()])


class BadDefaults(Struct):
    a: int = None  # type: ignore[assignment]
    b: Annotated[int, Meta(gt=5)] = 1


@pytest.mark.parametrize(
    ("type_", "values", "jsons"),
    [
        (
            Renamed,
            [Renamed("a")],
            [
                {"user_name": "a"},
                {"userName": "a"},
                {"userName": "a", "user_name": "b"},
                {"userName": "a", "number": 3},
                {"userName": "a", "N": 3, "number": 4},
            ],
        ),
        (Swapped, [Swapped(1, 2)], [{"a": 1, "b": 2}, {"a": 1}]),
        (Cat, [Cat()], [{}, {"type": "cat"}, {"type": "dog"}, {"type": 1}, {"n": "x"}]),
        (Numbered, [Numbered()], [{"kind": 3}, {"kind": "3"}, {"kind": 3.5}, {"type": 3}]),
        (Cat | Dog, [Cat(), Dog()], [{"type": "dog"}, {"type": "cow"}, {"n": "x"}]),
        (Listed, [Listed(1), Listed(2, "y")], [[1], [1, "x", 2], [], ["x"], {"a": 1}, "ab"]),
        (TaggedList, [TaggedList(1)], [["list"], ["list", 1], ["x", 1], [], [1], {"type": "list"}]),
        (Box[int], [Box(1, [2])], [{"item": "x"}, {"item": 1, "more": ["x"]}]),
        (Box[Cat], [Box(Cat())], [{"item": {"type": "cat"}}, {"item": {"type": "dog"}}]),
        (Box, [Box(1)], [{"item": {}}, {}]),
        (Numbers, [Numbers(1)], [{"item": "x"}, {"item": 1}]),
        (Unset, [Unset(), Unset(1, None), Unset(b="x")], [{"a": None}, {"b": None}]),
        (Tree, [Tree(1, [Tree(2, up=Tree(3))])], [{"value": 1, "kids": [{"value": "x"}]}]),
        (Holder, [Holder(pet=3), Holder(pet=Dog(), pets=[Dog()])], [{"pets": []}, {"pet": "x"}]),
        (BadDefaults, [BadDefaults(), BadDefaults(1, 6)], [{"a": None}, {"b": 1}, {}]),
        (Raw, [Raw(b'{"a":[1]}'), Raw(b"1")], [{"a": 1}, None, "x"]),
    ],
)
def test_structs(agree: Agree, type_: Any, values: list[Any], jsons: list[Any]) -> None:
    agree(type_, values, *jsons)


# ---------------------------------------------------------------- Meta
@dataclasses.dataclass
class Plain:
    a: Annotated[int, Meta(gt=0)]


@attrs.frozen
class Place:
    a: Annotated[int, Meta(gt=0, description="How many.")]
    more: Annotated[list[int], Meta(max_length=1)] = attrs.field(factory=list)
    by_word: dict[Annotated[str, Meta(min_length=2)], int] = attrs.field(factory=dict)


class Keys(TypedDict, total=False):
    a: Annotated[str, Meta(min_length=1)]


WORD = Annotated[str, Meta(min_length=2, max_length=3, pattern="^a")]
NOON = time(12, tzinfo=UTC)
ZONED = ["2020-01-01T00:00:00", "2020-01-01T00:00:00Z", "2020-01-01T00:00:00-03:00"]


@pytest.mark.parametrize(
    ("type_", "values", "jsons"),
    [
        (Annotated[int, Meta(ge=0, lt=5, multiple_of=2)], [0, 2], [1, -2, 6, "x", True]),
        (WORD, ["ab"], ["a", "ab", "bb", "abcd"]),
        (Annotated[list[Annotated[int, Meta(gt=0)]], Meta(min_length=1)], [[1]], [[], [0], [1]]),
        (Annotated[int, Meta(gt=0)] | None, [1, None], [0]),
        (Annotated[int | str, Meta(ge=0), Meta(min_length=1)], [1, "a"], [-1, "", None]),
        (Annotated[set[int], Meta(min_length=2, max_length=2)], [{1, 2}], [[1, 1], [1, 1, 2], [1]]),
        (Annotated[frozenset[int], Meta(min_length=2)], [frozenset({1, 2})], [[1, 1], [1, 1, 2]]),
        (tuple[Annotated[int, Meta(gt=0)], str], [(1, "a")], [[0, "a"], [1]]),
        (Annotated[dict[str, int], Meta(min_length=1, max_length=2)], [{"a": 1}], [{}]),
        (dict[WORD, Annotated[int, Meta(gt=0)]], [{"ab": 1}], [{"a": 1}, {"bb": 1}, {"ab": 0}]),
        (list[dict[WORD, int]], [[{"ab": 1}]], [[{"a": 1}]]),
        (Annotated[datetime, Meta(tz=True)], [datetime(2020, 1, 1, tzinfo=UTC)], ZONED),
        (Annotated[datetime, Meta(tz=False)], [datetime(2020, 1, 1)], ZONED),  # noqa: DTZ001
        (Annotated[time, Meta(tz=True)], [NOON], ["12:00:00", "12:00:00Z"]),
        (Annotated[time, Meta(tz=False)], [time(12)], ["12:00:00", "12:00:00Z"]),
        (Annotated[Annotated[int, Meta(ge=0)], Meta(le=5)], [1], [-1, 6]),
        (Place, [Place(1)], [{"a": 0}, {"a": 1, "more": [1, 2]}, {"a": 1, "by_word": {"a": 1}}]),
        (Plain, [Plain(1)], [{"a": 0}]),
        (Keys, [{"a": "x"}], [{"a": ""}, {}]),
        (dict[int, str], [{1: "a", -5: "b"}], [{"1": "a"}, {"x": "a"}, {"01": "a"}]),
        (dict[Annotated[int, Meta(ge=0)], int], [{1: 1}], [{"1": 1}, {"x": 1}]),
        (dict[Literal["a"], int], [{"a": 1}], [{"b": 1}]),
        (dict[date, int], [{date(2020, 1, 1): 1}], [{"x": 1}]),
    ],
)
def test_constraints_and_keys(
    agree: Agree, type_: Any, values: list[Any], jsons: list[Any]
) -> None:
    held: Any = defstruct("Held", [("it", type_)])

    agree(type_, values, *jsons)
    agree(held, [held(each) for each in values], *({"it": each} for each in jsons))


# ---------------------------------------------------------------- what JSON would change
class Adding(Struct):
    value: int

    def __post_init__(self) -> None:
        self.value += 1


class Base(Struct):
    a: int


class Sub(Base):
    b: int = 2


class HoldsBase(Struct, eq=False):
    base: Base


class Positive(Struct):
    a: Annotated[int, Meta(gt=0)]
    b: date | str = ""
    c: Any = None


@pytest.mark.parametrize(
    "value",
    [
        Adding(1),
        HoldsBase(Sub(1)),
        Positive(0),
        Positive("x"),  # type: ignore[arg-type]
        Positive(1, date(2020, 1, 1)),
        Positive(1, c=(1, 2)),
    ],
)
def test_what_json_would_change_is_refused(value: Any, converter: Converter) -> None:
    with pytest.raises(NotSerializableError, match="that is not read back from JSON"):
        converter.unstructure(value)


@pytest.mark.parametrize("text", [b'{"a": 1}', b"{", b"1.50"])
def test_raw_json_that_is_not_read_back_is_refused(text: bytes, converter: Converter) -> None:
    with pytest.raises(NotSerializableError, match="a Raw"):
        converter.unstructure(Raw(text))


def test_values_that_are_not_compared_are_written(converter: Converter) -> None:
    assert converter.unstructure(HoldsBase(Base(1))) == {"base": Base(1)}


# ---------------------------------------------------------------- in runs
@step
async def leave_unset(number: int) -> Unset:
    return Unset(number)


@tool
async def with_default(a: int, b: str = "default") -> str:
    return f"{a} {b}"


@tool
async def knows_unset(a: int, b: str | UnsetType = UNSET) -> str:
    return f"{a} {b}"


@pytest.mark.parametrize(
    ("last", "output"), [(with_default, "1 default"), (knows_unset, "1 UNSET")]
)
async def test_what_is_unset_is_no_argument(last: Any, output: str, tmp_path: Any) -> None:
    workflow = Workflow("w", input=int, output=str).then(leave_unset).then(last)
    store = f"sqlite:{tmp_path}/runs.db"
    async with open_engine(workflows=[workflow], store=store) as engine:
        result = await engine.create_run("w").start(1)

    assert result.unwrap() == output
