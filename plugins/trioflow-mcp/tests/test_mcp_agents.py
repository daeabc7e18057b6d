"""Agents of trioflow-agents call tools of MCP servers, with approval if they should."""

from __future__ import annotations

from pathlib import Path

from trioflow_agents import Agent, Approved, Scripted, ScriptedModel, ToolRequest, approval, history
from trioflow_agents.approving import ApprovalRequest
from trioflow_mcp import open_mcp

from trioflow import open_engine

from .helping import demo

ASKS = ToolRequest("c1", "demo_add", '{"a": 2, "b": 3}')


async def test_an_agent_calls_a_tool_of_a_server(tmp_path: Path) -> None:
    model = ScriptedModel([ASKS, Scripted("It is 5.")])
    async with (
        demo("memory", tmp_path) as made,
        open_mcp(made.target, "demo.") as tools,
        open_engine(plugins=["agents", "mcp"]) as engine,
    ):
        run = engine.submit(Agent("calculator", model=model, tools=tools), "What is 2 + 3?")

        assert (await run.wait()).unwrap() == "It is 5."
        assert '{"result": 5}' in [getattr(each, "content", "") for each in history(run)]


async def test_a_failure_is_told_to_the_model(tmp_path: Path) -> None:
    fails = ToolRequest("c1", "fail", '{"why": "no luck"}')
    model = ScriptedModel([fails, Scripted("Sorry.")])
    async with (
        demo("memory", tmp_path) as made,
        open_mcp(made.target) as tools,
        open_engine(plugins=["agents", "mcp"]) as engine,
    ):
        run = engine.submit(Agent("unlucky", model=model, tools=tools), "Try.")

        assert (await run.wait()).unwrap() == "Sorry."
        assert any("no luck" in str(each) for each in history(run))


async def test_a_tool_of_a_server_can_need_approval(tmp_path: Path) -> None:
    model = ScriptedModel([ASKS, Scripted("It is 5.")])
    async with (
        demo("memory", tmp_path) as made,
        open_mcp(made.target, "demo.", {"add"}) as (add,),
        open_engine(plugins=["agents", "mcp"]) as engine,
    ):
        run = engine.submit(Agent("careful", model=model, tools=[approval(add)]), "2 + 3?")
        (request,) = requests_in((await run.wait()).suspend_payload)
        assert made.noted == []

        assert (await run.resume(Approved(request.digest))).unwrap() == "It is 5."
        assert made.noted == ["add 2 3"]


async def test_a_question_of_a_server_suspends_the_agent(tmp_path: Path) -> None:
    greets = ToolRequest("c1", "greet", '{"greeting": "hi"}')
    model = ScriptedModel([greets, Scripted("Done.")])
    async with (
        demo("memory", tmp_path) as made,
        open_mcp(made.target) as tools,
        open_engine(plugins=["agents", "mcp"]) as engine,
    ):
        run = engine.submit(Agent("greeter", model=model, tools=tools), "Greet.")
        assert (await run.wait()).status == "suspended"
        answer = {"action": "accept", "content": {"name": "Ada"}}

        assert (await run.resume(answer)).unwrap() == "Done."
        assert any("hi Ada" in str(each) for each in history(run))


def requests_in(payload: object) -> list[ApprovalRequest]:
    """Return the requests in a payload, however deep they are."""
    if isinstance(payload, dict):
        return [found for each in payload.values() for found in requests_in(each)]
    if isinstance(payload, list | tuple):
        return [found for each in payload for found in requests_in(each)]
    return [payload] if isinstance(payload, ApprovalRequest) else []
