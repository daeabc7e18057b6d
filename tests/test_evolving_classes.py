"""Classes that change between two deployments, while runs with values of them wait."""

from __future__ import annotations

import enum
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import attrs
import pytest

from tests.restarts import begin, giving, recorded
from trioflow import StepContext, Workflow, hookimpl, open_engine, step
from trioflow.errors import InvalidValueError, UnreadableRunError
from trioflow.stores import MemoryStore


@attrs.frozen
class Two:
    a: int
    b: int


@attrs.frozen
class Shrunk:
    a: int


@attrs.frozen
class Grown:
    a: int
    b: int | None
    c: list[str] = attrs.field(factory=list)


@attrs.frozen
class GrownWithoutDefault:
    a: int
    b: int
    c: int


@attrs.frozen
class Renamed:
    a: int
    beta: int = 0


@attrs.frozen
class Second:
    __trioflow_version__ = 2
    a: int
    b: str


class Keys(TypedDict):
    a: int
    b: NotRequired[int]


class FewerKeys(TypedDict):
    a: int


@dataclass
class Approved:
    reason: str


@dataclass
class Rejected:
    reason: str


@dataclass
class Postponed:
    until: int


class Color(enum.Enum):
    RED = 1


class MoreColors(enum.Enum):
    RED = 1
    BLUE = 2


class OtherColors(enum.Enum):
    BLUE = 2


@attrs.define
class Upgrade:
    """A plugin that says what recorded values are today."""

    answer: Callable[[str, Mapping[str, Any], int], Mapping[str, Any] | None]
    asked: list[tuple[str, int]] = attrs.field(factory=list)

    @hookimpl
    def trioflow_upgrade(
        self, type_name: str, data: Mapping[str, Any], recorded_version: int
    ) -> Mapping[str, Any] | None:
        self.asked.append((type_name, recorded_version))
        return self.answer(type_name, data, recorded_version)


async def evolved(before: Any, value: Any, after: Any, *plugins: Any) -> Any:
    """Return what a value has become in an engine whose workflow names another type."""
    store = MemoryStore()
    await begin(giving(before, value), store)
    workflow = giving(after, None)
    async with open_engine(plugins=plugins, workflows=[workflow], store=store) as engine:
        run = await engine.load_run("r")
        return (await run.resume(True)).unwrap()


@pytest.mark.parametrize(
    ("before", "value", "after", "expected"),
    [
        (Two, Two(1, 2), Grown, Grown(1, 2)),
        (Shrunk, Shrunk(1), Renamed, Renamed(1)),
        (list[Two], [Two(1, 2)], list[Grown], [Grown(1, 2)]),
        (int, 1, float, 1.0),
        (int, 1, int | None, 1),
        (Two, Two(1, 2), Two | None, Two(1, 2)),
        (Color, Color.RED, MoreColors, MoreColors.RED),
        (Approved, Approved("a"), Approved | Postponed, Approved("a")),
        (Approved | Rejected, Rejected("a"), Rejected | Postponed | Approved, Rejected("a")),
        (Keys, {"a": 1}, FewerKeys, {"a": 1}),
        (FewerKeys, {"a": 1}, Keys, {"a": 1}),
        (list[int], [1], list[Any], [1]),
    ],
)
async def test_a_type_may_grow(before: Any, value: Any, after: Any, expected: Any) -> None:
    found = await evolved(before, value, after)

    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("before", "value", "after", "expected"),
    [
        (list[Two], [Two(1, 2), Two(3, 4)], list[Shrunk], [Shrunk(1), Shrunk(3)]),
        (Keys, {"a": 1, "b": 2}, FewerKeys, {"a": 1}),
    ],
)
async def test_a_field_that_is_gone_is_dropped_and_told_once(
    before: Any, value: Any, after: Any, expected: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "trioflow"):
        assert await evolved(before, value, after) == expected

    (message,) = [record.getMessage() for record in caplog.records]
    assert "have 'b', which the class no longer has: it is dropped" in message


