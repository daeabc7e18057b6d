"""Structs as what goes in and out of steps, tools and workflows, and through the journal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import pytest
import trioflow_msgspec
from attrs import frozen
from msgspec import Meta, Struct

from trioflow import Engine, Step, StepContext, Workflow, events, open_engine, step, tool
from trioflow.errors import InvalidValueError
from trioflow.testing import check_events, check_step, check_tool
from trioflow.validation import make_converter
from trioflow.wire import to_wire

T = TypeVar("T")
CONVERTER = make_converter()
trioflow_msgspec.trioflow_converter(CONVERTER)


class City(Struct, frozen=True, tag=True, rename="camel"):
    name: str
    people_now: Annotated[int, Meta(ge=0)] = 0


@frozen
class Place:
    city: City
    since: date


class Order(Struct):
    city: City
    amount: int


class Question(Struct):
    text: str
    order: Order


class Answer(Struct, array_like=True):
    approved: bool
    by: City


class Progress(Struct):
    done: Annotated[int, Meta(ge=0)] = 0
    last: City | None = None


class Box(Struct, Generic[T]):
    item: T


OSLO = City("Oslo", 700_000)
ORDER = Order(OSLO, 5)


@step
async def order_for(city: City) -> Order:
    return Order(city, 5)


@step(resume=Answer, suspend=Question)
async def approve(order: Order, ctx: StepContext[Progress]) -> Place:
    ctx.set_state({"done": 1, "last": {"name": "Bergen"}})
    if ctx.resume_data is None:
        ctx.suspend({"text": "Pay?", "order": order})
    assert isinstance(ctx.resume_data, Answer)
    return Place(ctx.resume_data.by, date(2026, 1, 2))


@step
async def boxed(place: Place) -> Box[City]:
    return Box(place.city)


@tool
async def districts(city: City, boxes: list[Box[int]]) -> AsyncIterator[City]:
    for box in boxes:
        yield City(f"{city.name} {box.item}")


approval = (
    Workflow("approval", input=City, output=Box[City], state=Progress)
    .then(order_for)
    .then(approve)
    .then(boxed)
)
ANSWER = [True, {"name": "Bergen"}]


def plain(event: events.Event) -> dict[str, Any]:
    """Return an event as somebody reads it who knows nothing of Structs."""
    loaded: dict[str, Any] = json.loads(json.dumps(to_wire(event, converter=CONVERTER)))
    return loaded


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with open_engine(plugins=[trioflow_msgspec], workflows=[approval]) as opened:
        yield opened


async def test_a_step_gets_the_very_instance(engine: Engine) -> None:
    @step
    async def same(city: City) -> City:
        assert city is OSLO
        return city

    workflow = Workflow("w", input=City, output=City).then(same)
    result = await engine.create_run(workflow).start(OSLO)

    assert result.unwrap() is OSLO


async def test_a_dict_is_validated_strictly(engine: Engine) -> None:
    with pytest.raises(InvalidValueError) as caught:
        await engine.create_run("approval").start({"name": "Oslo", "peopleNow": "5", "x": 1})

    assert str(caught.value) == (
        "input of workflow 'approval' is invalid: "
        "x: unknown key; peopleNow: expected int, received str"
    )


async def test_tools_take_and_stream_structs(engine: Engine) -> None:
    @step
    async def ask(city: City, ctx: StepContext) -> list[City]:
        args: Any = {"city": {"name": city.name}, "boxes": [{"item": 1}]}
        return await ctx.call_tool(districts, **args)

    workflow = Workflow("w", input=City, output=list[City]).then(ask)
    async with engine.create_run(workflow).stream(OSLO) as stream:
        seen = [event async for event in stream]
        result = await stream.get_workflow_state()

    check_events(seen, workflow)
    assert result.unwrap() == [City("Oslo 1")]
    [delta] = [plain(event)["argsTextDelta"] for event in seen if event.type == "tool-call-delta"]
    assert delta == {"type": "City", "name": "Oslo 1", "peopleNow": 0}


async def test_a_run_goes_on_in_another_engine_with_structs(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'runs.db'}"
    options: dict[str, Any] = {"plugins": [trioflow_msgspec, "sql"], "workflows": [approval]}
    async with open_engine(store=store, **options) as engine:
        result = await engine.create_run("approval", run_id="r").start(OSLO)
        assert result.suspend_payload == {"approve": Question("Pay?", ORDER)}
        assert result.state == Progress(1, City("Bergen"))
    async with open_engine(store=store, **options) as engine:
        finished = await (await engine.load_run("r")).resume(resume_data=ANSWER)

    assert finished.unwrap() == Box(City("Bergen"))
    assert finished.state == Progress(1, City("Bergen"))


async def test_a_wrong_answer_is_refused(engine: Engine) -> None:
    run = engine.create_run("approval")
    await run.start(OSLO)

    with pytest.raises(InvalidValueError, match="approved: expected bool, received str"):
        await run.resume(resume_data=["yes", OSLO])


async def test_updates_of_the_state_are_checked(engine: Engine) -> None:
    @step
    async def wrong(city: City, ctx: StepContext[Progress]) -> None:
        ctx.set_state({"done": -1, "last": {"name": 5}, "x": 1})

    workflow = Workflow("w", input=City, output=None, state=Progress).then(wrong)
    result = await engine.create_run(workflow).start(OSLO)

    assert str(result.error) == (
        "state of workflow 'w' is invalid: done: Expected `int` >= 0; "
        "last.name: expected str, received int; x: unknown key"
    )


async def test_events_are_plain_json(engine: Engine) -> None:
    async with engine.create_run("approval").stream(OSLO) as stream:
        seen = [event async for event in stream]

    wires = [plain(event) for event in seen]
    oslo = {"type": "City", "name": "Oslo", "peopleNow": 700_000}
    [result] = [wire["payload"] for wire in wires if wire["type"] == "step-result"]
    [suspended] = [wire["payload"] for wire in wires if wire["type"] == "step-suspended"]
    assert result["output"] == {"city": oslo, "amount": 5}
    assert suspended["suspendPayload"] == {"text": "Pay?", "order": {"city": oslo, "amount": 5}}


def test_steps_and_tools_on_structs_keep_what_they_promise() -> None:
    check_step(order_for, OSLO, plugins=[trioflow_msgspec], blocking=1.0)
    check_step(approve, ORDER, plugins=[trioflow_msgspec], resume=ANSWER, blocking=1.0)
    arguments = {"city": OSLO, "boxes": [{"item": 1}]}
    check_tool(districts, arguments, plugins=[trioflow_msgspec], blocking=1.0)


async def test_a_struct_is_made_into_other_classes_and_arguments_of_tools(engine: Engine) -> None:
    @frozen
    class Delivery:
        city: City
        amount: int

    @step
    async def deliver(delivery: Delivery) -> Order:
        return Order(city=delivery.city, amount=delivery.amount + 1)

    @tool
    async def describe(city: City, amount: int) -> str:
        return f"{amount} to {city.name}"

    # Type checkers want a step that takes an Order; at run time the fields are enough.
    converting: Step[Any, Order] = deliver
    workflow = Workflow("w", input=Order, output=str).then(converting).then(describe)
    result = await engine.create_run(workflow).start(Order(City("Oslo"), 5))

    assert result.unwrap() == "6 to Oslo"
