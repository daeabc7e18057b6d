"""Types that steps may use, deeply nested, and values of them."""

from __future__ import annotations

import collections
import enum
import typing
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
from hypothesis import strategies as st
from typing_extensions import TypedDict  # which Pydantic also takes before Python 3.12

from trioflow.testing.strategies._typed import TypedValues

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Name(enum.StrEnum):
    OSLO = "Oslo"


class Place(enum.Enum):
    HERE = (0, 0)
    THERE = (1, 2)


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Word(str):
    __slots__ = ()


@attrs.frozen
class Box(Generic[T]):
    item: T


@attrs.frozen
class Crate(Box[int]):
    label: str = ""


@dataclass
class Pair(Generic[T]):
    first: T
    second: T
    both: int = field(init=False, default=2)


@dataclass
class Approved:
    reason: str


@dataclass
class Rejected:
    reason: str


@attrs.frozen
class Sloppy:
    note: str = None  # type: ignore[assignment]


class Entry(TypedDict):
    key: str
    level: typing.NotRequired[Level]


class Point(NamedTuple):
    x: int
    y: float = 0.0


@attrs.frozen
class Tree:
    value: int
    children: tuple[Tree, ...] = ()
    first: Tree | None = None


def _of(origin: Any, *arguments: Any) -> Any:
    """Return a type with type arguments that are known only at run time."""
    return origin[arguments]


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
MOMENTS = st.datetimes(
    datetime(1900, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([None, UTC, ZoneInfo("Europe/Oslo"), ZoneInfo("America/New_York")]),
    allow_imaginary=False,
)
HASHABLE = [
    TypedValues(int, st.integers()),
    TypedValues(str, st.text()),
    TypedValues(bool, st.booleans()),
    TypedValues(bytes, st.binary()),
    TypedValues(datetime, MOMENTS),
    TypedValues(date, st.dates()),
    TypedValues(time, st.times()),
    TypedValues(timedelta, st.timedeltas()),
    TypedValues(Decimal, st.decimals(allow_nan=False)),
    TypedValues(Fraction, st.fractions()),
    TypedValues(UUID, st.uuids()),
    TypedValues(Path, st.builds(Path, st.text(alphabet="ab/.é", max_size=5))),
    TypedValues(Color, st.sampled_from(Color)),
    TypedValues(Level, st.sampled_from(Level)),
    TypedValues(Name, st.sampled_from(Name)),
    TypedValues(Place, st.sampled_from(Place)),
    TypedValues(Rights, st.sampled_from([Rights.READ, Rights.READ | Rights.WRITE, Rights(0)])),
    TypedValues(str, st.builds(Word, st.text(max_size=3))),
    TypedValues(Literal[1, "one", Color.RED, b"x"], st.sampled_from([1, "one", Color.RED, b"x"])),
    TypedValues(Point, st.builds(Point, st.integers(), FLOATS)),
]
SCALARS = [
    *HASHABLE,
    TypedValues(float, FLOATS),
    TypedValues(complex, st.complex_numbers(allow_nan=False, allow_infinity=False)),
    TypedValues(bytearray, st.binary().map(bytearray)),
    TypedValues(type(None), st.none()),
    TypedValues(Approved, st.builds(Approved, st.text())),
    TypedValues(Rejected, st.builds(Rejected, st.text())),
    TypedValues(Sloppy, st.builds(Sloppy, st.none() | st.text())),
    TypedValues(Crate, st.builds(Crate, st.integers(), st.text())),
    TypedValues(
        Entry,
        st.fixed_dictionaries({"key": st.text()}, optional={"level": st.sampled_from(Level)}),
    ),
    TypedValues(
        Tree,
        st.recursive(
            st.builds(Tree, st.integers()),
            lambda inner: st.builds(
                Tree, st.integers(), st.lists(inner, max_size=2).map(tuple), st.none() | inner
            ),
            max_leaves=4,
        ),
    ),
]
KEYS = st.text(max_size=3) | st.sampled_from(["$tuple", "$dict", "$", "$v1"])


def _lists(kind: TypedValues) -> st.SearchStrategy[list[Any]]:
    return st.lists(kind.values, max_size=3)


def _dicts(kind: TypedValues) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(KEYS, kind.values, max_size=3)


def _anything(kind: TypedValues) -> TypedValues:
    return TypedValues(Any, kind.values)


def _boxes(a: TypedValues) -> st.SearchStrategy[Any]:
    return st.builds(Box, a.values)


MAKERS: list[Callable[[TypedValues, TypedValues], TypedValues]] = [
    lambda a, b: TypedValues(_of(list, a.type), _lists(a)),
    lambda a, b: TypedValues(_of(tuple, a.type, ...), _lists(a).map(tuple)),
    lambda a, b: TypedValues(_of(tuple, a.type, b.type), st.tuples(a.values, b.values)),
    lambda a, b: TypedValues(_of(dict, str, a.type), _dicts(a)),
    lambda a, b: TypedValues(_of(Box, a.type), _boxes(a)),
    lambda a, b: TypedValues(_of(Pair, a.type), st.builds(Pair, a.values, a.values)),
    lambda a, b: TypedValues(a.type | None, a.values | st.none()),
    lambda a, b: TypedValues(_of(Sequence, a.type), _lists(a) | _lists(a).map(tuple)),
    lambda a, b: TypedValues(_of(collections.deque, a.type), _lists(a).map(collections.deque)),
    lambda a, b: TypedValues(
        _of(Mapping, str, a.type), _dicts(a) | _dicts(a).map(collections.OrderedDict)
    ),
    lambda a, b: TypedValues(a.type | b.type, a.values | b.values),
    lambda a, b: _anything(a),
]


def _set_of(origin: Any, kind: TypedValues) -> TypedValues:
    values = st.frozensets(kind.values, max_size=3)
    if origin is set:
        values = values.map(set)  # type: ignore[arg-type]
    return TypedValues(_of(origin, kind.type), values)


def _dict_of(key: TypedValues, item: TypedValues) -> TypedValues:
    values = st.dictionaries(key.values, item.values, max_size=3)
    return TypedValues(_of(dict, key.type, item.type), values)


def _nested(inner: st.SearchStrategy[TypedValues]) -> st.SearchStrategy[TypedValues]:
    hashable = st.sampled_from(HASHABLE)
    keys = hashable | st.builds(
        lambda a, b: TypedValues(a.type | b.type, a.values | b.values), hashable, hashable
    )
    return (
        st.builds(lambda make, a, b: make(a, b), st.sampled_from(MAKERS), inner, inner)
        | st.builds(_set_of, st.sampled_from([set, frozenset, AbstractSet]), hashable)
        | st.builds(_dict_of, keys, inner)
    )


def typed_values(
    scalars: Sequence[TypedValues] = SCALARS, max_leaves: int = 5
) -> st.SearchStrategy[TypedValues]:
    """Return a strategy for types, each with a strategy for values of it.

    Args:
      scalars: The types that nested types are made of; add those of your library.
      max_leaves: Maximum number of these in one type.
    """
    return st.recursive(st.sampled_from(list(scalars)), _nested, max_leaves=max_leaves)
