"""What is special to Structs: how msgspec lays them out, and what it cannot find."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated, Any, Generic, TypeVar

import pytest
import trioflow_msgspec
from cattrs import Converter
from msgspec import UNSET, Meta, Struct, UnsetType, field

from trioflow import StepContext, Workflow, open_engine, step, tool
from trioflow.testing import check_step, check_tool

T = TypeVar("T")


class City(Struct, frozen=True, tag=True, rename="camel"):
    name: str
    people_now: Annotated[int, Meta(ge=0)] = 0


class Cat(Struct, tag=True):
    lives: int = 9


class Point(Struct, array_like=True):
    x: float
    label: str = ""


class Even(Struct):
    number: int = field(name="n")


class Person(Struct):
    born: date
    nick: str | UnsetType = UNSET


class Order(Struct):
    city: City
    amount: int


class Answer(Struct, array_like=True):
    approved: bool
    by: City


class Progress(Struct):
    done: Annotated[int, Meta(ge=0)] = 0
    last: City | None = None


class Box(Struct, Generic[T]):
    item: T


OSLO = City("Oslo", 700_000)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (OSLO, {"type": "City", "name": "Oslo", "peopleNow": 700_000}),
        (Cat(), {"type": "Cat", "lives": 9}),
        (Point(1.5), [1.5, ""]),
        (Even(2), {"n": 2}),
    ],
)
def test_a_struct_is_written_as_msgspec_lays_it_out(
    value: object, expected: object, converter: Converter
) -> None:
    assert converter.unstructure(value) == expected


def test_what_is_unset_is_left_out(converter: Converter) -> None:
    born = date(1815, 12, 10)

    assert converter.unstructure(Person(born)) == {"born": born}
    assert converter.unstructure(Person(born, "A")) == {"born": born, "nick": "A"}


def test_a_struct_that_names_what_does_not_exist_is_told(converter: Converter) -> None:
    class Broken(Struct):
        part: Nowhere  # type: ignore[name-defined]  # noqa: F821

    for _ in range(2):
        with pytest.raises(NameError):
            converter.get_structure_hook(Broken)


async def test_meta_is_checked_in_updates_of_the_state() -> None:
    @step
    async def wrong(city: City, ctx: StepContext[Progress]) -> None:
        ctx.set_state({"done": -1, "last": {"name": 5}, "x": 1})

    workflow = Workflow("w", input=City, output=None, state=Progress).then(wrong)
    async with open_engine(plugins=[trioflow_msgspec]) as engine:
        result = await engine.create_run(workflow).start(OSLO)

    assert str(result.error) == (
        "state of workflow 'w' is invalid: done: Expected `int` >= 0; "
        "last.name: expected str, received int; x: unknown key"
    )


# ---------------------------------------------------------------- steps and tools
async def test_fields_of_a_struct_are_the_arguments_of_a_tool() -> None:
    @tool
    async def describe(city: City, amount: int) -> str:
        return f"{amount} to {city.name}"

    workflow = Workflow("w", input=Order, output=str).then(describe)
    async with open_engine(plugins=[trioflow_msgspec]) as engine:
        result = await engine.create_run(workflow).start(Order(OSLO, 5))

    assert result.unwrap() == "5 to Oslo"


@step(resume=Answer, suspend=Order)
async def approve(order: Order, ctx: StepContext) -> Box[City]:
    if ctx.resume_data is None:
        ctx.suspend({"city": order.city, "amount": 5})
    assert isinstance(ctx.resume_data, Answer)
    return Box(ctx.resume_data.by)


@tool
async def districts(city: City, boxes: list[Box[int]]) -> AsyncIterator[City]:
    for box in boxes:
        yield City(f"{city.name} {box.item}")


def test_steps_and_tools_on_structs_keep_what_they_promise() -> None:
    options: dict[str, Any] = {"plugins": [trioflow_msgspec], "blocking": 1.0}

    check_step(approve, Order(OSLO, 5), resume=[True, {"name": "Bergen"}], **options)
    check_tool(districts, {"city": OSLO, "boxes": [{"item": 1}]}, **options)
