"""Structuring by example: what fits, what becomes what, and what is told of what does not."""

# ruff: noqa: UP007, UP045 - the old spellings of unions are other objects
from __future__ import annotations

import collections
import enum
import sys
from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    MutableSequence,
    Sequence,
)
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType, NoneType, SimpleNamespace
from typing import (
    Annotated,
    Any,
    AnyStr,
    ClassVar,
    Final,
    Generic,
    Literal,
    NamedTuple,
    Never,
    NewType,
    NotRequired,
    Optional,
    Protocol,
    Required,
    TypedDict,
    TypeVar,
    Union,
    runtime_checkable,
)
from uuid import UUID

import attrs
import pytest
from attrs import frozen
from cattrs.cols import list_structure_factory
from typing_extensions import ReadOnly, TypeAliasType

from tests.naming import name_of
from trioflow._values.structure import (
    accept,
    as_mapping,
    compile_structure,
    expect,
    faults_of,
    fields_of,
    join,
    make_converter,
    model_fields,
    type_name,
)
from trioflow.errors import DefinitionError, Fault, FaultsError, InvalidValueError

T = TypeVar("T")
CONVERTER = make_converter()


@frozen
class City:
    name: str
    size: int = 0


@frozen
class Town:
    name: str
    size: int = 0


class Village(Town):
    pass


BoundT = TypeVar("BoundT", bound=City)


@frozen
class Money:
    cents: int


@frozen
class Trip:
    cities: list[City]
    by_day: Mapping[str, City] = attrs.Factory(dict)
    home: City | None = None


@dataclass
class Route:
    stops: list[str]
    notes: list[str] = dataclass_field(default_factory=list)


class Entry(TypedDict):
    key: str
    size: NotRequired[int]


class Settings(TypedDict, total=False):
    name: Required[str]
    size: ReadOnly[int]


class Page(TypedDict, Generic[T]):
    items: list[T]
    next: NotRequired[T]


class Node(NamedTuple):
    value: int
    next: Node | None = None


class Point(NamedTuple):
    x: int
    y: int = 0


class Untyped(collections.namedtuple("Untyped", ["x"])):
    __slots__ = ()


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Name(str, enum.Enum):  # noqa: UP042 - the older spelling is another class
    OSLO = "Oslo"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Size(enum.Enum):
    SMALL = 1

    @classmethod
    def _missing_(cls, value: object) -> Size | None:
        if value == "boom":
            raise KeyError(value)
        return cls.SMALL if value == "small" else None


@frozen
class Box(Generic[T]):
    item: T


@frozen
class Pair(Generic[T, BoundT]):
    first: Box[list[T]]
    second: BoundT


@frozen
class Tree:
    value: int
    children: list[Tree] = attrs.Factory(list)
    parent: Tree | None = None


class Linked(TypedDict):
    next: NotRequired[Linked]
    tree: NotRequired[Tree]


class Plain:
    pass


class Shelf(Generic[T]):
    pass


class Numbers(list[int]):
    pass


class Named(Protocol):
    name: str


@runtime_checkable
class Closeable(Protocol):
    def close(self) -> None: ...


UserId = NewType("UserId", int)
Table = TypeAliasType("Table", dict[str, list[T]], type_params=(T,))


def of(origin: Any, *arguments: Any) -> Any:
    """Return a type with type arguments that a type checker would not let stand here."""
    return origin[arguments]


def structured(type_: Any, value: Any) -> Any:
    structure = compile_structure(type_, "input", "step 'a'", lambda: CONVERTER)
    return value if structure is None else structure(value)


def faults(type_: Any, value: Any) -> list[str]:
    """Return what is wrong with a value, as texts with paths."""
    with pytest.raises(InvalidValueError) as caught:
        structured(type_, value)
    assert (caught.value.what, caught.value.owner) == ("input", "step 'a'")
    return [str(fault) for fault in caught.value.faults]


# ---------------------------------------------------------------- what fits, becomes, and does not
TREE = Tree(1, [Tree(2)], Tree(3))

