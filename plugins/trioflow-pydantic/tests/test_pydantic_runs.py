"""Models as what goes in and out of steps, tools and workflows, and through the journal."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest
import trioflow_pydantic
from attrs import frozen
from pydantic import BaseModel, Field

from trioflow import Engine, Step, StepContext, Workflow, events, open_engine, step, tool
from trioflow.errors import InvalidValueError, NotSerializableError
from trioflow.testing import check_events, check_step, check_tool
from trioflow.validation import make_converter
from trioflow.wire import to_wire

T = TypeVar("T")


class City(BaseModel):
    name: str
    people: int = Field(default=0, ge=0)


@frozen
class Place:
    city: City
    since: date


class Order(BaseModel):
    city: City
    amount: int


class Question(BaseModel):
    text: str
    order: Order


class Answer(BaseModel):
    approved: bool
    by: City


class Progress(BaseModel):
    done: int = 0
    last: City | None = None


class Box(BaseModel, Generic[T]):
    item: T


OSLO = City(name="Oslo", people=700_000)
ORDER = Order(city=OSLO, amount=5)


@step
async def order_for(city: City) -> Order:
    return Order(city=city, amount=5)


@step(resume=Answer, suspend=Question)
async def approve(order: Order, ctx: StepContext[Progress]) -> Place:
    ctx.set_state({"done": 1, "last": {"name": "Bergen"}})
    if ctx.resume_data is None:
        ctx.suspend({"text": "Pay?", "order": order})
    assert isinstance(ctx.resume_data, Answer)
    return Place(ctx.resume_data.by, date(2026, 1, 2))


@step
async def boxed(place: Place) -> Box[City]:
    return Box[City](item=place.city)


@tool
async def districts(city: City, boxes: list[Box[int]]) -> AsyncIterator[City]:
    for box in boxes:
        yield City(name=f"{city.name} {box.item}")


approval = (
    Workflow("approval", input=City, output=Box[City], state=Progress)
    .then(order_for)
    .then(approve)
    .then(boxed)
)
ANSWER = {"approved": True, "by": {"name": "Bergen"}}


def plain(event: events.Event) -> dict[str, Any]:
    """Return an event as somebody reads it who knows nothing of models."""
    loaded: dict[str, Any] = json.loads(json.dumps(to_wire(event, converter=CONVERTER)))
    return loaded


CONVERTER = make_converter()
trioflow_pydantic.trioflow_converter(CONVERTER)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with open_engine(plugins=[trioflow_pydantic], workflows=[approval]) as opened:
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
        await engine.create_run("approval").start({"name": "Oslo", "people": "5", "x": 1})

    assert str(caught.value) == (
        "input of workflow 'approval' is invalid: "
        "people: expected int, received str; x: unknown key"
    )


async def test_outputs_of_parallel_steps_are_put_together(engine: Engine) -> None:
    @step
    async def city(name: str) -> City:
        return City(name=name)

    @step
    async def amount(name: str) -> int:
        return len(name)

    @step
    async def total(order: Order) -> Order:
        return order

    workflow = Workflow("w", input=str, output=Order).parallel(city, amount).then(total)
    result = await engine.create_run(workflow).start("Oslo")

    assert result.unwrap() == Order(city=City(name="Oslo"), amount=4)


async def test_tools_take_and_stream_models(engine: Engine) -> None:
    @step
    async def ask(city: City, ctx: StepContext) -> list[City]:
        args: Any = {"city": {"name": city.name}, "boxes": [{"item": 1}]}
        return await ctx.call_tool(districts, **args)

    workflow = Workflow("w", input=City, output=list[City]).then(ask)
    async with engine.create_run(workflow).stream(OSLO) as stream:
        seen = [event async for event in stream]
        result = await stream.get_workflow_state()

    check_events(seen, workflow)
    assert result.unwrap() == [City(name="Oslo 1")]
    [delta] = [plain(event)["argsTextDelta"] for event in seen if event.type == "tool-call-delta"]
    assert delta == {"name": "Oslo 1", "people": 0}


@pytest.mark.parametrize("durable", [False, True])
async def test_a_run_is_suspended_and_resumed_with_models(durable: bool, tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'runs.db'}"
    options: dict[str, Any] = {"plugins": [trioflow_pydantic, "sql"], "workflows": [approval]}
    async with open_engine(store=store, **options) as engine:
        run = engine.create_run("approval", run_id="r")
        result = await run.start({"name": "Oslo", "people": 700_000})
        assert result.suspend_payload == {"approve": Question(text="Pay?", order=ORDER)}
        assert result.state == Progress(done=1, last=City(name="Bergen"))
        if not durable:
            finished = await run.resume(resume_data=ANSWER)
            assert finished.unwrap() == Box[City](item=City(name="Bergen"))
    if durable:
        async with open_engine(store=store, **options) as engine:
            finished = await (await engine.load_run("r")).resume(resume_data=ANSWER)
            assert finished.unwrap() == Box[City](item=City(name="Bergen"))
            assert finished.state == Progress(done=1, last=City(name="Bergen"))


async def test_a_wrong_answer_is_refused(engine: Engine) -> None:
    run = engine.create_run("approval")
    await run.start(OSLO)

    with pytest.raises(InvalidValueError, match="approved: expected bool, received str"):
        await run.resume(resume_data={"approved": "yes", "by": OSLO})


async def test_updates_of_the_state_are_checked(engine: Engine) -> None:
    @step
    async def wrong(city: City, ctx: StepContext[Progress]) -> None:
        ctx.set_state({"done": "1", "last": {"name": 5}, "x": 1})

    result = await engine.create_run(
        Workflow("w", input=City, output=None, state=Progress).then(wrong)
    ).start(OSLO)

    assert str(result.error) == (
        "state of workflow 'w' is invalid: done: expected int, received str; "
        "last.name: expected str, received int; x: unknown key"
    )


async def test_events_are_plain_json(engine: Engine) -> None:
    async with engine.create_run("approval").stream(OSLO) as stream:
        seen = [event async for event in stream]

    wires = [plain(event) for event in seen]
    oslo = {"name": "Oslo", "people": 700_000}
    [result] = [wire["payload"] for wire in wires if wire["type"] == "step-result"]
    [suspended] = [wire["payload"] for wire in wires if wire["type"] == "step-suspended"]
    assert result["output"] == {"city": oslo, "amount": 5}
    assert suspended["suspendPayload"] == {"text": "Pay?", "order": {"city": oslo, "amount": 5}}


def test_what_has_no_json_form_is_told() -> None:
    class Odd(BaseModel):
        raw: bytes

    with pytest.raises(NotSerializableError, match="Odd that Pydantic cannot write"):
        CONVERTER.unstructure(Odd(raw=b"\xff"))


def test_steps_and_tools_on_models_keep_what_they_promise() -> None:
    check_step(order_for, OSLO, plugins=[trioflow_pydantic], blocking=1.0)
    check_step(approve, ORDER, plugins=[trioflow_pydantic], resume=ANSWER, blocking=1.0)
    arguments = {"city": OSLO, "boxes": [{"item": 1}]}
    check_tool(districts, arguments, plugins=[trioflow_pydantic], blocking=1.0)


async def test_a_model_is_made_into_other_classes_and_arguments_of_tools(engine: Engine) -> None:
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
    result = await engine.create_run(workflow).start(Order(city=City(name="Oslo"), amount=5))

    assert result.unwrap() == "6 to Oslo"
