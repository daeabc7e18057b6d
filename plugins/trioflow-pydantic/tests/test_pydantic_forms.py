"""Each kind of model has one form of JSON, which is described, written and read back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

import attrs
import pytest
from cattrs import Converter
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    NaiveDatetime,
    PlainSerializer,
    PrivateAttr,
    RootModel,
    SerializeAsAny,
    Tag,
    computed_field,
    create_model,
    field_serializer,
    model_serializer,
    model_validator,
)
from typing_extensions import TypedDict

from trioflow.errors import NotSerializableError

Agree = Callable[..., None]
T = TypeVar("T")


def holder(type_: Any, **config: Any) -> Any:
    """Return a model with one field."""
    return create_model("Holder", it=(type_, ...), __config__=ConfigDict(**config))  # type: ignore[typeddict-item]


class Color(Enum):
    RED = "red"
    ONE = 1


class Level(IntEnum):
    LOW = 1


class Word(StrEnum):
    CAT = "cat"


class Point(NamedTuple):
    x: int
    y: int


class Keys(TypedDict, total=False):
    a: int


SUMMER = timezone(timedelta(hours=2))
DATED = [datetime(2020, 1, 2, 3, 4, 5, 678, tzinfo=SUMMER), datetime(1, 1, 1)]  # noqa: DTZ001
STRINGS = [
    "2020-01-01T00:00:00",
    "2020-01-01T00:00:00Z",
    "2020-01-01",
    "2020-01-01 00:00",
    "5",
    "x",
]


@pytest.mark.parametrize(
    ("type_", "values", "jsons"),
    [
        (Color, [Color.RED, Color.ONE], ["red", 1, True, 1.5, "RED", "x"]),
        (Level, [Level.LOW], [1, True, "1", "LOW"]),
        (Literal[1, "a"], [1, "a"], [1, True, "a", "1", None]),
        (Literal[True], [True], [1, True]),
        (Literal[Word.CAT], [Word.CAT], ["cat", "dog"]),
        (datetime, DATED, [*STRINGS, 5]),
        (AwareDatetime, DATED[:1], STRINGS),
        (NaiveDatetime, DATED[1:], STRINGS),
        (date, [date(1, 1, 1)], ["2020-01-01", "20200101", "5", "2020-01-01T00:00:00", 5]),
        (time, [time(1, 2, 3, 4), time(1, tzinfo=UTC)], ["01:02:03", "01:02", "x", 5]),
        (timedelta, [timedelta.min, timedelta.max, timedelta(0)], ["PT1S", "1", "P", 1, 1.5, "x"]),
        (Decimal, [Decimal("1.50"), Decimal("1E+5")], [1, 1.5, "1", "x", "NaN", "1_0", " 1", True]),
        (UUID, [UUID(int=5)], [str(UUID(int=7)), UUID(int=7).hex, f"urn:uuid:{UUID(int=7)}", "x"]),
        (float, [1.5, -0.0, 1e300], [1, "1", True, None, 2**70]),
        (int, [2**100], [1, "1", True]),
        (set[int], [{1, 2}, set()], [[1, 1], ["1"], {}]),
        (
            Annotated[set[int], Field(min_length=2, max_length=2)],
            [{1, 2}],
            [[1, 1], [1, 1, 2], [1]],
        ),
        (tuple[int, str], [(1, "a")], [[1], [1, "a"], [1, "a", 2], [1, 2]]),
        (tuple[()], [()], [[], [1]]),
        (Iterable[int], [], [[1], ["x"], "ab"]),
        (Point, [Point(1, 2)], [{"x": 1, "y": 2}, [1, 2]]),
        (Keys, [{"a": 1}, {}], [{"a": "1"}, {"b": 1}]),
        (int | str | None, [1, "1", None], [1, "1", 1.5, []]),
        (Annotated[list[int], Field(min_length=1, max_length=2)], [[1]], [[], [1, 2, 3]]),
    ],
)
def test_parts_of_models(agree: Agree, type_: Any, values: list[Any], jsons: list[Any]) -> None:
    model = holder(type_)

    agree(model, [model(it=each) for each in values], *({"it": each} for each in jsons), {})


@pytest.mark.parametrize("written", ["utf8", "base64", "hex", None])
@pytest.mark.parametrize("read", ["utf8", "base64", "hex", None])
def test_bytes_are_written_as_they_are_read(
    agree: Agree, converter: Converter, written: str | None, read: str | None
) -> None:
    config = {"ser_json_bytes": written, "val_json_bytes": read}
    model = holder(bytes, **{key: value for key, value in config.items() if value is not None})
    binary = model.model_construct(it=b"\xfb\xff")
    jsons = ["aGk=", "aGl=", "6869", "686", "a", "\xe9", 1]

    agree(model, [model.model_construct(it=b"hi")], *({"it": each} for each in jsons))
    if (read or written or "utf8") == "utf8":
        with pytest.raises(NotSerializableError, match="that Pydantic cannot write"):
            converter.unstructure(binary)
    else:
        agree(model, [binary])


@pytest.mark.parametrize(
    "config", [{"ser_json_timedelta": "float"}, {"ser_json_temporal": "milliseconds"}]
)
def test_durations_and_times_are_written_as_they_are_read(agree: Agree, config: Any) -> None:
    took, at = holder(timedelta, **config), holder(datetime, **config)

    agree(took, [took(it=timedelta(seconds=1.5))], {"it": 1.5}, {"it": "PT1S"})
    agree(at, [at(it=DATED[0])], {"it": 1.5})


class Ticket(BaseModel):
    id: int
    note: str = None  # type: ignore[assignment]
    at: datetime = Field(default_factory=lambda: None)  # type: ignore[assignment]


def test_defaults_that_do_not_fit_are_left_out(agree: Agree, converter: Converter) -> None:
    agree(Ticket, [Ticket(id=1), Ticket(id=1, note="x")], {"id": 1}, {"id": 1, "note": None})

    with pytest.raises(NotSerializableError, match="note: Input should be a valid string"):
        converter.unstructure(Ticket.model_construct(id=1, note=None))


# ---------------------------------------------------------------- whole models
class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int


class OpenNumbers(Open):
    __pydantic_extra__: dict[str, int]


class Ignoring(BaseModel):
    model_config = ConfigDict(extra="ignore")
    a: int


class Private(BaseModel):
    a: int
    _seen: int = PrivateAttr(default=0)


class Computed(BaseModel):
    a: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def b(self) -> int:
        return self.a + 1


class Excluding(BaseModel):
    a: int
    b: int = Field(default=1, exclude=True)


class Cat(BaseModel):
    kind: Literal["cat"] = Field(alias="theKind")
    n: int = 0


class Dog(BaseModel):
    kind: Literal["dog"] = Field(alias="theKind")
    n: int = 0


class ByField(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


class ByFunction(BaseModel):
    pet: Annotated[
        Annotated[Cat, Tag("cat")] | Annotated[Ignoring, Tag("other")],
        Discriminator(lambda given: "other" if "a" in dict(given) else "cat"),
    ]


class Box(BaseModel, Generic[T]):
    it: T
    more: list[T] = []


class Tree(BaseModel):
    kids: list[Tree] = []
    up: Tree | None = None


class Numbers(RootModel[dict[int, "Numbers"]]):
    pass


class Checked(BaseModel):
    """Its validators see JSON, and give Python values."""

    day: date
    some: set[int] = set()
    pair: tuple[int, ...] = ()
    cat: Cat | None = None
    next: Checked | None = None

    @model_validator(mode="before")
    @classmethod
    def before(cls, value: Any) -> Any:
        return value


class Coded(BaseModel):
    """Is written as a string, and read from one."""

    a: int

    @model_serializer
    def write(self) -> str:
        return str(self.a)

    @model_validator(mode="before")
    @classmethod
    def read(cls, value: Any) -> Any:
        return {"a": int(value)} if isinstance(value, str) else value


Price = Annotated[
    Decimal,
    PlainSerializer(lambda price: f"${price}", return_type=str),
    BeforeValidator(lambda given: given.removeprefix("$") if isinstance(given, str) else given),
]


@attrs.frozen
class Stop:
    cat: Cat
    took: timedelta = timedelta(0)


class Trip(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    stop: Stop
    more: dict[str, list[Stop]] = {}


CAT = Cat(theKind="cat")
PRICED = holder(Price)
STOP = {"cat": {"kind": "cat"}}


@pytest.mark.parametrize(
    ("type_", "values", "jsons"),
    [
        (Open, [Open.model_validate({"a": 1, "b": [2]})], [{"a": 1, "b": {}}, {"b": 1}]),
        (OpenNumbers, [OpenNumbers.model_validate({"a": 1, "b": 2})], [{"a": 1, "b": "x"}]),
        (holder(Open), [], [{"it": {"a": 1, "b": 1}}, {"it": {"a": 1}, "b": 1}]),
        (Ignoring, [Ignoring(a=1)], [{"a": 1, "b": 1}, {}]),
        (Private, [Private(a=1)], [{"a": 1, "_seen": 1}]),
        (Computed, [Computed(a=1)], [{"a": 1, "b": 2}]),
        (Excluding, [Excluding(a=1)], [{"a": 1, "b": 2}]),
        (
            ByField,
            [ByField(pet=CAT), ByField(pet=Dog(theKind="dog"))],
            [{"pet": {"kind": each}} for each in ("cat", "dog", "cow", 1)]
            + [
                {"pet": {"theKind": "dog", "n": "x"}},
                {"pet": {}},
                {"pet": {"kind": "cat", "x": 1}},
            ],
        ),
        (ByFunction, [ByFunction(pet=CAT)], [{"pet": {"a": 1}}, {"pet": {"kind": "x"}}]),
        (Cat | Dog, [CAT, Dog(theKind="dog")], [{"kind": "cow"}, {"n": 1}]),
        (Box[Cat], [Box[Cat](it=CAT, more=[CAT])], [{"it": {}}, {"it": {"kind": "cat"}}]),
        (Box[Box[int]], [Box[Box[int]](it=Box[int](it=1))], [{"it": {"it": "x"}}]),
        (Tree, [Tree(kids=[Tree(up=Tree())])], [{"kids": [1]}, {"up": {"x": 1}}]),
        (Numbers, [Numbers({1: Numbers({})})], [{"1": {}}, {"x": {}}, [], {"1": 1}]),
        (
            Checked,
            [Checked(day=date(2020, 1, 1), some={1}, pair=(1,), cat=CAT, next=None)],
            [
                {"day": "2020-01-01", "cat": {"kind": "cat"}},
                {"day": "x"},
                {"day": "2020-01-01", "x": 1},
                {"day": "2020-01-01", "next": {"day": "2020-01-01", "some": [1], "cat": {"x": 1}}},
            ],
        ),
        (PRICED, [PRICED(it=Decimal("1.5"))], []),
        (
            Trip,
            [Trip(stop=Stop(CAT, timedelta(seconds=1.5)), more={"a": [Stop(CAT)]})],
            [{"stop": STOP}, {"stop": {**STOP, "x": 1}}, {"stop": STOP, "more": {"a": [1]}}],
        ),
    ],
)
def test_models(agree: Agree, type_: Any, values: list[Any], jsons: list[Any]) -> None:
    agree(type_, values, *jsons, {}, [], None)


def test_a_model_may_be_written_as_a_string(agree: Agree) -> None:
    agree(Coded, [Coded(a=1)], "1", {"a": 1}, {"b": 1})


# ---------------------------------------------------------------- what JSON would change
class Masked(BaseModel):
    word: str

    @field_serializer("word")
    def mask(self, word: str) -> str:
        return "*" * len(word)


class Renamed(BaseModel):
    a: int

    @model_serializer
    def write(self) -> dict[str, int]:
        return {"A": self.a}


class Big(Cat):
    size: int = 1


def _seen() -> Private:
    private = Private(a=1)
    private._seen = 5
    return private


HASHED = holder(Annotated[str, AfterValidator(lambda word: f"hash({word})")])
PLAIN: Any = holder(Any)


@pytest.mark.parametrize(
    "value",
    [
        Masked(word="secret"),
        Renamed(a=1),
        Excluding(a=1, b=2),
        _seen(),
        HASHED(it="a"),
        holder(Annotated[int, PlainSerializer(str)])(it=1),
        holder(Cat)(it=Big(theKind="cat")),
        holder(SerializeAsAny[Cat])(it=Big(theKind="cat")),
        holder(Sequence[int])(it=(1, 2)),
        holder(bytes | str)(it="a"),
        holder(datetime)(it=datetime(2020, 1, 1, tzinfo=timezone(timedelta(seconds=1)))),
        Open.model_validate({"a": 1, "b": (1, 2)}),
        *(PLAIN(it=each) for each in [(1, 2), date(2020, 1, 1), {1: 2}, {1}, b"x", CAT]),
    ],
    ids=repr,
)
def test_what_json_would_change_is_refused(value: Any, converter: Converter) -> None:
    with pytest.raises(NotSerializableError, match="that is not read back from JSON"):
        converter.unstructure(value)