FITTING: list[tuple[Any, Any]] = [
    (int, 5),
    (int, Level.LOW),
    (float, 5.5),
    (str, Name.OSLO),
    (None, None),
    (NoneType, None),
    (object, 5),
    (list, [1, "a"]),
    (list[int], [1, 2]),
    (list[int], Numbers([1])),
    (list[Any], [1, "a"]),
    (list[object], [1, "a"]),
    (list[City | None], [City("Oslo"), None]),
    (Sequence[int], (1, 2)),
    (Sequence[int], range(3)),
    (Sequence[int], collections.deque([1])),
    (MutableSequence[int], [1]),
    (collections.deque[int], collections.deque([1], maxlen=2)),
    (Iterable[City], (City("Oslo"),)),
    (Iterable[int], iter([1])),
    (Collection[int], {1: "a"}),
    (Iterator[int], iter([1])),
    (tuple, (1, "a")),
    (tuple[int, ...], (1, 2, 3)),
    (tuple[int, str], (1, "a")),
    (tuple[()], ()),
    (set[int], {1}),
    (AbstractSet[int], {1}),
    (AbstractSet[int], frozenset([1])),
    (AbstractSet[int], {1: 2}.keys()),
    (dict, {1: "a"}),
    (dict[str, City], {"a": City("Oslo")}),
    (Mapping[str, int], MappingProxyType({"a": 1})),
    (Mapping[Color, int], {Color.RED: 1}),
    (collections.OrderedDict[str, int], collections.OrderedDict(a=1)),
    (collections.Counter[str], collections.Counter("aa")),
    (collections.defaultdict[str, int], collections.defaultdict(int, a=1)),
    (MappingProxyType[str, int], MappingProxyType({"a": 1})),
    (City, City("Oslo")),
    (Town, Village("Ham")),
    (Box[int], Box(1)),
    (Tree, TREE),
    (Route, Route(["a"])),
    (Entry, {"key": "a", "size": 1}),
    (Page[int], {"items": [1]}),
    (Point, Point(1)),
    (dict[str, Point], {"a": Point(1)}),
    (Color, Color.RED),
    (Access, Access.READ | Access.WRITE),
    (Literal[1, "a", Color.RED], Color.RED),
    (int | str, "a"),
    (float | int, 5),
    (Union[list[City], list[Town]], [Town("Ham")]),
    (City | Town, Village("Ham")),
    (City | dict[str, str], {"name": "Oslo"}),
    (Color | str, "red"),
    (datetime | str, "2030-01-01"),
    (Any | None, 5),
    (datetime, datetime(2030, 1, 1, tzinfo=UTC)),
    (date, datetime(2030, 1, 1, tzinfo=UTC)),
    (Path, Path("a")),
    (UserId, 5),
    (Annotated[City, "m"], City("Oslo")),
    (Final[int], 5),
    (T, 5),
    (of(list, T), [1, "a"]),
    (BoundT, City("Oslo")),
    (AnyStr, b"a"),
    (Plain, Plain()),
    (Shelf[int], Shelf()),
    (Callable, len),
    (Callable[[int], int], len),
    (type, int),
    (type[int], bool),
    (type[Any], str),
    (Exception, KeyError("a")),
    (Table[int], {"a": [1]}),
]


@pytest.mark.parametrize(("type_", "value"), FITTING, ids=name_of)
def test_what_fits_is_passed_on_as_it_is(type_: Any, value: Any) -> None:
    assert structured(type_, value) is value


