"""What goes into a journal comes back, or is refused where it goes in."""

from __future__ import annotations

import collections
import datetime as dt
import decimal
import enum
import fractions
import ipaddress
import json
import pathlib
import types
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    Protocol,
    TypedDict,
    TypeVar,
    runtime_checkable,
)
from zoneinfo import ZoneInfo

import attrs
import pytest

from tests.restarts import after_restart, begin, giving, recorded
from trioflow import StepContext, Workflow, events, hookimpl, open_engine, step
from trioflow.errors import DefinitionError, NotSerializableError
from trioflow.stores import MemoryStore
from trioflow.testing._same import is_same_value

T = TypeVar("T")
OSLO = ZoneInfo("Europe/Oslo")


class Color(enum.Enum):
    RED = "red"
    BLUE = 2


class Maybe(enum.Enum):
    NO = None
    YES = "yes"


class Never(enum.Enum):
    NEVER = None


class Place(enum.Enum):
    HERE = (0, 0)
    THERE = (1, 2)


class Opaque(enum.Enum):
    ONE = object()
    TWO = object()  # noqa: PIE796 - another one


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Level(enum.IntEnum):
    LOW = 1


class Mode(enum.StrEnum):
    FAST = "fast"


class Word(str):
    __slots__ = ()


class Loud(str):
    """Does not come to the same when it is made again."""

    __slots__ = ()

    def __new__(cls, text: str) -> Loud:
        return super().__new__(cls, text + "!")


class Point(NamedTuple):
    x: int
    y: float = 0.0


@dataclass(frozen=True)
class Approved:
    reason: str


@dataclass(frozen=True)
class Rejected:
    reason: str


@dataclass
class Animal:
    name: str


@dataclass
class Dog(Animal):
    tail: int = 1


@dataclass
class Derived:
    first: int
    total: int = field(init=False)

    def __post_init__(self) -> None:
        self.total = self.first + 1


@attrs.frozen
class Counting:
    """Has more annotations than fields."""

    number: int
    known: ClassVar[dict[str, int]] = {}


@dataclass(frozen=True)
class CountingToo:
    number: int
    known: ClassVar[dict[str, int]] = {}


@dataclass
class Seeded:
    value: int
    seed: InitVar[int] = 0

    def __post_init__(self, seed: int) -> None:
        self.value += seed


def times_31(value: int) -> int:
    return value * 31


@attrs.frozen
class Hashed:
    code: int = attrs.field(converter=times_31)


@dataclass(init=False)
class Own:
    value: int

    def __init__(self, text: str) -> None:
        self.value = int(text)


@attrs.frozen
class Sloppy:
    note: str = None  # type: ignore[assignment]
    _private: int = 0


@attrs.frozen
class Box(Generic[T]):
    item: T


class IntBox(Box[int]):
    pass


@attrs.frozen
class Tree:
    children: list[Tree] = attrs.field(factory=list)


class Conf(TypedDict, total=False):
    when: dt.date
    level: Level


@runtime_checkable
class Named(Protocol):
    name: str


