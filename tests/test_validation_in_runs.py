"""Structuring between the steps of a run."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen

from tests.flows import add_one, double, gives
from trioflow import Retry, Workflow, step
from trioflow.errors import InvalidValueError


@frozen
class City:
    name: str
    size: int = 0


@frozen
class Town:
    name: str
    size: int = 0


class Village(Town):
    pass


async def test_the_outputs_of_a_parallel_become_the_fields_of_a_class() -> None:
    @frozen
    class Both:
        add_one: int
        double: float

    @step
    async def use(both: Both) -> Both:
        return both

    assert await Workflow("w").parallel(add_one, double).then(use).run(3) == Both(4, 6.0)


async def test_a_missing_arm_is_told_as_a_missing_key() -> None:
    @step
    async def use(both: City) -> None: ...

    result = (
        await Workflow("w").parallel(gives("a", "name"), double).then(use).create_run().start(3)
    )

    assert isinstance(result.error, InvalidValueError)
    assert str(result.error) == (
        "input of step 'use' is invalid: double: unknown key; passed by parallel 'name', 'double'"
    )


async def test_an_instance_goes_through_all_steps_by_identity() -> None:
    @step
    async def same(city: City | Town) -> City | Town:
        return city

    @step
    async def listed(cities: list[City | Town]) -> list[City | Town]:
        return cities

    ham = Village("Ham")
    workflow = Workflow("w", input=Town, output=list[Town]).then(same)

    (found,) = await workflow.map(lambda city: [city]).then(listed).run(ham)

    assert found is ham


async def test_input_and_output_of_a_workflow_are_structured() -> None:
    workflow: Workflow[Any, Any] = Workflow("w", input=City, output=Town).map(lambda city: city)

    assert await workflow.run({"name": "Oslo"}) == Town("Oslo")
    with pytest.raises(InvalidValueError, match="input of workflow 'w' is invalid: nme"):
        await workflow.run({"name": "Oslo", "nme": 1})

    broken = Workflow("w", output=Town).map(lambda city: 5)
    with pytest.raises(InvalidValueError, match="output of workflow 'w' is invalid"):
        await broken.run()


async def test_without_validation_nothing_is_looked_at() -> None:
    @step
    async def use(city: City) -> Any:
        return city

    workflow: Workflow[Any, Any] = Workflow("w", input=int, output=Town, validate=False).then(use)

    assert await workflow.run("anything") == "anything"


async def test_what_does_not_fit_is_not_tried_again() -> None:
    @step(retry=Retry(attempts=3))
    async def use(city: City) -> None: ...

    result = await Workflow("w").then(use).create_run().start(5)

    assert result.steps["use"].attempts == 0
