"""The server of the tests, and the two programs that ask it: the bare client, and an agent."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import openai
import trioflow_agents as ta

from trioflow import Workflow, tool

SERVER = Path(__file__).parents[2] / "plugins" / "trioflow-agents" / "tests" / "model_server.py"
SAID = "y" * 700
LOOKED_UP = json.dumps({"text": "z" * 70})


def load_server() -> Any:
    """Import the server of the tests."""
    spec: Any = importlib.util.spec_from_file_location("model_server", SERVER)
    module = sys.modules["model_server"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@tool
async def look(text: str) -> str:
    """Return a long text."""
    return text * 10


def reply_to(said: int, turns: int) -> ta.Scripted:
    """Return the reply of a model that calls a tool in each turn but the last."""
    if said == turns - 1:
        return ta.Scripted("x" * 700)
    return ta.Scripted(SAID, [ta.ToolRequest(f"c{said}", "look", LOOKED_UP)], piece=1000)


def script(turns: int) -> Any:
    """Return what the server does."""

    def reply(request: dict[str, Any]) -> ta.Scripted:
        return reply_to(sum(m["role"] == "assistant" for m in request["messages"]), turns)

    return reply


def agent_of(model: ta.Model, turns: int) -> Workflow[Any, Any]:
    """Return the agent."""
    return ta.Agent("ag", model=model, tools=[look], stop=ta.Stop(turns))


TOOLS: Any = [
    {
        "type": "function",
        "function": {"name": "look", "description": "looks", "parameters": dict(look.schema)},
    }
]


async def ask_bare(client: openai.AsyncOpenAI) -> None:
    """Do by hand what the agent does: ask, call tools, and ask again."""
    messages: Any = [{"role": "user", "content": "go"}]
    while True:
        text, calls = await _turn(client, messages)
        if not calls:
            return
        functions = [
            {"id": id, "type": "function", "function": {"name": name, "arguments": "".join(parts)}}
            for id, name, parts in calls.values()
        ]
        messages.append({"role": "assistant", "content": text, "tool_calls": functions})
        for id, _, parts in calls.values():
            content = await look.fn(**json.loads("".join(parts)))
            messages.append({"role": "tool", "tool_call_id": id, "content": content})


async def _turn(client: openai.AsyncOpenAI, messages: Any) -> tuple[str, dict[int, Any]]:
    texts: list[str] = []
    calls: dict[int, Any] = {}
    options: Any = {"include_usage": True}
    stream = await client.chat.completions.create(
        model="m", messages=messages, tools=TOOLS, stream=True, stream_options=options
    )
    async for chunk in stream:
        for choice in chunk.choices:
            texts.append(choice.delta.content or "")
            for part in choice.delta.tool_calls or ():
                name = part.function.name if part.function else ""
                call = calls.setdefault(part.index, (part.id, name, []))
                call[2].append(part.function.arguments if part.function else "")
    return "".join(texts), calls
