"""Servers in memory that list and return what a test says, however wrong it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import mcp_types as types
from mcp.server import Server

ANY = {"type": "object"}
CallTool = Callable[[Any, types.CallToolRequestParams], Awaitable[Any]]


def tool(name: str, schema: dict[str, Any] | None = None, **more: Any) -> types.Tool:
    return types.Tool(name=name, input_schema=ANY if schema is None else schema, **more)


def text(*texts: str, **more: Any) -> types.CallToolResult:
    """Return a result of texts."""
    return types.CallToolResult(content=[types.TextContent(text=each) for each in texts], **more)


async def echo(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    return text("ok", structured_content={"arguments": params.arguments})


def server_of(*pages: list[types.Tool], call: CallTool = echo, endless: bool = False) -> Server:
    """Return a server that lists its tools on these pages."""

    async def list_tools(
        context: Any, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        page = int((params and params.cursor) or 0)
        more = endless or page + 1 < len(pages)
        tools = pages[min(page, len(pages) - 1)]
        return types.ListToolsResult(tools=tools, next_cursor=str(page + 1) if more else None)

    return Server("scripted", on_list_tools=list_tools, on_call_tool=call)