BECOMING: list[tuple[Any, Any, Any]] = [
    (float, 5, 5.0),
    (list[int], (1, 2), [1, 2]),
    (list[float], [1, 2.5], [1.0, 2.5]),
    (Sequence[float], (1, 2.5), [1.0, 2.5]),
    (collections.deque[int], [1], collections.deque([1])),
    (Iterable[City], [{"name": "Oslo"}], [City("Oslo")]),
    (tuple, [1, "a"], (1, "a")),
    (tuple[int, ...], [1, 2], (1, 2)),
    (tuple[float, City], [1, {"name": "Oslo"}], (1.0, City("Oslo"))),
    (set[int], [1, 1, 2], {1, 2}),
    (set[City], [{"name": "Oslo"}], {City("Oslo")}),
    (frozenset[int], {1}, frozenset([1])),
    (AbstractSet[int], [1], frozenset([1])),
    (dict[str, City], {"a": {"name": "Oslo"}}, {"a": City("Oslo")}),
    (dict[str, int], MappingProxyType({"a": 1}), {"a": 1}),
    (MutableMapping[Color, float], {"red": 1}, {Color.RED: 1.0}),
    (collections.OrderedDict[str, int], {"a": 1}, collections.OrderedDict(a=1)),
    (collections.Counter[str], {"a": 2}, collections.Counter("aa")),
    (collections.defaultdict[str, int], {"a": 1}, collections.defaultdict(int, a=1)),
    (City, {"name": "Oslo"}, City("Oslo")),
    (City, MappingProxyType({"name": "Oslo", "size": 1}), City("Oslo", 1)),
    (City, Town("Ham", 3), City("Ham", 3)),
    (Route, {"stops": ["a"]}, Route(["a"])),
    (Trip, {"cities": [Town("Ham")], "home": None}, Trip([City("Ham")])),
    (Settings, City("Oslo"), {"name": "Oslo", "size": 0}),
    (Page[float], {"items": [1], "next": 2}, {"items": [1.0], "next": 2.0}),
    (Page, {"items": [1]}, {"items": [1]}),
    (Node, [1, [2]], Node(1, Node(2))),
    (Entry, MappingProxyType({"key": "a"}), {"key": "a"}),
    (Point, [1], Point(1)),
    (Point, (1, 2), Point(1, 2)),
    (Untyped, ["a"], Untyped("a")),
    (Color, "red", Color.RED),
    (Level, 1, Level.LOW),
    (Name, "Oslo", Name.OSLO),
    (Access, 3, Access.READ | Access.WRITE),
    (Size, "small", Size.SMALL),
    (Literal[Color.RED], "red", Color.RED),
    (float | None, 5, 5.0),
    (float | str, 5, 5.0),
    (City | Town, {"name": "Oslo"}, City("Oslo")),
    (datetime, "2030-01-01T00:00:00+00:00", datetime(2030, 1, 1, tzinfo=UTC)),
    (date, "2030-01-01", date(2030, 1, 1)),
    (timedelta, "90.000001", timedelta(seconds=90, microseconds=1)),
    (timedelta, "-1e3", timedelta(seconds=-1000)),
    (Path, "a/b", Path("a/b")),
    (UUID, "12345678-1234-5678-1234-567812345678", UUID("12345678123456781234567812345678")),
    (dict[int, str], {"1": "a", "-2": "b"}, {1: "a", -2: "b"}),
    (dict[bool | None, int], {"true": 1, "null": 2}, {True: 1, None: 2}),
    (Decimal, "1.10", Decimal("1.10")),
    (bytes, "aGk=", b"hi"),
    (Annotated[City, "m"], {"name": "Oslo"}, City("Oslo")),
    (Box, {"item": 1}, Box(1)),
    (Box[float], {"item": 1}, Box(1.0)),
    (of(Box, T), {"item": 1}, Box(1)),
    (
        Pair[float, City],
        {"first": {"item": [1]}, "second": {"name": "Oslo"}},
        Pair(Box([1.0]), City("Oslo")),
    ),
    (
        Pair,
        {"first": {"item": [1]}, "second": {"name": "Oslo"}},
        Pair(Box([1]), City("Oslo")),
    ),
    (
        Tree,
        {"value": 1, "children": [{"value": 2}], "parent": {"value": 3}},
        Tree(1, [Tree(2)], Tree(3)),
    ),
    (
        Linked,
        {"next": {"next": {}, "tree": {"value": 1}}},
        {"next": {"next": {}, "tree": Tree(1)}},
    ),
    (Table[float], {"a": [1]}, {"a": [1.0]}),
]


@pytest.mark.parametrize(("type_", "value", "result"), BECOMING, ids=name_of)
def test_what_does_not_fit_yet_is_structured(type_: Any, value: Any, result: Any) -> None:
    found = structured(type_, value)

    assert found == result
    assert type(found) is type(result)


