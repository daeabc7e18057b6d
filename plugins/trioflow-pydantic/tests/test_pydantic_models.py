"""What is special to models: how Pydantic writes them, and what it cannot write or find."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Generic, TypeVar

import pytest
import trioflow_pydantic
from cattrs import Converter
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, PydanticUndefinedAnnotation

from trioflow import StepContext, Workflow, open_engine, step, tool
from trioflow.errors import NotSerializableError
from trioflow.testing import check_step, check_tool

T = TypeVar("T")


class City(BaseModel):
    name: str
    people: int = Field(default=0, ge=0)


class Order(BaseModel):
    city: City
    others: list[City] = []


class Box(BaseModel, Generic[T]):
    item: T


OSLO = City(name="Oslo", people=700_000)
ORDER = Order(city=OSLO)


def test_fields_are_written_under_their_own_names_as_pydantic_writes_them(
    converter: Converter,
) -> None:
    class Kinds(BaseModel):
        took: timedelta = Field(alias="theTime")
        encoded: Base64Bytes

    kinds = Kinds.model_validate({"theTime": 1.5, "encoded": "aGk="})

    assert converter.unstructure(kinds) == {"took": "PT1.5S", "encoded": "aGk="}


def test_instances_in_containers_are_passed_on(converter: Converter) -> None:
    order = converter.structure(
        {"city": {"name": "Bergen"}, "others": [OSLO, {"name": "a"}]}, Order
    )

    assert order.others[0] is OSLO


def test_a_model_that_names_what_does_not_exist_is_told(converter: Converter) -> None:
    class Broken(BaseModel):
        part: Nowhere  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(PydanticUndefinedAnnotation):
        converter.get_structure_hook(Broken)


def test_what_has_no_json_form_is_told(converter: Converter) -> None:
    class Odd(BaseModel):
        raw: bytes

    class Holder(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)

        part: object

    with pytest.raises(NotSerializableError, match="Odd that Pydantic cannot write"):
        converter.unstructure(Odd(raw=b"\xff"))
    with pytest.raises(NotSerializableError, match="Holder that has a object in it"):
        converter.unstructure(Holder(part=object()))


# ---------------------------------------------------------------- steps and tools
async def test_fields_of_a_model_are_the_arguments_of_a_tool() -> None:
    @tool
    async def describe(city: City, others: list[City]) -> str:
        return f"{city.name} and {len(others)} others"

    workflow = Workflow("w", input=Order, output=str).then(describe)
    async with open_engine(plugins=[trioflow_pydantic]) as engine:
        result = await engine.create_run(workflow).start(ORDER)

    assert result.unwrap() == "Oslo and 0 others"


@step(resume=City, suspend=Order)
async def approve(order: Order, ctx: StepContext) -> Box[City]:
    if ctx.resume_data is None:
        ctx.suspend({"city": order.city})
    assert isinstance(ctx.resume_data, City)
    return Box[City](item=ctx.resume_data)


@tool
async def districts(city: City, boxes: list[Box[int]]) -> AsyncIterator[City]:
    for box in boxes:
        yield City(name=f"{city.name} {box.item}")


def test_steps_and_tools_on_models_keep_what_they_promise() -> None:
    options: dict[str, Any] = {"plugins": [trioflow_pydantic], "blocking": 1.0}

    check_step(approve, ORDER, resume={"name": "Bergen"}, **options)
    check_tool(districts, {"city": OSLO, "boxes": [{"item": 1}]}, **options)