UserId = NewType("UserId", str)
CASES: dict[str, tuple[Any, Any]] = {
    "keys that are numbers": (dict[int, str], {1: "a", -2: "b"}),
    "keys that are enums": (dict[Color, int], {Color.RED: 1, Color.BLUE: 2}),
    "keys that are dates": (dict[dt.date, int], {dt.date(2026, 1, 1): 1}),
    "keys that are tuples": (dict[tuple[int, str], str], {(1, "a"): "x"}),
    "keys that are booleans": (dict[bool, str], {True: "y"}),
    "keys that are floats": (dict[float, str], {0.5: "y"}),
    "keys that are None": (dict[int | None, str], {None: "y", 1: "z"}),
    "keys that are written alike": (dict[int | str, str], {1: "a", "1": "b"}),
    "keys without a type": (Any, {1: "a", "1": "b", (1, 2): "c"}),
    "keys that look like tags": (dict[str, int], {"$tuple": 1}),
    "keys like tags without a type": (Any, {"$tuple": [1]}),
    "string-likes: bytes": (bytes | str, b"ab"),
    "string-likes: str": (bytes | str, "YWI="),
    "a moment or a string: str": (dt.datetime | str, "2026-01-01"),
    "a moment or a string: moment": (dt.datetime | str, dt.datetime(2026, 1, 1)),  # noqa: DTZ001
    "Decimal or str": (decimal.Decimal | str, "0.10"),
    "date or datetime": (dt.date | dt.datetime, dt.datetime(2026, 1, 1, 5, tzinfo=dt.UTC)),
    "alike classes: first": (Approved | Rejected, Approved("a")),
    "alike classes: second": (Approved | Rejected, Rejected("a")),
    "alike classes in a list": (list[Approved | Rejected], [Rejected("a"), Approved("b")]),
    "lists of two types": (list[int] | list[str], ["a"]),
    "list or tuple": (list[int] | tuple[int, ...], (1,)),
    "a subclass": (Animal, Dog("rex", 3)),
    "a subclass in a list": (list[Animal], [Animal("a"), Dog("b", 2)]),
    "a class without a type": (Any, Dog("rex", 3)),
    "enum of tuples": (Place, Place.THERE),
    "optional enum with None: member": (Maybe | None, Maybe.NO),
    "optional enum with None: None": (Maybe | None, None),
    "optional enum of None: member": (Never | None, Never.NEVER),
    "optional enum of None: None": (Never | None, None),
    "enum of None or string": (Never | str, Never.NEVER),
    "enums with None": (list[Maybe | Never | None], [Maybe.NO, Never.NEVER, None, Maybe.YES]),
    "enum of objects": (Opaque, Opaque.TWO),
    "flags": (Rights, Rights.READ | Rights.WRITE),
    "enum as a number": (int, Level.LOW),
    "enum as a string": (str, Mode.FAST),
    "a class of strings": (str, Word("a")),
    "init=False": (Derived, Derived(1)),
    "ClassVar": (Counting, Counting(1)),
    "ClassVar of a dataclass": (CountingToo, CountingToo(1)),
    "InitVar": (Seeded, Seeded(1, 5)),
    "a converter": (Hashed, Hashed(2)),
    "its own __init__": (Own, Own("5")),
    "None by default": (Sloppy, Sloppy()),
    "generic class": (Box[pathlib.Path], Box(pathlib.Path("a"))),
    "subclass of a generic class": (IntBox, IntBox(1)),
    "a class that contains itself": (Tree, Tree([Tree(), Tree([Tree()])])),
    "NamedTuple": (Point, Point(1)),
    "NamedTuple without a type": (Any, Point(1)),
    "TypedDict": (Conf, {"level": Level.LOW}),
    "moment with a zone": (dt.datetime, dt.datetime(2026, 7, 1, tzinfo=OSLO)),
    "second of two equal hours": (
        dt.datetime,
        dt.datetime(2026, 10, 25, 2, 30, tzinfo=OSLO, fold=1),
    ),
    "tuple as a sequence": (Sequence[int], (1, 2)),
    "range as a sequence": (Sequence[int], range(3)),
    "tuple without a type": (Any, [(1, "a"), {"b": (2,)}]),
    "set without a type": (Any, {1, 2}),
    "OrderedDict as a mapping": (Mapping[str, int], collections.OrderedDict(a=1)),
    "defaultdict": (collections.defaultdict[str, list[int]], collections.defaultdict(list, a=[1])),
    "Counter": (collections.Counter[str], collections.Counter("aab")),
    "deque of a length": (collections.deque[int], collections.deque([1, 2], maxlen=2)),
    "mapping proxy": (Mapping[str, int], types.MappingProxyType({"a": 1})),
    "bytearray": (bytearray, bytearray(b"ab")),
    "complex": (complex, 1 + 2j),
    "Fraction": (fractions.Fraction, fractions.Fraction(1, 3)),
    "address": (ipaddress.IPv4Address, ipaddress.ip_address("127.0.0.1")),
    "scalars without a type": (
        Any,
        [dt.date(2026, 1, 1), uuid.UUID(int=5), pathlib.Path("a"), b"c"],
    ),
    "literal": (Literal["a", 1, Color.RED, b"x"], b"x"),
    "alike literals": (Literal["red", Color.RED], Color.RED),
    "NewType": (dict[UserId, int], {UserId("x"): 1}),
    "Annotated": (Annotated[int, "cm"], 4),
    "protocol": (Named, Dog("rex")),
    "lone surrogate": (str, "\x00 😀 \ud800"),
    "integer beyond 64 bits": (int, 2**70),
    "minus zero": (float, -0.0),
}


@pytest.mark.parametrize(("type_", "value"), CASES.values(), ids=CASES)
async def test_it_comes_back(type_: Any, value: Any) -> None:
    assert is_same_value(await after_restart(type_, value), value)


class Bare:
    """A class of which nobody knows what is in it."""


class Mine:
    def __init__(self, value: int) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mine) and other.value == self.value

    __hash__ = None  # type: ignore[assignment]


@attrs.frozen
class Holder:
    name: str
    calls: Callable[[], int] | None = None


