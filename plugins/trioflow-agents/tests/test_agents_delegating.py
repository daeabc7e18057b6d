"""Workflows and other agents as tools of an agent."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen
from trioflow_agents import (
    Agent,
    Approved,
    Assistant,
    ModelRequest,
    Scripted,
    ScriptedModel,
    ToolAnswer,
    ToolRequest,
    User,
    approval,
    history,
    usage_of,
)
from trioflow_agents.approving import digest_of

from trioflow import NonRetryableError, StepContext, Workflow, open_engine, step
from trioflow.errors import DefinitionError

from .helping import add, asks, run_agent


@frozen
class Order:
    city: str
    days: int = 1


@step
async def plan(order: Order) -> list[str]:
    return [order.city] * order.days


@step
async def double(value: int) -> int:
    return 2 * value


PLAN = Workflow("plan.trip", input=Order, output=list[str], description="Plan a trip.").then(plan)
DOUBLE = Workflow("double", input=int, output=int).then(double)


async def answers_to(*calls: ToolRequest, tools: Any, **options: Any) -> list[ToolAnswer]:
    model = ScriptedModel([Scripted(calls=calls), "done"])
    result, run, _ = await run_agent(Agent("ag", model=model, tools=tools, **options))
    assert result.output == "done", result.error
    return [message for message in history(run, "ag") if isinstance(message, ToolAnswer)]


async def test_workflows_are_called_like_tools() -> None:
    answers = await answers_to(
        asks("c1", "plan_trip", city="Oslo", days=2),
        asks("c2", "double", input=4),
        asks("c3", "add", a=1),
        asks("c4", "nothing"),
        tools=[PLAN, DOUBLE, add],
    )

    assert answers[:3] == [
        ToolAnswer("c1", "plan_trip", '["Oslo", "Oslo"]'),
        ToolAnswer("c2", "double", "8"),
        ToolAnswer("c3", "add", "2"),
    ]
    assert answers[3].content == "there is no tool 'nothing'; known tools: add, plan_trip, double"


async def test_the_model_knows_what_they_take() -> None:
    model = ScriptedModel(["done"])
    await run_agent(Agent("ag", model=model, tools=[PLAN, DOUBLE]))

    planning, doubling = model.requests[0].tools
    assert (planning.name, planning.description) == ("plan_trip", "Plan a trip.")
    assert planning.schema["required"] == ["city"]
    assert doubling.schema["properties"] == {"input": {"type": "integer"}}


@pytest.mark.parametrize("tool_errors", ["report", "raise"])
async def test_inputs_that_do_not_fit_are_reported(tool_errors: Any) -> None:
    answers = await answers_to(
        asks("c1", "plan_trip", days=2),
        ToolRequest("c2", "double", "{"),
        tools=[PLAN, DOUBLE],
        tool_errors=tool_errors,
    )

    assert all(answer.is_error for answer in answers)
    assert "city" in answers[0].content


def failing(error: Exception) -> Workflow[Any, Any]:
    @step
    async def fails(value: Any) -> None:
        raise error

    return Workflow("fails", input=dict).then(fails)


async def test_errors_are_reported() -> None:
    [answer] = await answers_to(asks("c", "fails"), tools=[failing(OSError("away"))])

    assert answer == ToolAnswer("c", "fails", "OSError: away", is_error=True)


@pytest.mark.parametrize(
    ("error", "tool_errors"),
    [(OSError("away"), "raise"), (NonRetryableError("closed"), "report")],
)
async def test_errors_that_are_not_for_the_model(error: Exception, tool_errors: Any) -> None:
    model = ScriptedModel([asks("c", "fails"), "done"])
    agent = Agent("ag", model=model, tools=[failing(error)], tool_errors=tool_errors)

    assert (await run_agent(agent))[0].error is error


async def test_an_agent_asks_another_one() -> None:
    expert = Agent("expert", model=ScriptedModel(["42"]), description="Knows.")
    model = ScriptedModel([asks("c", "expert", input="why?"), "done"])
    run = (await run_agent(Agent("ag", model=model, tools=[expert])))[1]

    assert history(run, "expert") == (User("why?"), Assistant("42"))
    assert history(run, "ag")[2] == ToolAnswer("c", "expert", "42")
    assert usage_of(run).requests == 3


async def test_of_an_agent_that_is_called_again_the_last_conversation_counts() -> None:
    model = ScriptedModel(["no", "yes"])
    agent = Agent("ag", model=model, output=str)
    loop = Workflow("loop", input=str, output=str).dountil(agent, lambda said: said == "yes")
    async with open_engine(plugins=["agents"], workflows=[loop]) as engine:
        run = engine.create_run(loop)
        assert (await run.start("again")).unwrap() == "yes"

    assert history(run) == history(run, "ag") == (User("no"), Assistant("yes"))


async def test_a_workflow_may_wait_for_an_answer() -> None:
    @step
    async def sure(value: int, ctx: StepContext) -> bool:
        return await ctx.ask("sure?", bool, label="sure")

    workflow = Workflow("ask", input=int, output=bool).then(sure)
    model = ScriptedModel([Scripted(calls=[asks("c", "ask", input=1)]), "done"])
    agent = Agent("ag", model=model, tools=[workflow])
    async with open_engine(plugins=["agents"], workflows=[agent], store="memory:") as engine:
        run = engine.submit("ag", "go")
        await run.wait()
        result = await run.resume(True, label="sure")

    assert result.output == "done"
    assert history(run)[2] == ToolAnswer("c", "ask", "true")
    assert len(model.requests) == 2


def test_a_workflow_is_not_called_as_a_part_of_the_agent() -> None:
    with pytest.raises(DefinitionError, match="a workflow has the id 'tool'"):
        Agent("ag", model=ScriptedModel([]), tools=[Workflow("tool", input=int).then(double)])


# ---------------------------------------------------------------- approval
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_agents_that_are_called_twice_at_once_may_ask_for_the_same(
    order: tuple[int, int],
) -> None:
    """Their calls have the same ids: each model counts its own."""

    def reply(request: ModelRequest) -> Any:
        last = request.messages[-1]
        return last.content if isinstance(last, ToolAnswer) else asks("c", "add", a=1)

    inner = Agent("inner", model=ScriptedModel(reply), tools=[approval(add)])
    both = Scripted(calls=[asks("c1", "inner", input="x"), asks("c2", "inner", input="y")])
    agent = Agent("ag", model=ScriptedModel([both, "done"]), tools=[inner])
    async with open_engine(plugins=["agents"], workflows=[agent], store="memory:") as engine:
        run = engine.submit("ag", "go")
        result = await run.wait()
        assert set(result.resume_labels) == {"add:c:0", "add:c:1"}
        for number in order:
            answer = Approved(digest_of("add", {"a": 1}), {"a": 10 * number})
            result = await run.resume(answer, label=f"add:c:{number}")

    assert result.output == "done"
    answers = [each for each in history(run, "ag") if isinstance(each, ToolAnswer)]
    assert [each.content for each in answers] == ["1", "11"]
