"""Types whose values JSON alone can tell apart: scalars, enums, and classes of each kind."""

from __future__ import annotations

import dataclasses
import enum
import math
import typing
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, NewType, TypeVar
from uuid import UUID

import attrs
from hypothesis import strategies as st
from typing_extensions import TypeAliasType

from trioflow.testing.strategies._typed import TypedValues
from trioflow.testing.strategies._types import (
    FLOATS,
    Color,
    Crate,
    Entry,
    Level,
    Name,
    Place,
    Point,
    Rights,
    Sloppy,
    Tree,
    Word,
)

T = TypeVar("T")
STRING, INTEGER, OBJECT, ARRAY = ("string",), ("integer",), ("object",), ("array",)
ZONES = [None, UTC, timezone(timedelta(hours=-3, minutes=-30)), timezone(timedelta(seconds=3601))]


class Limit(enum.Enum):
    """An enum with values that JSON lacks: its members are written by name."""

    FEW = 3
    ALL = math.inf
    OWN = object()


class Sparse(enum.Flag):
    FIRST = 1
    THIRD = 4
    BOTH = 5


class Kept(enum.IntFlag):
    READ = 1
    WRITE = 2


class Count(int):
    pass


@attrs.frozen
class Quoted:
    """A class with a quoted name inside of a type."""

    label: str = ""
    inner: list["Quoted"] = attrs.Factory(list)  # noqa: UP037 - quoted is what is tried


@dataclasses.dataclass
class Folder:
    by_name: "dict[str, Folder | None]" = dataclasses.field(default_factory=dict)  # noqa: UP037
    size: int = dataclasses.field(init=False, default=0)


class Chain(typing.NamedTuple):
    head: int
    rest: Chain | None = None


Nested = TypeAliasType("Nested", "int | list[Nested]")
Listed = TypeAliasType("Listed", list[T], type_params=(T,))
UserId = NewType("UserId", int)

TREES = st.recursive(
    st.builds(Tree, st.integers()),
    lambda inner: st.builds(
        Tree, st.integers(), st.lists(inner, max_size=2).map(tuple), st.none() | inner
    ),
    max_leaves=4,
)
QUOTED = st.recursive(
    st.builds(Quoted, st.text(max_size=2)),
    lambda inner: st.builds(Quoted, st.text(max_size=2), st.lists(inner, max_size=2)),
    max_leaves=4,
)
FOLDERS = st.recursive(
    st.builds(Folder),
    lambda inner: st.builds(
        Folder, st.dictionaries(st.text(max_size=2), inner | st.none(), max_size=2)
    ),
    max_leaves=4,
)
CHAINS = st.recursive(
    st.builds(Chain, st.integers()), lambda inner: st.builds(Chain, st.integers(), inner)
)
NESTED = st.recursive(st.integers(), lambda inner: st.lists(inner, max_size=2), max_leaves=4)


def _one_of(type_: Any, *options: Any, kinds: tuple[str, ...]) -> TypedValues:
    return TypedValues(type_, st.sampled_from(options), kinds=kinds)


JSON_KEYS: tuple[TypedValues, ...] = (
    TypedValues(str, st.text(max_size=5), kinds=STRING),
    TypedValues(int, st.integers(), kinds=INTEGER),
    TypedValues(bool, st.booleans(), kinds=("boolean",)),
    TypedValues(date, st.dates(), kinds=STRING),
    TypedValues(timedelta, st.timedeltas(), kinds=STRING),
    TypedValues(UUID, st.uuids(), kinds=STRING),
    TypedValues(Word, st.builds(Word, st.text(max_size=3)), kinds=STRING),
    TypedValues(Count, st.builds(Count, st.integers()), kinds=INTEGER),
    TypedValues(UserId, st.integers(), kinds=INTEGER),
    _one_of(Name, *Name, kinds=STRING),
    _one_of(Level, *Level, kinds=INTEGER),
    _one_of(Color, *Color, kinds=("string", "integer")),
    _one_of(Limit, *Limit, kinds=STRING),
    _one_of(Rights, Rights.READ, ~Rights.READ, Rights(0), Rights(3), kinds=INTEGER),
    _one_of(Sparse, Sparse.FIRST, Sparse.BOTH, Sparse(0), kinds=INTEGER),
    _one_of(Literal["a", 1, True, None], "a", 1, True, None, kinds=()),
    _one_of(Literal[b"x", Level.LOW], b"x", Level.LOW, kinds=("string", "integer")),
    _one_of(Literal[Name.OSLO], Name.OSLO, kinds=STRING),
)
"""Types of keys of mappings and of items of sets."""
JSON_SCALARS: tuple[TypedValues, ...] = (
    *JSON_KEYS,
    TypedValues(typing.LiteralString, st.text(max_size=5), kinds=STRING),
    TypedValues(bytes, st.binary(max_size=5), kinds=STRING),
    TypedValues(datetime, st.datetimes(timezones=st.sampled_from(ZONES)), kinds=STRING),
    TypedValues(time, st.times(), kinds=STRING),
    TypedValues(Decimal, st.decimals(allow_nan=False), kinds=STRING),
    TypedValues(Path, st.builds(Path, st.text(alphabet="ab/.é", max_size=5)), kinds=STRING),
    TypedValues(float, FLOATS, kinds=("number",)),
    TypedValues(type(None), st.none(), kinds=("null",)),
    TypedValues(tuple[()], st.just(()), kinds=ARRAY),
    TypedValues(Nested, NESTED, kinds=("integer", "array")),
    _one_of(Place, *Place, kinds=ARRAY),
    _one_of(Kept, Kept.READ, Kept(3), Kept(0), Kept(8), kinds=INTEGER),
    TypedValues(Crate, st.builds(Crate, st.integers(), st.text(max_size=5)), kinds=OBJECT),
    TypedValues(Sloppy, st.builds(Sloppy, st.none() | st.text(max_size=5)), kinds=OBJECT),
    TypedValues(
        Entry,
        st.fixed_dictionaries({"key": st.text()}, optional={"level": st.sampled_from(Level)}),
        kinds=OBJECT,
    ),
    TypedValues(Point, st.builds(Point, st.integers(), FLOATS), kinds=ARRAY),
    TypedValues(Chain, CHAINS, kinds=ARRAY),
    TypedValues(Tree, TREES, kinds=OBJECT),
    TypedValues(Quoted, QUOTED, kinds=OBJECT),
    TypedValues(Folder, FOLDERS, kinds=OBJECT),
)
"""Types that nested types are made of."""