@pytest.mark.parametrize(
    ("before", "value", "after", "fault"),
    [
        (Two, Two(1, 2), GrownWithoutDefault, "c: required key is missing"),
        (Two, Two(1, 2), Renamed, "'b', which the class no longer has, and without 'beta'"),
        (list[Two], [Two(1, 2)], list[Renamed], "[0]: it was recorded with 'b'"),
        (Two, Two(1, 2), int, "expected int, received dict"),
        (MoreColors, MoreColors.BLUE, Color, "expected Color (one of 1), received 2"),
        (Approved, Approved("a"), Approved | Rejected, "and fits several"),
        (Approved | Rejected, Rejected("a"), Approved | Postponed, "recorded as 'Rejected'"),
        (float, 0.5, int, "expected int, received float"),
    ],
)
async def test_what_cannot_be_read_any_more_leaves_the_run_as_it_is(
    before: Any, value: Any, after: Any, fault: str
) -> None:
    with pytest.raises(UnreadableRunError) as caught:
        await evolved(before, value, after)

    assert fault in str(caught.value)
    assert caught.value.where == "output of step 'gives'"


# ---------------------------------------------------------------- the hook
async def test_a_renamed_field_is_read_if_a_plugin_says_so() -> None:
    plugin = Upgrade(lambda name, data, version: {"a": data["a"], "beta": data["b"]})

    assert await evolved(list[Two], [Two(1, 2)], list[Renamed], plugin) == [Renamed(1, 2)]
    assert set(plugin.asked) == {("tests.test_evolving_classes.Renamed", 0)}


async def test_versions_are_recorded_and_upgraded() -> None:
    plugin = Upgrade(lambda name, data, version: {**data, "b": str(data["b"])})

    assert await evolved(Two, Two(1, 2), Second, plugin) == Second(1, "2")
    assert set(plugin.asked) == {("tests.test_evolving_classes.Second", 0)}

    store = MemoryStore()
    await begin(giving(Second, Second(1, "2")), store)
    (entry,) = [json.loads(text) for text in await recorded(store) if '"step-result"' in text]
    assert entry[-1]["output"] == {"$v2": {"a": 1, "b": "2"}}

    assert await evolved(Second, Second(1, "2"), Second, plugin) == Second(1, "2")
    assert {version for _, version in plugin.asked} == {0}


async def test_a_version_that_nobody_speaks_of_is_read_as_it_is() -> None:
    plugin = Upgrade(lambda name, data, version: None)

    with pytest.raises(UnreadableRunError, match="b: expected int"):
        await evolved(Second, Second(1, "2"), Two, plugin)
    assert set(plugin.asked) == {("tests.test_evolving_classes.Two", 2)}


async def test_a_hook_that_gives_something_else_is_named() -> None:
    plugin = Upgrade(lambda name, data, version: 5)  # type: ignore[arg-type,return-value]

    with pytest.raises(UnreadableRunError, match="trioflow_upgrade returned 5"):
        await evolved(Two, Two(1, 2), Renamed, plugin)


# ---------------------------------------------------------------- the state
@attrs.frozen
class State:
    a: int = 0
    b: int = 0


@attrs.frozen
class SmallState:
    a: int = 0


def stateful(state: Any) -> Workflow[Any, Any]:
    @step
    async def sets(value: Any, ctx: StepContext[Any]) -> None:
        ctx.set_state(a=1, b=2)

    @step
    async def asks(value: Any, ctx: StepContext[Any]) -> Any:
        if ctx.resume_data is None:
            ctx.suspend()
        return ctx.state

    start: Workflow[Any, Any] = Workflow("w", input=Any, output=Any, state=state)
    return start.then(sets).then(asks)


async def test_a_state_may_lose_a_key() -> None:
    store = MemoryStore()
    await begin(stateful(State), store)

    workflow = stateful(SmallState)
    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        run = await engine.load_run("r")
        assert (await run.resume(True)).unwrap() == SmallState(1)


# ---------------------------------------------------------------- from outside
async def test_what_comes_from_outside_is_read_strictly() -> None:
    @step(resume=Shrunk)
    async def asks(value: Shrunk, ctx: StepContext[Any]) -> Any:
        if ctx.resume_data is None:
            ctx.suspend()
        return ctx.resume_data

    workflow = Workflow("w", input=Shrunk, output=Any).then(asks)
    store = MemoryStore()
    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        with pytest.raises(InvalidValueError, match="b: unknown key"):
            engine.submit("w", {"a": 1, "b": 2}, run_id="r")
        await engine.submit("w", {"a": 1}, run_id="s").wait()
        run = await engine.load_run("s")
        with pytest.raises(InvalidValueError, match="b: unknown key"):
            await run.resume({"a": 1, "b": 2})
        assert (await run.resume({"a": 1})).unwrap() == Shrunk(1)
