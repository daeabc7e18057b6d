"""A server that speaks only the newer protocol, in which questions are results."""

from __future__ import annotations

from typing import Annotated, Any

import anyio
import mcp_types as types
from mcp.server.mcpserver import Context, Elicit, MCPServer, Resolve
from mcp.shared.exceptions import MCPError

from .demo_server import Person


async def who() -> Elicit[Person]:
    return Elicit("Who?", Person)


async def nothing() -> str:
    return ""


async def greet(greeting: str, person: Annotated[Person, Resolve(who)]) -> str:
    return f"{greeting} {person.name}"


def make_newer(noted: list[str]) -> MCPServer:
    """Return a server that notes what happens."""
    server = MCPServer("newer", log_level="CRITICAL")
    server.tool()(greet)

    @server.tool()
    async def hang(ctx: Context) -> None:
        noted.append("hang")
        try:
            await ctx.report_progress(1, 2, "half")
            await anyio.sleep_forever()
        except BaseException:
            noted.append("hang canceled")
            raise

    @server.tool()
    async def change(ctx: Context) -> str:
        noted.append("change")
        server.add_tool(nothing, name=f"new{len(noted)}")
        await ctx.notify_tools_changed()
        return "changed"

    async def refuse(ctx: Any, call_next: Any) -> Any:
        if ctx.method == "initialize":
            versions = {"supported": ["2026-07-28"], "requested": "2025-11-25"}
            code = types.UNSUPPORTED_PROTOCOL_VERSION
            raise MCPError(code=code, message="too old", data=versions)
        return await call_next(ctx)

    server._lowlevel_server.middleware.append(refuse)
    return server
