"""Structs in journals: what goes in comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import pytest
from msgspec import UNSET, Meta, Struct, UnsetType

from trioflow import StepContext, Workflow, open_engine, step

T = TypeVar("T")


class Plain(Struct):
    name: str
    keys: dict[int, str] = {}


class Sloppy(Struct):
    note: str = None  # type: ignore[assignment]


class Maybe(Struct):
    value: int | UnsetType = UNSET


class Renamed(Struct, rename="camel"):
    user_name: str


class Tagged(Struct, tag="t"):
    value: int


class Other(Struct, tag="o", array_like=True, frozen=True):
    value: Annotated[int, Meta(ge=0)]


class Adding(Struct):
    value: int

    def __post_init__(self) -> None:
        self.value += 1


class Sub(Plain):
    more: bytes = b""


class Box(Struct, Generic[T]):
    item: T


class Node(Struct):
    value: int
    next: Node | None = None


VALUES: list[tuple[Any, Any]] = [
    (Plain, Plain("a", {1: "b"})),
    (Sloppy, Sloppy()),
    (Maybe, Maybe()),
    (Maybe, Maybe(1)),
    (Renamed, Renamed("a")),
    (Tagged | Other, Other(1)),
    (Tagged | Other, Tagged(1)),
    (Adding, Adding(1)),
    (Plain, Sub("a", more=b"\xff")),
    (Plain | Sub, Sub("a")),
    (Box[int], Box(1)),
    (Box[tuple[int, str]], Box((1, "a"))),
    (Node, Node(1, Node(2))),
    (Any, {"struct": Plain("a"), 1: Other(2)}),
]


@pytest.mark.parametrize(("type_", "value"), VALUES)
async def test_a_value_is_the_same_after_a_restart(type_: Any, value: Any, tmp_path: Path) -> None:
    seen: list[Any] = []

    @step(output=type_)
    async def gives() -> Any:
        return value

    @step(input=type_)
    async def asks(given: Any, ctx: StepContext[Any]) -> None:
        if ctx.resume_data is None:
            ctx.suspend()
        seen.append(given)

    flow = Workflow("w", input=Any, output=Any).then(gives).then(asks)
    store = f"sqlite:{tmp_path / 'runs.db'}"
    async with open_engine(workflows=[flow], store=store) as engine:
        assert (await engine.submit("w", run_id="r").wait()).error is None
    async with open_engine(workflows=[flow], store=store) as engine:
        await (await engine.load_run("r")).resume(True)

    assert seen == [value]
    assert type(seen[0]) is type(value)
