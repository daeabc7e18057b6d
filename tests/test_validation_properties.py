"""What holds for values of all types that steps can ask for, however they are nested."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypedDict, TypeVar
from uuid import UUID

from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from trioflow._values.structure import Structure, compile_structure, make_converter
from trioflow.errors import InvalidValueError
from trioflow.wire._values import to_json

T = TypeVar("T")
CONVERTER = make_converter()


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Name(enum.StrEnum):
    OSLO = "Oslo"


@frozen
class Box(Generic[T]):
    item: T


@dataclass
class Pair(Generic[T]):
    first: T
    second: T


class Entry(TypedDict):
    key: str
    level: Level


class Point(NamedTuple):
    x: int
    y: float = 0.0


@frozen
class Tree:
    value: int
    children: tuple[Tree, ...] = ()
    first: Tree | None = None


def nameable(kind: Kind) -> bool:
    """Tell whether a generic class may have this type as its argument.

    cattrs names the function that it makes for a generic class after the class's arguments,
    and cannot for a list of literals: such a class is refused with a DefinitionError.
    """
    return "Literal" not in repr(kind.type)


@frozen
class Kind:
    """A type, and values that fit it."""

    type: Any
    values: st.SearchStrategy[Any]


def of(origin: Any, *arguments: Any) -> Any:
    """Return a type with type arguments that only a running program knows."""
    return origin[arguments]


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
HASHABLE = [
    Kind(int, st.integers()),
    Kind(str, st.text()),
    Kind(bool, st.booleans()),
    Kind(bytes, st.binary()),
    Kind(datetime, st.datetimes(timezones=st.none() | st.just(UTC))),
    Kind(date, st.dates()),
    Kind(time, st.times()),
    Kind(timedelta, st.timedeltas()),
    Kind(Decimal, st.decimals(allow_nan=False)),
    Kind(UUID, st.uuids()),
    Kind(Path, st.builds(Path, st.text(alphabet="ab/.é", max_size=5))),
    Kind(Color, st.sampled_from(Color)),
    Kind(Level, st.sampled_from(Level)),
    Kind(Name, st.sampled_from(Name)),
    Kind(Literal[1, "one", Color.RED], st.sampled_from([1, "one", Color.RED])),
]
SCALARS = [
    *HASHABLE,
    Kind(float, FLOATS),
    Kind(type(None), st.none()),
    Kind(Entry, st.fixed_dictionaries({"key": st.text(), "level": st.sampled_from(Level)})),
    Kind(Point, st.builds(Point, st.integers(), FLOATS)),
    Kind(
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


def lists(kind: Kind) -> st.SearchStrategy[list[Any]]:
    return st.lists(kind.values, max_size=3)


def dicts(kind: Kind) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.text(), kind.values, max_size=3)


CONTAINERS: list[Callable[[Kind, Kind], Kind]] = [
    lambda a, b: Kind(of(list, a.type), lists(a)),
    lambda a, b: Kind(of(tuple, a.type, ...), lists(a).map(tuple)),
    lambda a, b: Kind(of(tuple, a.type, b.type), st.tuples(a.values, b.values)),
    lambda a, b: Kind(of(dict, str, a.type), dicts(a)),
    lambda a, b: Kind(of(Box, a.type), st.builds(Box, a.values)) if nameable(a) else a,
    lambda a, b: Kind(of(Pair, a.type), st.builds(Pair, a.values, a.values)),
    lambda a, b: Kind(a.type | None, a.values | st.none()),
]
AMBIGUOUS: list[Callable[[Kind, Kind], Kind]] = [
    lambda a, b: Kind(of(Sequence, a.type), lists(a)),
    lambda a, b: Kind(of(Sequence, a.type), lists(a).map(tuple)),
    lambda a, b: Kind(of(Mapping, str, a.type), dicts(a)),
    lambda a, b: Kind(a.type | b.type, a.values | b.values),
]
"""Types whose values cannot be told from their JSON form alone."""


def nested(
    makers: list[Callable[[Kind, Kind], Kind]], sets: list[Any]
) -> Callable[[st.SearchStrategy[Kind]], st.SearchStrategy[Kind]]:
    def extend(inner: st.SearchStrategy[Kind]) -> st.SearchStrategy[Kind]:
        made = st.builds(lambda make, a, b: make(a, b), st.sampled_from(makers), inner, inner)
        return made | st.builds(set_of, st.sampled_from(sets), st.sampled_from(HASHABLE))

    return extend


def set_of(origin: Any, kind: Kind) -> Kind:
    strategy = st.frozensets if origin is frozenset else st.sets
    return Kind(of(origin, kind.type), strategy(kind.values, max_size=3))


CONCRETE_KINDS = st.recursive(
    st.sampled_from(SCALARS), nested(CONTAINERS, [set, frozenset]), max_leaves=5
)
ALL_KINDS = st.recursive(
    st.sampled_from(SCALARS),
    nested([*CONTAINERS, *AMBIGUOUS], [frozenset, AbstractSet]),
    max_leaves=5,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["item", "first", "second", "key", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def structure_of(kind: Kind) -> Structure:
    structure = compile_structure(kind.type, "input", "step 'a'", lambda: CONVERTER)
    assert structure is not None
    return structure


@given(st.data(), ALL_KINDS)
def test_a_value_that_fits_is_returned_as_it_is(data: st.DataObject, kind: Kind) -> None:
    value = data.draw(kind.values)

    assert structure_of(kind)(value) is value


@given(st.data(), CONCRETE_KINDS)
def test_what_was_unstructured_is_structured_into_the_same(data: st.DataObject, kind: Kind) -> None:
    value = data.draw(kind.values)

    assert structure_of(kind)(CONVERTER.unstructure(value)) == value


@given(st.data(), CONCRETE_KINDS)
def test_what_was_written_as_json_is_structured_into_the_same(
    data: st.DataObject, kind: Kind
) -> None:
    value = data.draw(kind.values)
    written = json.dumps(to_json(value, "", None))

    assert structure_of(kind)(json.loads(written)) == value


@given(ALL_KINDS, JSON)
def test_anything_else_fits_after_all_or_is_told_with_its_faults(kind: Kind, value: Any) -> None:
    structure = structure_of(kind)
    try:
        structured = structure(value)
    except InvalidValueError as error:
        assert error.faults
        assert all(fault.problem for fault in error.faults)
    else:
        assert structure(structured) is structured


@settings(max_examples=60)  # each compiles classes of its own, which takes the time
@given(st.data(), CONCRETE_KINDS.filter(nameable))
def test_a_foreign_object_anywhere_is_found_at_its_place(data: st.DataObject, kind: Kind) -> None:
    value = data.draw(st.lists(kind.values, min_size=1, max_size=3))
    index = data.draw(st.integers(0, len(value) - 1))
    outer = Kind(of(list, of(Box, kind.type)), st.nothing())
    written = [{"item": item} for item in value]
    written[index] = {"item": object()}

    try:
        structure_of(outer)(written)
    except InvalidValueError as error:
        (fault,) = error.faults
        assert fault.path == f"[{index}].item"
    else:
        raise AssertionError("an object() fitted")
