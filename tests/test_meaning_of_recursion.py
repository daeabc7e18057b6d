"""Types that contain themselves, and types with arguments.

Annotations are no strings here, unlike in other modules: parts of them are quoted.
"""

import dataclasses
import sys
import types
from datetime import date
from typing import Any, Generic, NamedTuple, NotRequired, Optional, Self, TypedDict, TypeVar, Union

import attrs
import pytest
from typing_extensions import ReadOnly, TypeAliasType
from typing_extensions import TypeVar as TypeVarWithDefault

from tests.meaning import agree
from tests.naming import name_of
from trioflow import Workflow, open_engine, step
from trioflow.errors import DefinitionError, InvalidValueError
from trioflow.stores import MemoryStore

pytestmark = pytest.mark.slow


T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
D = TypeVarWithDefault("D", default=int)


# ---------------------------------------------------------------- types that contain themselves
@attrs.frozen
class Node:
    kids: list["Node"] = attrs.Factory(list)
    by_name: dict[str, Optional["Node"]] = attrs.Factory(dict)


@dataclasses.dataclass
class Item:
    kids: "list[Item]" = dataclasses.field(default_factory=list)
    again: Self | None = None


class Keys(TypedDict):
    more: NotRequired[list["Keys"]]


class Link(NamedTuple):
    head: int
    rest: "Link | None" = None


@attrs.frozen
class Ping:
    pong: "Pong | None" = None


@attrs.frozen
class Pong:
    ping: Ping | None = None


Json = Union[dict[str, "Json"], list["Json"], str, int, None]  # noqa: UP007
Nested = TypeAliasType("Nested", "int | list[Nested]")
Tree = TypeAliasType("Tree", "dict[K, Tree[K, V]] | V", type_params=(K, V))


@attrs.frozen
class Document:
    body: Json
    parts: "list[Json]" = attrs.Factory(list)


RECURSIVE: list[tuple[Any, list[Any], list[Any]]] = [
    (Node, [Node([Node()], {"a": Node(), "b": None})], [{"kids": 1}, {"kids": [{"x": 1}]}]),
    (Item, [Item([Item()], Item())], [{"kids": [1]}, {"again": 1}]),
    (Keys, [{"more": [{}]}], [{"more": [1]}]),
    (Link, [Link(1, Link(2))], [[1, [2, 3]], [1, 2]]),
    (Ping, [Ping(Pong(Ping()))], [{"pong": {"ping": {"ping": None}}}]),
    (
        Document,
        [Document({"a": [1, {"b": None}]}, ["x"])],
        [{"body": [1.5]}, {"body": {"a": [1.5]}}],
    ),
    (Nested, [1, [1, [2, []]]], ["x", [1, ["x"]]]),
    (Tree[str, int], [{"a": {"b": 1}}, 5], [{"a": {"b": "x"}}, "x"]),
]


@pytest.mark.parametrize(("type_", "values", "refused"), RECURSIVE, ids=name_of)
def test_types_that_contain_themselves(type_: Any, values: list[Any], refused: list[Any]) -> None:
    agree(type_, *values, refused=refused)


@step
async def keep(value: Json) -> Json:
    return value


async def test_a_recursive_union_is_a_type_of_steps_and_workflows() -> None:
    workflow = Workflow("w", input=Json, output=Json).then(keep)
    async with open_engine(plugins=[], workflows=[workflow]) as engine:
        result = await engine.submit("w", {"a": [1, {"b": None}]}).wait()
        with pytest.raises(InvalidValueError) as caught:
            await engine.create_run("w").start({"a": [1.5]})

    assert result.unwrap() == {"a": [1, {"b": None}]}
    assert "['a'][0]: expected dict[str, Json] | list[Json]" in str(caught.value)


async def test_a_name_that_does_not_exist_is_told_before_the_run() -> None:
    @step(input=list["Nowhere"])  # type: ignore[name-defined] # noqa: F821
    async def lost(value: Any) -> None: ...

    with pytest.raises(DefinitionError, match="name 'Nowhere' is not defined"):
        async with open_engine(plugins=[], workflows=[Workflow("w").then(lost)]):
            raise AssertionError("not reached")


