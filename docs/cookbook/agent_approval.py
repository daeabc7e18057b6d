"""An agent with the tools of an MCP server, one of which a person must approve.

The server runs in this process; ``open_mcp(["uvx", "mcp-server-git"])`` would start one.
"""

from __future__ import annotations

import trio
from mcp.server.mcpserver import MCPServer
from trioflow_agents import Agent, Approved, Refused, Scripted, ScriptedModel, ToolRequest, approval
from trioflow_mcp import open_mcp

from trioflow import open_engine

server = MCPServer("hotel")


@server.tool()
async def free_rooms(floor: int) -> list[int]:
    """Return the numbers of the free rooms of a floor."""
    return [floor * 100 + 1, floor * 100 + 4]


@server.tool()
async def book(room: int, guest: str) -> str:
    """Book a room."""
    return f"room {room} is booked for {guest}"


def script() -> ScriptedModel:
    """Replies in place of a model: use ``OpenAIModel("...")`` or ``AnthropicModel("...")``."""
    return ScriptedModel(
        [
            ToolRequest("call-1", "hotel_free_rooms", '{"floor": 2}'),
            ToolRequest("call-2", "hotel_book", '{"room": 204, "guest": "Ada"}'),
            Scripted(["Welcome, Ada."]),
        ]
    )


async def serve(approve: bool, store: str | None = None) -> str:
    """Let the agent book a room, and answer its question."""
    async with open_mcp(server, prefix="hotel.") as tools:
        offered = [approval(each) if each.id == "hotel.book" else each for each in tools]
        clerk = Agent("clerk", model=script(), tools=offered)
        async with open_engine(workflows=[clerk], store=store) as engine:
            run = engine.create_run("clerk")
            result = await run.start("A room on floor 2 for Ada, please.")
            [request] = result.suspend_payload.values()
            print("may I?", request.tool, dict(request.arguments))
            answer = Approved(request.digest) if approve else Refused("not today")
            return str((await run.resume(answer)).unwrap())


if __name__ == "__main__":
    print(trio.run(serve, True))