# ---------------------------------------------------------------- refused
@pytest.mark.parametrize(
    ("type_", "name"),
    [
        (Bare, "Bare"),
        (list[Bare], "Bare"),
        (Callable[[], int], "Callable"),
        (Iterator[int], "Iterator"),
        (Holder, "calls: "),
        (Sequence[Box[Bare]], "item: Bare"),
    ],
)
async def test_a_type_that_cannot_be_recorded_is_refused_when_it_is_planned(
    type_: Any, name: str
) -> None:
    workflow = giving(type_, None)
    with pytest.raises(DefinitionError, match="which a store cannot keep") as caught:
        async with open_engine(plugins=[], workflows=[workflow], store=MemoryStore()):
            raise AssertionError("it was planned")
    assert caught.value.where == "step 'gives'"
    assert name in caught.value.problem
    async with open_engine(plugins=[], workflows=[workflow]):
        pass  # without a store nothing is recorded


@pytest.mark.parametrize(
    ("type_", "value", "path", "problem"),
    [
        (Any, Bare(), "output", "is a Bare, which has no JSON form"),
        (Any, [1, {"a": Bare()}], "output[1].a", "is a Bare, which has no JSON form"),
        (str, Loud("a"), "output", "is a Loud that Loud(str) does not re-create"),
        (Sequence[int], memoryview(b"a"), "output", "is a memoryview, which cannot be read back"),
        (Any, collections.UserDict(a=1), "output", "is a UserDict that cannot be read back"),
        (
            dict[str, int],
            type("Lower", (dict,), {})(a=1),
            *("output", "is a Lower, which cannot be read back"),
        ),
        (Any, float("nan"), "output", "is the float nan, which JSON does not have"),
        (
            Any,
            collections.defaultdict(lambda: 1),
            *("output", "is a defaultdict of <lambda>, which cannot be read back"),
        ),
        (
            dt.datetime,
            dt.datetime(2026, 1, 1, tzinfo=type("Zone", (dt.tzinfo,), {})()),
            *("output", "has a time zone of class Zone, which cannot be recorded"),
        ),
    ],
)
async def test_a_value_that_would_come_back_as_another_is_refused(
    type_: Any, value: Any, path: str, problem: str
) -> None:
    with pytest.raises(NotSerializableError) as caught:
        await begin(giving(type_, value), MemoryStore())

    assert caught.value.path == path
    assert caught.value.problem.startswith(problem)


async def test_a_class_that_is_not_found_by_its_name_is_refused() -> None:
    @attrs.frozen
    class Local:
        value: int

    with pytest.raises(NotSerializableError, match="which is not found by its name") as caught:
        await begin(giving(Any, Local(1)), MemoryStore())

    assert "use it in a type of the workflow" in str(caught.value)
    workflow = giving(Any, Local(1))
    async with open_engine(plugins=[], workflows=[workflow], store=MemoryStore()) as engine:
        for _ in range(2):  # the first time must not register it
            result = await engine.submit(workflow, None).wait()
            assert isinstance(result.error, NotSerializableError)
    assert await after_restart(Local, Local(1)) == Local(1)
    assert await after_restart(list[Local] | None, [Local(1)]) == [Local(1)]


# ---------------------------------------------------------------- hooks
@attrs.frozen
class Hooks:
    """A plugin that knows `Mine`."""

    read: Callable[[Any], Mine]

    @hookimpl
    def trioflow_converter(self, converter: Any) -> None:
        converter.register_structure_hook(
            Mine, lambda value, _: value if isinstance(value, Mine) else self.read(value)
        )
        converter.register_unstructure_hook(Mine, lambda mine: {"$value": mine.value})


async def with_hooks(read: Callable[[Any], Mine]) -> MemoryStore:
    store = MemoryStore()
    workflow = giving(list[Mine], [Mine(1)])
    async with open_engine(plugins=[Hooks(read)], workflows=[workflow], store=store) as engine:
        result = await engine.submit("w", run_id="r").wait()
        if result.error is not None:
            raise result.error
    async with open_engine(plugins=[Hooks(read)], workflows=[workflow], store=store) as engine:
        run = await engine.load_run("r")
        assert run.record.steps["gives"].output == [Mine(1)]
    return store


async def test_hooks_that_agree_are_used() -> None:
    await with_hooks(lambda plain: Mine(plain["$value"]))


async def test_hooks_that_do_not_agree_are_noticed_when_a_value_is_written() -> None:
    with pytest.raises(NotSerializableError, match="its hooks read back another value"):
        await with_hooks(lambda plain: Mine(0))
    with pytest.raises(NotSerializableError, match=r"cannot be read back \(value: no\)"):
        await with_hooks(refuse)


def refuse(plain: Any) -> Mine:
    raise ValueError("no")