FAULTY: list[tuple[Any, Any, list[str]]] = [
    (int, "5", ["value: expected int, received str"]),
    (int, True, ["value: expected int, received bool"]),
    (int, 5.0, ["value: expected int, received float"]),
    (float, "5", ["value: expected float, received str"]),
    (float, True, ["value: expected float, received bool"]),
    (float, 2**53 + 1, [f"value: {2**53 + 1} cannot be a float without loss"]),
    (float, 10**400, [f"value: {10**400} cannot be a float without loss"]),
    (str, 5, ["value: expected str, received int"]),
    (str, b"a", ["value: expected str, received bytes"]),
    (bool, 1, ["value: expected bool, received int"]),
    (None, 0, ["value: expected None, received int"]),
    (list, "ab", ["value: expected list, received str"]),
    (list[int], {1}, ["value: expected list[int], received set"]),
    (
        list[int],
        [1, "2", None],
        ["[1]: expected int, received str", "[2]: expected int, received None"],
    ),
    (list[None], [1], ["[0]: expected None, received int"]),
    (Sequence[str], "ab", ["value: expected Sequence[str], received str"]),
    (Sequence[int], b"ab", ["value: expected Sequence[int], received bytes"]),
    (Iterable[str], "ab", ["value: expected Iterable[str], received str"]),
    (Iterable[int], ("a",), ["[0]: expected int, received str"]),
    (Iterable[int], 5, ["value: expected Iterable[int], received int"]),
    (AsyncIterator[int], [1], ["value: expected AsyncIterator[int], received list"]),
    (tuple[int, ...], (1, "a"), ["[1]: expected int, received str"]),
    (tuple[int, str], [1], ["value: expected 2 items, received 1"]),
    (
        tuple[int, str],
        ["a", 1],
        ["[0]: expected int, received str", "[1]: expected str, received int"],
    ),
    (tuple[()], [1], ["value: expected 0 items, received 1"]),
    (tuple[int, str], {"a": 1}, ["value: expected tuple[int, str], received dict"]),
    (set[int], "ab", ["value: expected set[int], received str"]),
    (set[int], ["a"], ["[0]: expected int, received str"]),
    (set[Any], [{}], ["value: unhashable type: 'dict'"]),
    (dict[str, int], [("a", 1)], ["value: expected dict[str, int], received list"]),
    (dict[str, int], {"a": "1"}, ["['a']: expected int, received str"]),
    (dict[str, int], {1: 1}, ["[1]: as a key, expected str, received int"]),
    (
        dict[int, int],
        {"x": "a"},
        ["['x']: as a key, expected int, received str", "['x']: expected int, received str"],
    ),
    (collections.Counter[str], {"a": "b"}, ["['a']: expected int, received str"]),
    (City, "Oslo", ["value: expected City, received str"]),
    (City, None, ["value: expected City, received None"]),
    (City, {}, ["name: required key is missing"]),
    (
        City,
        {"name": 5, "size": "a"},
        ["name: expected str, received int", "size: expected int, received str"],
    ),
    (
        City,
        {"name": "a", "zip": 1, "z p": 2, 3: 4},
        ["[3]: unknown key", "['z p']: unknown key", "zip: unknown key"],
    ),
    (
        City,
        Trip([]),
        [
            "name: required key is missing",
            "by_day: unknown key",
            "cities: unknown key",
            "home: unknown key",
        ],
    ),
    (
        Trip,
        {
            "cities": [{"name": "a"}, {"nam": "b"}],
            "by_day": {"1": {"name": 1}},
            "home": {"name": 1},
        },
        [
            "cities[1].name: required key is missing",
            "cities[1].nam: unknown key",
            "by_day['1'].name: expected str, received int",
            "home.name: expected str, received int",
        ],
    ),
    (Entry, {}, ["key: required key is missing"]),
    (Entry, {"key": 1, "siz": 1}, ["key: expected str, received int", "siz: unknown key"]),
    (Entry, "a", ["value: expected Entry, received str"]),
    (
        Settings,
        {"size": "a"},
        ["name: required key is missing", "size: expected int, received str"],
    ),
    (Page[int], {"items": ["a"]}, ["items[0]: expected int, received str"]),
    (Node, [1, ["a"]], ["[1][0]: expected int, received str"]),
    (Point, [], ["value: expected 1 to 2 items, received 0"]),
    (Point, ["a", "b"], ["[0]: expected int, received str", "[1]: expected int, received str"]),
    (Point, {"x": 1}, ["value: expected Point, received dict"]),
    (Color, "green", ["value: expected Color (one of 'red', 'blue'), received 'green'"]),
    (Color, [], ["value: expected Color (one of 'red', 'blue'), received []"]),
    (Level, True, ["value: expected Level (one of 1), received True"]),
    (Level, 1.0, ["value: expected Level (one of 1), received 1.0"]),
    (Name, 5, ["value: expected Name (one of 'Oslo'), received 5"]),
    (Access, 99, ["value: expected Access (one of 1, 2), received 99"]),
    (Size, "boom", ["value: expected Size (one of 1), received 'boom'"]),
    (Literal[1, "a"], True, ["value: expected one of 1, 'a', received True"]),
    (Literal[1, "a"], [], ["value: expected one of 1, 'a', received []"]),
    (Optional[int], "a", ["value: expected int | None, received str"]),
    (Optional[datetime], "a", ["value: 'a' is not a datetime"]),
    (Optional[City], {"name": 1}, ["name: expected str, received int"]),
    (int | str, True, ["value: expected int | str, received bool"]),
    (int | Literal["all"], "some", ["value: expected int | Literal['all'], received str"]),
    (City | Town, 5, ["value: expected City | Town, received int"]),
    (City | Trip, {"cities": [5]}, ["cities[0]: expected City, received int"]),
    (int | list[int], [1, "a"], ["[1]: expected int, received str"]),
    (datetime, "soon", ["value: 'soon' is not a datetime"]),
    (datetime, 5, ["value: expected datetime, received int"]),
    (timedelta, 5, ["value: expected timedelta, received int"]),
    (timedelta, "1e999999999", ["value: '1e999999999' is not a timedelta"]),
    (timedelta, "-1e99999", ["value: '-1e99999' is not a timedelta"]),
    (timedelta, "nan", ["value: 'nan' is not a timedelta"]),
    (bytes, "a", ["value: 'a' is not a bytes"]),
    (Decimal, "a", ["value: 'a' is not a Decimal"]),
    (UUID, "a", ["value: 'a' is not a UUID"]),
    (UUID, "1" * 32, [f"value: '{'1' * 32}' is not a UUID"]),
    (date, "20260102", ["value: '20260102' is not a date"]),
    (dict[int, int], {"01": 1}, ["['01']: as a key, expected int, received str"]),
    (dict[float, int], {"1": 1}, ["['1']: as a key, expected float, received str"]),
    (dict[Path, int], {"a//b": 1, "a/b": 2}, ["['a/b']: is a duplicate key"]),
    (UserId, "5", ["value: expected int, received str"]),
    (of(list, BoundT), [5], ["[0]: expected City, received int"]),
    (AnyStr, 5, ["value: expected bytes | str, received int"]),
    (Plain, {}, ["value: expected Plain, received dict"]),
    (Numbers, [1], ["value: expected Numbers, received list"]),
    (Shelf[int], 5, ["value: expected Shelf[int], received int"]),
    (Callable[[int], str], 5, ["value: expected Callable[[int], str], received int"]),
    (Closeable, 5, ["value: expected Closeable, received int"]),
    (type[int], str, ["value: expected type[int], received type"]),
    (type[int], 5, ["value: expected type[int], received int"]),
    (
        Tree,
        {"value": 1, "children": [{"value": 2, "parent": {"value": "a"}}]},
        ["children[0].parent.value: expected int, received str"],
    ),
    (Linked, {"next": {"tree": {}}}, ["next.tree.value: required key is missing"]),
]


