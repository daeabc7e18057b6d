"""What holds for example values holds for all that Hypothesis makes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import trioflow_msgspec
from attrs import frozen
from hypothesis import strategies as st
from msgspec import Meta, Struct, field

from trioflow.testing import TypeExamples, check_converter

T = TypeVar("T")


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Box(Struct, Generic[T]):
    item: T
    more: list[T] = []


class Leaf(Struct, tag=True):
    text: str
    number: Annotated[int, Meta(ge=-(2**62))]
    real: float
    flag: bool
    color: Color
    nothing: None = None


class Kinds(Struct):
    at: datetime
    day: date
    took: timedelta
    cost: Decimal
    id: UUID
    raw: bytes
    words: set[str]
    pair: tuple[int, str]
    by_day: dict[date, int]


@frozen
class Between:
    leaf: Leaf
    more: list[Leaf]


class Outer(Struct):
    between: Between
    kinds: Kinds | None = None
    took: timedelta = timedelta(0)


class Tree(Struct):
    value: int = field(name="theValue")
    children: list[Tree] = []


def closed(children: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.builds(Tree, value=st.integers(), children=st.lists(children, max_size=3))


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
NUMBERS = st.integers(-(2**70), 2**70)
LEAVES = st.builds(
    Leaf,
    text=TEXTS,
    number=st.integers(-(2**62), 2**70),
    real=st.floats(allow_nan=False, allow_infinity=False),
    flag=st.booleans(),
    color=st.sampled_from(Color),
)
KINDS = st.builds(
    Kinds,
    at=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3))])),
    day=st.dates(),
    took=st.timedeltas(timedelta(-(10**6)), timedelta(10**6)),
    cost=st.decimals(allow_nan=False, allow_infinity=False, places=3),
    id=st.uuids(),
    raw=st.binary(max_size=8),
    words=st.sets(TEXTS, max_size=4),
    pair=st.tuples(NUMBERS, TEXTS),
    by_day=st.dictionaries(st.dates(), NUMBERS, max_size=3),
)
OUTERS = st.builds(
    Outer,
    between=st.builds(Between, LEAVES, st.lists(LEAVES, max_size=2)),
    kinds=st.none() | KINDS,
    took=st.timedeltas(timedelta(0), timedelta(10)),
)
BOXES = st.builds(Box[Leaf], item=LEAVES, more=st.lists(LEAVES, max_size=2))
TREES = st.recursive(st.builds(Tree, value=NUMBERS), closed)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | TEXTS | st.just("red"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXTS | st.sampled_from([*Leaf.__struct_fields__]), inner, max_size=6)
    ),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries(
    dict.fromkeys(["text", "number", "real", "flag", "color"], JSON), optional={"nothing": JSON}
)


def test_what_holds_for_examples_holds_for_all_values() -> None:
    check_converter(
        trioflow_msgspec,
        TypeExamples(Leaf, generated=LEAVES, generated_json=FIELDS | JSON),
        TypeExamples(Kinds, generated=KINDS),
        TypeExamples(Outer, generated=OUTERS),
        TypeExamples(Box[Leaf], generated=BOXES),
        TypeExamples(Tree, generated=TREES),
    )