STATEMENTS = """
type Json = dict[str, Json] | list[Json] | int
type Pair[A, B] = tuple[B, A]

class Box[T]:
    item: T
    more: "list[T]"

Box = attrs.frozen(Box)
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the statement is of Python 3.12")
def test_the_type_statement() -> None:
    module = types.ModuleType("statements")
    vars(module)["attrs"] = attrs
    sys.modules["statements"] = module
    try:
        exec(STATEMENTS, vars(module))
        names: Any = module
        agree(names.Json, {"a": [1]}, [[]], refused=["x", [["x"]]])
        agree(names.Pair[int, str], ("a", 1), refused=[[1, "a"]])
        agree(
            names.Box[int],
            names.Box(1, [2]),
            refused=[{"item": "x", "more": []}, {"item": 1, "more": ["x"]}],
        )
    finally:
        del sys.modules["statements"]


# ---------------------------------------------------------------- type arguments
@attrs.frozen
class Box(Generic[T]):
    item: T


@attrs.frozen
class Crate(Box[list[K]], Generic[K]):
    label: str = ""


@attrs.frozen
class Pallet(Crate[int]):
    pass


@dataclasses.dataclass
class Pair(Generic[K, V]):
    first: K
    second: V


@dataclasses.dataclass
class Turned(Pair[V, K]):
    both: "tuple[K, V] | None" = None


class Row(TypedDict, Generic[T]):
    cell: T


class Wide(Row[int]):
    more: ReadOnly[str]


class Both(Row[list[K]], Generic[K]):
    other: K


class Spot(NamedTuple, Generic[T]):
    x: T
    y: T


@attrs.frozen
class Defaulted(Generic[D]):
    item: D


Listed = TypeAliasType("Listed", list[T], type_params=(T,))
Swapped = TypeAliasType("Swapped", tuple[V, K], type_params=(K, V))
Choice = TypeVar("Choice", int, str)


@attrs.frozen
class Chosen(Generic[Choice]):
    item: Choice


GENERIC: list[tuple[Any, list[Any], list[Any]]] = [
    (Crate[int], [Crate([1], "a")], [{"item": ["x"]}, {"item": 1}]),
    (Pallet, [Pallet([1])], [{"item": ["x"]}]),
    (Turned[int, str], [Turned(1, "a", None)], [{"first": "a", "second": 1}]),
    (Wide, [{"cell": 1, "more": "a"}], [{"cell": "x", "more": "a"}, {"cell": 1}]),
    (
        Both[int],
        [{"cell": [1], "other": 2}],
        [{"cell": ["x"], "other": 2}, {"cell": 1, "other": 1}],
    ),
    (Spot[int], [Spot(1, 2)], [[1, "x"]]),
    (Defaulted, [Defaulted(1)], [{"item": "x"}]),
    (Defaulted[str], [Defaulted("x")], [{"item": 1}]),
    (Listed[int], [[1]], [["x"]]),
    (list[Listed[date]], [[[date(2026, 1, 2)]]], [["2026-01-02"], [["x"]]]),
    (Swapped[int, str], [("a", 1)], [[1, "a"]]),
    (Chosen, [Chosen(1), Chosen("a")], [{"item": 1.5}]),
    (Box[Box[int]], [Box(Box(1))], [{"item": {"item": "x"}}]),
]


@pytest.mark.parametrize(("type_", "values", "refused"), GENERIC, ids=name_of)
def test_type_arguments(type_: Any, values: list[Any], refused: list[Any]) -> None:
    agree(type_, *values, refused=refused)


async def test_the_input_of_a_run_is_of_its_type_before_and_after_it_is_loaded() -> None:
    store = MemoryStore()
    workflow = Workflow("w", input=Node, output=Node)
    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        result = await engine.create_run("w", run_id="r").start({"kids": [{}]})
        assert result.input == Node([Node()])
    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        assert (await (await engine.load_run("r")).wait()).input == Node([Node()])