@pytest.mark.parametrize(("type_", "value", "told"), FAULTY, ids=name_of)
def test_every_fault_is_told_with_its_path(type_: Any, value: Any, told: list[str]) -> None:
    assert faults(type_, value) == told


# ---------------------------------------------------------------- classes in detail
class TestClasses:
    def test_each_value_gets_defaults_of_its_own(self) -> None:
        first, second = (structured(Route, {"stops": []}) for _ in range(2))
        first.notes.append("late")

        assert second.notes == []
        assert (
            structured(Trip, {"cities": []}).by_day is not structured(Trip, {"cities": []}).by_day
        )

    def test_parts_that_are_instances_are_the_same_objects(self) -> None:
        oslo = City("Oslo")
        trip = structured(Trip, {"cities": [oslo, {"name": "Rome"}], "by_day": {"1": oslo}})

        assert trip.cities[0] is oslo
        assert trip.by_day["1"] is oslo

    def test_what_a_validator_raises_is_a_fault_of_the_whole(self) -> None:
        @frozen
        class Age:
            years: int = attrs.field(validator=attrs.validators.ge(0))

        assert faults(list[Box[Age]], [{"item": {"years": -1}}]) == [
            "[0].item: 'years' must be >= 0: -1"
        ]

    def test_a_key_error_of_a_class_is_not_taken_for_a_missing_key(self) -> None:
        @frozen
        class Lookup:
            key: str

            def __attrs_post_init__(self) -> None:
                raise KeyError(self.key)

        assert faults(list[Lookup], [{"key": "a"}]) == ["[0]: 'a'"]

    def test_an_exception_without_text_is_told_by_its_class(self) -> None:
        @frozen
        class Strict:
            x: int

            def __attrs_post_init__(self) -> None:
                raise ValueError

        assert faults(Strict, {"x": 1}) == ["value: ValueError"]

    def test_fields_that_only_the_class_sets_may_be_given_as_it_sets_them(self) -> None:
        @frozen
        class Circle:
            radius: float
            area: float = attrs.field(init=False, default=3.0)
            later: str = attrs.field(init=False)

        assert structured(Circle, {"radius": 1.0}).radius == 1
        assert structured(Circle, {"radius": 1.0, "area": 3.0}).area == 3
        assert faults(Circle, {"radius": 1.0, "area": 2.0}) == [
            "area: Circle itself sets it, to 3.0; received 2.0"
        ]
        assert faults(Circle, {"radius": 1.0, "later": "x"}) == [
            "later: Circle itself sets it, to nothing; received 'x'"
        ]

    def test_a_private_field_has_its_own_name_as_key(self) -> None:
        @frozen
        class Secret:
            _token: str

        assert structured(Secret, {"_token": "a"}) == Secret("a")
        assert faults(Secret, {"token": "a"}) == [
            "_token: required key is missing",
            "token: unknown key",
        ]

    def test_a_converter_of_a_field_gets_the_structured_value(self) -> None:
        def in_order(names: list[str]) -> list[str]:
            return sorted(names)

        @frozen
        class Tags:
            names: list[str] = attrs.field(converter=in_order)

        assert structured(Tags, {"names": ["b", "a"]}) == Tags(["a", "b"])
        assert faults(Tags, {"names": ["b", 1]}) == ["names[1]: expected str, received int"]

    def test_a_field_of_an_impossible_type_is_left_to_its_converter(self) -> None:
        options: Any = {"type": Never, "converter": str}
        made = attrs.field(**options)
        cls = attrs.make_class("Made", {"value": made}, frozen=True)

        assert structured(cls, {"value": 5}) == cls("5")

    def test_a_dataclass_may_have_fields_that_only_its_constructor_sees(self) -> None:
        @dataclass
        class Doubled:
            value: int
            doubled: int = dataclass_field(init=False)

            def __post_init__(self) -> None:
                self.doubled = self.value * 2

        assert structured(Doubled, {"value": 2}).doubled == 4
        assert fields_of(Doubled(2)) == {"value": 2, "doubled": 4}


