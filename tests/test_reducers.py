"""Fields of the state whose updates are merged."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Annotated, Any, NotRequired, TypedDict

import attrs
import pytest
import trio
from trio.testing import MockClock

from tests.suspending import all_events, cut, deaths
from trioflow import Step, StepContext, Workflow, open_engine, reduce, step
from trioflow.errors import DefinitionError, InvalidValueError
from trioflow.stores import MemoryStore

Flow = Workflow[Any, Any]


def longest(one: str, other: str) -> str:
    return max(one, other, key=len)


@attrs.frozen
class Notes:
    found: Annotated[list[str], reduce(operator.add)] = attrs.field(factory=list)
    best: Annotated[str, "the longest", reduce(longest)] = ""
    last: str = ""


@dataclass(frozen=True)
class Same:
    found: Annotated[list[str], reduce(operator.add)] = field(default_factory=list)
    best: Annotated[str, reduce(longest)] = ""
    last: str = ""


class Keys(TypedDict):
    found: NotRequired[Annotated[list[str], reduce(operator.add)]]
    best: NotRequired[Annotated[str, reduce(longest)]]
    last: NotRequired[str]


def notes(word: str, seconds: float = 0) -> Step[Any, Any]:
    @step(id=word)
    async def note(value: Any, ctx: StepContext[Any]) -> None:
        await trio.sleep(seconds)
        ctx.set_state(found=[word])
        ctx.set_state(found=[word.upper()], best=word, last=word)

    return note


@pytest.mark.parametrize("type_", [Notes, Same, Keys])
async def test_updates_of_arms_are_merged(type_: Any, autojump_clock: MockClock) -> None:
    flow = Workflow("w", state=type_).parallel(notes("longer", 1), notes("long", 2), notes("l", 3))
    state = (await flow.create_run().start()).state

    read = state.get if isinstance(state, dict) else lambda name: getattr(state, name)
    assert read("found") == ["longer", "LONGER", "long", "LONG", "l", "L"]
    assert read("best") == "longer"
    assert read("last") == "l"


async def test_updates_of_items_are_merged() -> None:
    @step
    async def note(word: str, ctx: StepContext[Notes]) -> None:
        ctx.set_state(found=[word])

    flow = Workflow("w", state=Notes).foreach(note, concurrency=2)

    assert sorted((await flow.create_run().start(["a", "b", "c"])).state.found) == ["a", "b", "c"]


async def test_a_step_sees_the_state_unchanged_until_it_ends() -> None:
    seen: list[Notes] = []

    @step
    async def note(value: Any, ctx: StepContext[Notes]) -> None:
        ctx.set_state(found=["a"])
        seen.append(ctx.state)

    await Workflow("w", state=Notes).then(note).create_run().start()

    assert seen == [Notes()]


async def test_what_is_recorded_is_the_merged_value() -> None:
    flow = Workflow("w", state=Notes).then(notes("a")).then(notes("b"))
    store = MemoryStore()
    async with open_engine(workflows=[flow], store=store, plugins=[]) as engine:
        result = await engine.submit(flow, run_id="r").wait()
        recorded = await all_events(engine, "r")
    for count in deaths(recorded):
        dead = await cut(store, "r", count)
        async with open_engine(workflows=[flow], store=dead, plugins=[], recover=True) as engine:
            assert (await (await engine.load_run("r")).wait()).state == result.state


def refuse(one: Any, other: Any) -> Any:
    raise KeyError("no")


@attrs.frozen
class Refusing:
    key: Annotated[int, reduce(refuse)] = 0


async def test_a_reducer_that_raises_fails_the_step() -> None:
    @step
    async def change(value: Any, ctx: StepContext[Refusing]) -> None:
        ctx.set_state(key=1)

    result = await Workflow("w", state=Refusing).then(change).create_run().start()

    assert isinstance(result.error, InvalidValueError)
    assert "key: its reducer raised KeyError" in str(result.error)


def test_a_reducer_is_a_function() -> None:
    with pytest.raises(DefinitionError, match="is not a function"):
        reduce("add")  # type: ignore[arg-type]
