"""Models in journals: what goes in comes back, whatever validates or serializes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import pytest
from pydantic import (
    AfterValidator,
    AnyUrl,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    RootModel,
    SecretStr,
    field_serializer,
)
from pydantic.dataclasses import dataclass

from trioflow import StepContext, Workflow, open_engine, step
from trioflow.errors import DefinitionError

T = TypeVar("T")


class Plain(BaseModel):
    name: str
    wait: timedelta = timedelta(0)


class Sloppy(BaseModel):
    note: str = None  # type: ignore[assignment]


class InFloats(BaseModel):
    model_config = ConfigDict(ser_json_timedelta="float")
    wait: timedelta


class Hidden(BaseModel):
    user: str
    token: str = Field(default="none", exclude=True)


class Aliased(BaseModel):
    user_name: str = Field(alias="userName")


class Shouting(BaseModel):
    word: Annotated[str, AfterValidator(lambda word: word + "!")]


class Masked(BaseModel):
    word: str

    @field_serializer("word")
    def mask(self, word: str) -> str:
        return "*" * len(word)


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    known: int


class Private(BaseModel):
    shown: int
    _seen: int = PrivateAttr(default=0)

    def look(self) -> Private:
        self._seen += 1
        return self


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)
    items: frozenset[int]


class Sub(Plain):
    more: bytes = b""


class Box(BaseModel, Generic[T]):
    item: T


class Numbers(RootModel[list[int]]):
    pass


class Page(BaseModel):
    url: AnyUrl


class Node(BaseModel):
    value: int
    next: Node | None = None


@dataclass
class Pair:
    first: int
    second: Annotated[str, AfterValidator(lambda word: word + "!")]


VALUES: list[tuple[Any, Any]] = [
    (Plain, Plain(name="a", wait=timedelta(microseconds=1))),
    (Sloppy, Sloppy()),
    (InFloats, InFloats(wait=timedelta(days=999, microseconds=1))),
    (Hidden, Hidden(user="a", token="hunter2")),
    (Aliased, Aliased(userName="a")),
    (Shouting, Shouting(word="a")),
    (Masked, Masked(word="secret")),
    (Open, Open.model_validate({"known": 1, "other": (1, 2)})),
    (Private, Private(shown=1).look()),
    (Frozen, Frozen(items=frozenset({1, 2}))),
    (Plain, Sub(name="a", more=b"\xff")),
    (list[Plain], [Plain(name="a"), Sub(name="b")]),
    (Box[int], Box[int](item=1)),
    (Box[Plain], Box[Plain](item=Sub(name="c"))),
    (Numbers, Numbers([1, 2])),
    (Page, Page(url=AnyUrl("https://example.org/a"))),
    (Node, Node(value=1, next=Node(value=2))),
    (Pair, Pair(1, "a")),
    (Plain | Sub, Sub(name="d")),
    (Any, {"model": Open(known=1), "keys": {1: Plain(name="e")}}),
]


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[Any, Any], Any]:
    return lambda type_, value: there_and_back(f"sqlite:{tmp_path / 'runs.db'}", type_, value)


async def there_and_back(store: str, type_: Any, value: Any) -> Any:
    """Return what a step sees of the value that the step before gave, in another engine."""
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
    async with open_engine(workflows=[flow], store=store) as engine:
        result = await engine.submit("w", run_id="r").wait()
        if result.error is not None:
            raise result.error
    async with open_engine(workflows=[flow], store=store) as engine:
        await (await engine.load_run("r")).resume(True)
    return seen[0]


@pytest.mark.parametrize(("type_", "value"), VALUES)
async def test_a_value_is_the_same_after_a_restart(
    type_: Any, value: Any, stored: Callable[[Any, Any], Any]
) -> None:
    again = await stored(type_, value)

    assert again == value
    assert type(again) is type(value)


async def test_which_fields_were_set_is_known_after_a_restart(
    stored: Callable[[Any, Any], Any],
) -> None:
    again = await stored(Plain, Plain(name="a"))

    assert json.loads(again.model_dump_json(exclude_unset=True)) == {"name": "a"}


class Login(BaseModel):
    user: str
    token: SecretStr


async def test_a_secret_is_refused(stored: Callable[[Any, Any], Any]) -> None:
    with pytest.raises(DefinitionError, match=r"the output of step .* secret in it \(SecretStr\)"):
        await stored(Login, Login(user="a", token=SecretStr("hunter2")))