class TestContainers:
    @pytest.mark.parametrize(
        ("type_", "missing"),
        [
            (collections.defaultdict[str, int], 0),
            (collections.defaultdict[str, list[int]], []),
        ],
    )
    def test_a_defaultdict_gives_empty_values_of_its_type(self, type_: Any, missing: Any) -> None:
        assert structured(type_, {})["missing"] == missing

    def test_a_defaultdict_of_what_cannot_be_called_gives_none(self) -> None:
        with pytest.raises(KeyError):
            structured(collections.defaultdict[str, int | None], {})["missing"]


class TestRecursion:
    def test_classes_that_name_each_other(self) -> None:
        assert structured(Linked, {"tree": {"value": 1, "children": [{"value": 2}]}}) == {
            "tree": Tree(1, [Tree(2)])
        }

    def test_a_type_that_cannot_be_made_can_be_asked_for_again(self) -> None:
        for _ in range(2):
            with pytest.raises(DefinitionError, match="is not a type"):
                compile_structure(Table["Nowhere"], "input", "step 'a'", lambda: CONVERTER)  # type: ignore[name-defined]

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="aliases cannot name themselves")
    def test_an_alias_that_names_itself(self) -> None:
        names: dict[str, Any] = {}
        exec("type Json = dict[str, Json] | list[Json] | str | int | None", names)
        json, value = names["Json"], {"a": [1, {"b": None}]}

        assert structured(json, value) is value
        assert faults(of(list, json), [1.5])[0].startswith("[0]: expected")

    def test_a_value_deeper_than_python_allows_is_a_fault(self) -> None:
        deep: Any = {"value": 0}
        for _ in range(10_000):
            deep = {"value": 0, "parent": deep}

        assert "recursion" in faults(Tree, deep)[0]


