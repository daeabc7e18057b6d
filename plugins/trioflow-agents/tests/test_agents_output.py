"""Outputs that are no text: what the model is given, and how its faults are repaired."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen
from trioflow_agents import Agent, Assistant, Scripted, ScriptedModel, ToolAnswer, User, history

from trioflow import tool
from trioflow.errors import InvalidValueError

from .helping import asks, run_agent, weather


@frozen
class City:
    name: str
    people: int
    heat: float = 0.0


GOOD = '{"name": "Oslo", "people": 700000}'
OSLO = City("Oslo", 700000)


async def test_the_output_is_structured() -> None:
    model = ScriptedModel([GOOD])
    result, run, _ = await run_agent(Agent("ag", model=model, output=City), store="memory:")

    schema = model.requests[0].output_schema
    assert result.output == OSLO
    assert schema is not None
    assert schema["required"] == ["name", "people"]
    assert history(run)[-1] == Assistant(GOOD)


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ("Oslo", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"name": 1, "people": 1}', "name"),
        ('{"name": "Oslo"}', "people"),
        ('{"name": "Oslo", "people": "many"}', "people"),
        ('{"name": "Oslo", "people": 1, "heat": NaN}', "NaN, which JSON does not have"),
        ('{"name": "Oslo", "people": 1, "heat": -1e999}', "-1e999 is too large"),
    ],
)
async def test_the_model_repairs_what_does_not_fit(wrong: str, fault: str) -> None:
    model = ScriptedModel([wrong, GOOD])
    result, run, _ = await run_agent(Agent("ag", model=model, output=City))

    assert result.output == OSLO
    told = history(run)[2]
    assert isinstance(told, User)
    assert fault in told.content
    assert "does not fit the schema" in told.content


async def test_repairs_have_an_end() -> None:
    model = ScriptedModel(["a", "b", "c", GOOD])
    result, _, _ = await run_agent(Agent("ag", model=model, output=City, repairs=2))

    assert isinstance(result.error, InvalidValueError)
    assert len(model.requests) == 3


async def test_a_model_without_schemas_is_given_a_tool_to_answer_by() -> None:
    final = asks("c2", "final_answer", name="Oslo", people=700000)
    model = ScriptedModel([asks("c1", "weather", city="Oslo"), final], takes_schema=False)
    agent = Agent("ag", model=model, output=City, tools=[weather])
    result, run, _ = await run_agent(agent)

    assert result.output == OSLO
    assert [tool.name for tool in model.requests[0].tools] == ["weather", "final_answer"]
    assert model.requests[0].output_schema is None
    assert history(run)[-1] == Assistant(GOOD)


@pytest.mark.parametrize(
    ("output", "answer", "value"),
    [
        (int, {"answer": 7}, 7),
        (list[City], {"answer": [{"name": "Oslo", "people": 700000}]}, [OSLO]),
        (dict[str, int], {"answer": 7}, {"answer": 7}),
    ],
)
async def test_an_answer_of_any_type(output: Any, answer: Any, value: Any) -> None:
    model = ScriptedModel([asks("c", "final_answer", **answer)], takes_schema=False)
    result, _, _ = await run_agent(Agent("ag", model=model, output=output))

    assert result.output == value


@tool
async def final_answer(city: str) -> str:
    """Return the answer that was agreed on."""
    return f"of course, {city}"


@pytest.mark.parametrize("takes_schema", [True, False])
async def test_a_tool_may_be_named_like_an_answer_that_is_text(takes_schema: bool) -> None:
    call = asks("c", "final_answer", city="Oslo")
    model = ScriptedModel([call, "done"], takes_schema=takes_schema)
    agent = Agent("ag", model=model, tools=[final_answer])
    result, run, _ = await run_agent(agent)

    assert result.output == "done"
    assert history(run)[2] == ToolAnswer("c", "final_answer", "of course, Oslo")


@pytest.mark.parametrize(("output", "last"), [(str, "done"), (City, GOOD)])
async def test_a_model_that_answers_by_its_text_has_no_tool_for_it(output: Any, last: str) -> None:
    model = ScriptedModel([asks("c", "final_answer", city="Oslo"), last])
    result, run, _ = await run_agent(Agent("ag", model=model, output=output))

    assert result.output == (OSLO if output is City else "done")
    assert "there is no tool 'final_answer'" in str(history(run)[2])


async def test_text_beside_calls_is_no_output() -> None:
    model = ScriptedModel([Scripted("one moment", [asks("c", "weather", city="Oslo")]), GOOD])
    result, _, _ = await run_agent(Agent("ag", model=model, output=City, tools=[weather]))

    assert result.output == OSLO
