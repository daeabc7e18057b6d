"""Tools and shortcuts of the tests."""

from __future__ import annotations

import json
from typing import Any

from trioflow_agents import ToolRequest

from trioflow import RunResult, Workflow, open_engine, tool
from trioflow import events as ev
from trioflow.testing import check_events


@tool
async def weather(city: str) -> str:
    """Return the weather of a city."""
    return f"rain in {city}"


@tool
async def add(a: int, b: int = 1) -> int:
    """Add numbers."""
    return a + b


def asks(id: str, tool: str, **arguments: Any) -> ToolRequest:
    """Return the request of a tool call."""
    return ToolRequest(id, tool, json.dumps(arguments))


async def run_agent(
    agent: Workflow[Any, Any], value: Any = "go", **options: Any
) -> tuple[RunResult[Any], Any, list[ev.Event]]:
    """Run an agent in an engine, check its events, and return result, run and events."""
    async with open_engine(plugins=["agents"], workflows=[agent], **options) as engine:
        run = engine.create_run(agent.id)
        async with run.stream(value) as stream:
            events: list[ev.Event] = [event async for event in stream]
            result = await stream.get_workflow_state()
    check_events(events, agent)
    return result, run, events