# ---------------------------------------------------------------- what is found before a value
IMPOSSIBLE: list[tuple[Any, str]] = [
    ("City", "type City ('City' is not a type)"),
    (5, "type 5 (5 is not a type)"),
    (list["Nowhere"], "type list[Nowhere] ('Nowhere' is not a type)"),  # type: ignore[name-defined] # noqa: F821
    (Never, "type Never (typing.Never is not a type)"),
    (Union, "typing.Union is not a type"),
]


@pytest.mark.parametrize(("type_", "problem"), IMPOSSIBLE, ids=name_of)
def test_a_type_that_no_value_can_fit_is_refused_beforehand(type_: Any, problem: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        compile_structure(type_, "input", "step 'a'", lambda: CONVERTER)

    assert caught.value.where == "step 'a'"
    assert caught.value.problem.startswith("its input cannot be of type")
    assert problem in caught.value.problem
    assert caught.value.remedy == (
        "use another type, or register a hook for it with trioflow_converter"
    )


def test_a_quoted_name_needs_a_module_that_has_it() -> None:
    with pytest.raises(DefinitionError) as caught:
        compile_structure(Optional["Nowhere"], "input", "step 'a'", lambda: CONVERTER)  # noqa: F821

    assert "name 'Nowhere' is not defined in a known module" in caught.value.problem
    assert caught.value.remedy == "define the types that it names at the top of their module"


def test_a_class_that_names_a_class_inside_of_a_function_is_refused_with_advice() -> None:
    @frozen
    class Hidden:
        x: int

    @frozen
    class Outer:
        hidden: Hidden

    with pytest.raises(DefinitionError) as caught:
        structured(Outer, {})

    assert caught.value.problem.endswith("of type Outer (name 'Hidden' is not defined)")
    assert caught.value.remedy == "define the types that it names at the top of their module"


def test_without_a_type_no_converter_is_made() -> None:
    def fail() -> Any:
        raise AssertionError("a converter was asked for")

    assert compile_structure(Any, "input", "step 'a'", fail) is None
    assert compile_structure(object, "input", "step 'a'", fail) is None


def test_what_makes_the_converter_is_not_taken_for_an_impossible_type() -> None:
    def fail() -> Any:
        raise RuntimeError("the plugin is broken")

    with pytest.raises(RuntimeError, match="the plugin is broken"):
        compile_structure(int, "input", "step 'a'", fail)


class TestOwnHooks:
    """What a plugin registers for its types."""

    def converter(self) -> Any:
        def structure(value: Any, _: Any) -> Money:
            if isinstance(value, Money):
                return value
            euros = expect(value, str)
            if not euros.endswith("€"):
                raise FaultsError((Fault("", "no currency"), Fault("sign", "not €")))
            return Money(int(euros[:-1]) * 100)

        converter = make_converter()
        converter.register_structure_hook(Money, structure)
        converter.register_unstructure_hook(Money, lambda money: f"{money.cents // 100}€")
        return converter

    def test_they_win_at_any_depth(self) -> None:
        converter = self.converter()
        hook = compile_structure(
            dict[str, list[Money | None]], "input", "step 'a'", lambda: converter
        )

        assert hook is not None
        assert hook({"a": ["5€", None]}) == {"a": [Money(500), None]}
        with pytest.raises(InvalidValueError) as caught:
            hook({"a": ["5€", "5", 5]})
        assert [str(fault) for fault in caught.value.faults] == [
            "['a'][1]: no currency",
            "['a'][1].sign: not €",
            "['a'][2]: expected str, received int",
        ]

    def test_hooks_that_cattrs_made_tell_their_paths_as_well(self) -> None:
        converter = make_converter()
        list_of_ints = list_structure_factory(list[int], converter)
        converter.register_structure_hook(Numbers, lambda value, _: Numbers(list_of_ints(value, 0)))

        def annotated(value: Any, _: Any) -> Money:
            error = ValueError("no money")
            error.add_note("a note that says nothing of the place")
            raise error

        converter.register_structure_hook(Money, annotated)
        hook = compile_structure(Pair[Numbers, City], "input", "step 'a'", lambda: converter)

        assert hook is not None
        with pytest.raises(InvalidValueError) as caught:
            hook({"first": {"item": [[1, "2"]]}, "second": City("Oslo")})
        assert str(caught.value.faults[0]) == "first.item[0][1]: expected int, received str"

        hook = compile_structure(Box[Money], "input", "step 'a'", lambda: converter)

        assert hook is not None
        with pytest.raises(InvalidValueError) as caught:
            hook({"item": 5})
        assert str(caught.value.faults[0]) == "item: no money"

    def test_they_are_of_one_converter_only(self) -> None:
        assert structured(Money, {"cents": 5}) == Money(5)


# ---------------------------------------------------------------- small helpers
def test_paths_are_joined_like_they_are_written_in_python() -> None:
    assert join("", "") == ""
    assert join("", "a") == "a"
    assert join("a", "") == "a"
    assert join("a", "b.c") == "a.b.c"
    assert join("a", "[0].b") == "a[0].b"
    assert join("a", "['x']") == "a['x']"


def test_faults_keep_what_was_expected_and_received() -> None:
    with pytest.raises(InvalidValueError) as caught:
        structured(list[City], [{"name": 5}])

    assert caught.value.faults == (
        Fault("[0].name", "expected str, received int", expected="str", received="int"),
    )


def test_faults_can_be_asked_of_any_exception() -> None:
    inner = InvalidValueError("state", "step 'a'", (Fault("x", "wrong"),))
    group = ExceptionGroup("several", [ValueError("bad"), ExceptionGroup("more", [inner])])

    assert [str(fault) for fault in faults_of(group, "a")] == ["a: bad", "a.x: wrong"]


def test_what_has_fields_can_be_looked_at_as_a_mapping() -> None:
    mapping = MappingProxyType({"a": 1})

    assert as_mapping(mapping, City) is mapping
    assert as_mapping(City("Oslo"), City) == {"name": "Oslo", "size": 0}
    assert as_mapping(Route(["a"]), City) == {"stops": ["a"], "notes": []}
    assert fields_of("text") is None
    assert fields_of(City) is None
    with pytest.raises(FaultsError, match="value: expected City, received list"):
        as_mapping([], City)


class Model:
    """Stands for the base class of a library that makes classes of annotations."""

    made: ClassVar[int] = 0

    def __init__(self, **fields: Any) -> None:
        vars(self).update(fields)

    def __replace__(self, **changes: Any) -> Model:
        return type(self)(**{**vars(self), **changes})


class Harbor(Model):
    name: str
    size: NotDefinedAnywhere  # type: ignore[name-defined]  # noqa: F821
    _secret: int = 0


def test_models_of_libraries_have_fields() -> None:
    harbor = Harbor(name="Oslo", size=1, made=2)

    assert fields_of(harbor) == {"name": "Oslo", "size": 1}
    assert structured(City, harbor) == City("Oslo", 1)
    with pytest.raises(NameError):
        model_fields(Harbor)


@pytest.mark.parametrize("value", [date(2026, 1, 2), SimpleNamespace(a=1), Point(1, 2), 1, Model])
def test_what_can_be_replaced_on_later_versions_only_has_no_fields(value: object) -> None:
    assert fields_of(value) is None


def test_any_value_is_accepted_as_it_is() -> None:
    assert accept(5, Any) == 5


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        (None, "None"),
        (NoneType, "None"),
        (int, "int"),
        (City, "City"),
        ("mapping or object", "mapping or object"),
        (Any, "Any"),
        (list[City], "list[City]"),
        (dict[str, list[int]], "dict[str, list[int]]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Optional[City], "City | None"),
        (int | list[str], "int | list[str]"),
        (Box[int], "Box[int]"),
        (Literal[1, "a"], "Literal[1, 'a']"),
        (Annotated[City, "m"], "City"),
        (UserId, "UserId"),
        (T, "T"),
        (Sequence[int], "Sequence[int]"),
        (Callable[[int], str], "Callable[[int], str]"),
        (Never, "Never"),
    ],
)
def test_types_are_called_by_short_names(type_: Any, name: str) -> None:
    assert type_name(type_) == name