# ---------------------------------------------------------------- the text
@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        (Approved, Approved("a"), {"reason": "a"}),
        (Approved | None, Approved("a"), {"reason": "a"}),
        (Approved | Rejected, Rejected("a"), {"$Rejected": {"reason": "a"}}),
        (Approved | str, Approved("a"), {"reason": "a"}),
        (list[dt.date], [dt.date(2026, 1, 1)], ["2026-01-01"]),
        (dt.date | str, dt.date(2026, 1, 1), {"$date": "2026-01-01"}),
        (dict[int, str], {1: "a"}, {"1": "a"}),
        (tuple[int, ...], (1,), [1]),
        (Any, (1,), {"$tuple": [1]}),
        (Any, {"a": [1, None]}, {"a": [1, None]}),
        (Animal, Dog("a"), {"$tests.test_recorded_values:Dog": {"name": "a", "tail": 1}}),
    ],
)
async def test_there_is_a_tag_only_where_it_is_needed(type_: Any, value: Any, text: Any) -> None:
    store = MemoryStore()
    await begin(giving(type_, value), store)

    (entry,) = [json.loads(t) for t in await recorded(store) if '"step-result"' in t]
    assert entry[-1]["output"] == text


async def test_people_see_no_tags() -> None:
    store = MemoryStore()
    workflow = giving(Any, {"a": (1, Rejected("no")), "keys": {1: "a"}})
    await begin(workflow, store)

    async with (
        open_engine(plugins=[], workflows=[workflow], store=store) as engine,
        engine.observe("r") as observed,
    ):
        seen = [event async for event in observed]

    outputs = [event.output for event in seen if isinstance(event, events.StepResult)]
    assert outputs == [{"a": [1, {"reason": "no"}], "keys": {"1": "a"}}]


# ---------------------------------------------------------------- everywhere
@attrs.frozen
class State:
    seen: Approved | Rejected | None = None


async def test_every_place_of_a_run_gives_its_values_back() -> None:
    one = Rejected("no")
    found: dict[str, Any] = {}

    places = everywhere(one, found)
    store = MemoryStore()
    async with open_engine(plugins=[], workflows=[places], store=store) as engine:
        run = engine.submit("w", one, run_id="r", initial_state=State())
        run.send_event("e", one)
        run.send_event("untyped", {1: one})
        assert (await run.wait()).status == "suspended"
    async with open_engine(plugins=[], workflows=[places], store=store) as engine:
        result = await (await engine.load_run("r")).resume(one)
        assert result.error is None
    async with open_engine(plugins=[], workflows=[places], store=store) as engine:
        found["result"] = (await (await engine.load_run("r")).wait()).unwrap()
    expected = dict.fromkeys(found, one) | {
        "items": [one, one],
        "untyped": {1: one},
        "context": (one,),
    }
    assert found == expected
    assert len(found) == 16


def everywhere(one: Rejected, found: dict[str, Any]) -> Workflow[Any, Any]:
    @step
    async def first(value: Rejected, ctx: StepContext[State]) -> Rejected:
        ctx.set_state(seen=value)
        ctx.runtime_context["one"] = (value,)
        return value

    @step
    async def arm(value: Rejected) -> Rejected:
        return value

    @step
    async def item(value: Rejected) -> Rejected:
        return value

    @step(suspend=Rejected, resume=Rejected)
    async def gate(value: Any, ctx: StepContext[State]) -> Rejected:
        if ctx.resume_data is None:
            await ctx.wait_for("e", Rejected)
            await ctx.wait_for("untyped")
            ctx.suspend(one)
        found["event"] = await ctx.wait_for("e", Rejected)
        found["untyped"] = await ctx.wait_for("untyped")
        found["map"] = value
        found["answer"] = ctx.resume_data
        found["payload"] = ctx.suspend_data
        found["input"] = ctx.init_data
        found["state"] = ctx.state.seen
        found["context"] = ctx.runtime_context["one"]
        for id in ("first", "arm", "slept", "nested", "untyped-nested", "looped"):
            found[id] = ctx.step_result(id)
        found["items"] = ctx.step_result("item")
        return one

    nested = Workflow("nested", input=Rejected, output=Rejected).then(arm)
    start: Workflow[Any, Any] = Workflow("untyped-nested", input=Any, output=Any)
    untyped = start.then(arm)

    def to_list(data: dict[str, Any]) -> list[Rejected]:
        return [data["arm"], data["nested"]]

    def to_one(items: Any) -> Rejected:
        return items[0]  # type: ignore[no-any-return]

    whole: Workflow[Any, Any] = Workflow("w", input=Rejected, output=Rejected, state=State)
    return (
        whole.then(first)
        .sleep(0.001, id="slept")
        .parallel(arm, nested)
        .map(to_list)
        .foreach(item)
        .map(to_one)
        .then(untyped)
        .dountil(arm.clone("looped"), lambda value: True)
        .then(gate)
    )
