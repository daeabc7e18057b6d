"""Fields, protocols, subclasses and containers: what of them is input, and what is written."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Collection, Iterable, Sequence, Sized
from datetime import datetime
from fractions import Fraction
from typing import (
    Any,
    ClassVar,
    LiteralString,
    NamedTuple,
    Protocol,
    SupportsIndex,
    runtime_checkable,
)

import attrs
import pytest

from tests.meaning import BENCH, agree
from tests.naming import name_of
from trioflow._forms.form import MAX_DEPTH
from trioflow._forms.forms import Forms
from trioflow.describe import json_schema
from trioflow.testing._converters.values import alike

pytestmark = pytest.mark.slow


# ---------------------------------------------------------------- fields
@attrs.frozen
class Private:
    _x: int
    from_: str = attrs.field(alias="origin", default="")


@dataclasses.dataclass
class Computed:
    a: int
    double: int = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.double = self.a * 2


@attrs.frozen(kw_only=True)
class Constant:
    kind: str = attrs.field(init=False, default="constant")
    label: str


@dataclasses.dataclass
class Scaled:
    a: int
    scale: dataclasses.InitVar[int]
    offset: dataclasses.InitVar[int] = 0

    def __post_init__(self, scale: int, offset: int) -> None:
        self.a = self.a * scale + offset


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Slotted:
    x: int
    y: int = 0


@attrs.frozen
class Sloppy:
    note: str = None  # type: ignore[assignment]


class SloppyTuple(NamedTuple):
    x: int
    note: str = None  # type: ignore[assignment]


class Known:
    pass


@attrs.define
class Seen:
    x: int
    seen: ClassVar[Nowhere] = 5  # type: ignore[name-defined] # noqa: F821


@dataclasses.dataclass
class SeenToo:
    x: int
    seen: ClassVar[Nowhere] = 5  # type: ignore[name-defined] # noqa: F821


def test_fields_of_classes() -> None:
    agree(Private, Private(1, origin="x"), refused=[{"x": 1}, {"_x": 1, "origin": "x"}])
    agree(Slotted, Slotted(x=1), refused=[{"y": 1}, {"x": None}])
    agree(Sloppy, Sloppy(), Sloppy("a"), fits=[{"note": None}], refused=[{"note": 1}])
    agree(Seen, Seen(1), refused=[{"x": 1, "seen": 5}])
    agree(SeenToo, SeenToo(1), refused=[{"x": 1, "seen": 5}])
    agree(SloppyTuple, SloppyTuple(1), SloppyTuple(1, "a"), refused=[[1, 1], []])


def test_fields_that_only_the_class_sets() -> None:
    value = Computed(1)
    assert BENCH.write(value) == {"a": 1, "double": 2}
    agree(Computed, fits=[{"a": 1}, {"a": 1, "double": 2}], refused=[{"a": 1, "double": "x"}])
    agree(Constant, Constant(label="a"), refused=[{"kind": "other", "label": "a"}])
    assert json_schema(Constant)["properties"]["kind"] == {
        "const": "constant",
        "default": "constant",
        "readOnly": True,
    }


def test_variables_for_the_constructor_alone_are_input() -> None:
    agree(
        Scaled,
        fits=[{"a": 1, "scale": 2}, {"a": 1, "scale": 2, "offset": 3}],
        refused=[{"a": 1}, {"a": 1, "scale": "x"}, {"a": 1, "scale": 2, "offset": None}],
    )
    assert BENCH.take(Scaled, {"a": 1, "scale": 2, "offset": 3}) == Scaled(1, 2, 3)


# ---------------------------------------------------------------- protocols and other classes
class Named(Protocol):
    name: str


@runtime_checkable
class Closeable(Protocol):
    def close(self) -> None: ...


@attrs.frozen
class City:
    name: str

    def close(self) -> None: ...


class Word(str):
    __slots__ = ()


class Moment(datetime):
    pass


class Picky(int):
    def __new__(cls, value: int) -> Picky:
        if value < 0:
            raise ValueError("below zero")
        return super().__new__(cls, value)


def test_protocols() -> None:
    city = City("Oslo")
    places: list[tuple[Any, Any]] = [
        (Named, city),
        (Closeable, city),
        (list[Named], [city]),
        (dict[str, Closeable], {"a": city}),
    ]
    for type_, value in places:
        assert BENCH.take(type_, value) is value
    agree(Named, fits=[1, "x", None, {"name": 1}, []])
    agree(Closeable, refused=[1, "x", None, {"close": 1}, []])
    agree(Sized, fits=["x", [], {}], refused=[1, None, 1.5])
    agree(SupportsIndex, fits=[1, True], refused=["x", [], {}, 1.5, None])


@pytest.mark.parametrize(
    "type_", [Fraction, complex, Known, type[int], bytearray, range], ids=name_of
)
def test_only_instances_fit_a_class_that_json_lacks(type_: Any) -> None:
    agree(type_, refused=[None, True, 1, 1.5, "x", [], {}])


def test_subclasses_of_scalars() -> None:
    agree(Word, Word("a"), fits=["x"], refused=[1, None])
    agree(Moment, Moment(2026, 1, 2), refused=["x"])
    agree(LiteralString, "a", refused=[1])
    assert type(BENCH.take(Word, "a")) is Word
    outcome = BENCH.read(Picky, -1)
    assert str(outcome) == "value: Picky refuses it: below zero"


# ---------------------------------------------------------------- containers
CONTAINERS: list[tuple[Any, list[Any], list[Any]]] = [
    (tuple[()], [()], [[1], {}, "x"]),
    (tuple[int, str], [(1, "a")], [[1], [1, "a", 2], ["a", 1]]),
    (SloppyTuple, [SloppyTuple(1)], [[], ["x"], {"x": 1}]),
    (Iterable[int], [[1]], [["x"], {"a": 1}, {}, "x"]),
    (Collection[int], [[1], {1: "a"}], [["x"], {"a": 1}, "x"]),
    (Sequence[int], [[1]], [["x"], {}, "x"]),
    (collections.Counter[str], [collections.Counter("aab")], [{"a": "x"}, {"a": 1.5}]),
    (collections.deque[int], [collections.deque([1])], [["x"]]),
    (set[Any], [{1, "a", None}], [[[]], [{}]]),
    (frozenset[tuple[int, str]], [frozenset({(1, "a")})], [[[1]], [["a", 1]]]),
]


@pytest.mark.parametrize(("type_", "values", "refused"), CONTAINERS, ids=name_of)
def test_containers(type_: Any, values: list[Any], refused: list[Any]) -> None:
    agree(type_, *(value for value in values if value != {1: "a"}), refused=refused)
    for value in values:
        assert BENCH.take(type_, value) is value


# ---------------------------------------------------------------- what was recorded
def parsed(text: str) -> datetime:
    return datetime.fromisoformat(text)


def increased(value: int) -> int:
    return value + 1


@attrs.define
class Hashed:
    secret: int = attrs.field(converter=hash)
    at: datetime = attrs.field(default="2026-01-02T03:04:05", converter=parsed)  # type: ignore[assignment]
    calls: int = attrs.field(default=0, validator=lambda *_: CALLS.append(1))


CALLS: list[int] = []


@dataclasses.dataclass
class Doubled:
    x: int
    label: str = dataclasses.field(init=False, default="")

    def __post_init__(self) -> None:
        if self.x > 10:
            raise ValueError("too large to be doubled")
        self.x *= 2
        self.label = f"doubled to {self.x}"


@attrs.frozen(cache_hash=True)
class Cached:
    x: int = attrs.field(converter=increased)


@attrs.define
class Prepared:
    x: int

    def __attrs_pre_init__(self) -> None:
        self.__attrs_attrs__  # noqa: B018 - only there to be called


@pytest.mark.parametrize(
    "value",
    [Hashed("password"), Doubled(9), Cached(1), Prepared(1)],
    ids=lambda value: str(type(value)),
)
def test_converters_and_validators_do_not_run_again_on_what_was_recorded(value: Any) -> None:
    form = Forms(lambda: BENCH.converter).form(type(value))
    plain = form.dump(value, MAX_DEPTH)
    CALLS.clear()

    again = form.load(plain)

    assert alike(again, value)
    assert CALLS == []
    if type(value).__hash__ is not None:
        assert hash(again) == hash(value)
