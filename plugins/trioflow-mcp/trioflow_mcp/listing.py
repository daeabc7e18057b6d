"""The tools that a server lists, as tools of trioflow."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import Any, TypeAlias

import mcp_types as types
from attrs import frozen
from mcp.client.session import ClientSession
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from trioflow import StepContext, Tool
from trioflow.addresses import RESERVED
from trioflow.errors import DefinitionError, UnknownNameError
from trioflow_mcp.calling import RemoteTool
from trioflow_mcp.connection import Connection, is_lost, told
from trioflow_mcp.errors import McpConnectionError, McpListError

MAX_TOOLS = 10_000
Allow: TypeAlias = Collection[str] | Callable[[str], bool]
"""Names of tools on the server, or a function of a name that returns whether to use the tool."""
_TO_REPLACE = str.maketrans(dict.fromkeys(RESERVED, "_"))
_LEAVE_OUT = "leave it out with allow="
_REPORT = "report it to its authors"


async def list_tools(session: ClientSession, server: str) -> list[types.Tool]:
    """Return all tools of a server, which lists them by pages.

    Raises:
      McpListError: if the list cannot be used.
      McpConnectionError: if the connection is lost.
    """
    found: list[types.Tool] = []
    cursors: set[str | None] = {None}
    cursor: str | None = None
    while True:
        try:
            page = await session.list_tools(params=types.PaginatedRequestParams(cursor=cursor))
        except MCPError as exc:
            if exc.code == types.METHOD_NOT_FOUND and cursor is None:
                return []  # a server without tools
            if is_lost(exc):
                raise McpConnectionError(server, told(exc)) from exc
            raise McpListError(
                server, f"it does not list its tools: {exc.message}", _REPORT
            ) from exc
        except ValidationError as exc:
            first = exc.errors()[0]
            where = ".".join(map(str, first["loc"]))
            problem = f"its list of tools does not follow the protocol: {where}: {first['msg']}"
            raise McpListError(server, problem, _REPORT) from exc
        found += page.tools
        cursor = page.next_cursor
        if cursor is None:
            return found
        if cursor in cursors or len(found) > MAX_TOOLS:
            problem = f"its list of tools does not end; {len(found):,} were read"
            raise McpListError(server, problem, _REPORT)
        cursors.add(cursor)


@frozen
class Maker:
    """Makes tools of trioflow from those that a server lists."""

    connection: Connection
    prefix: str
    allow: Allow | None
    call_timeout: float | None
    max_result: int

    def make(self, listed: list[types.Tool]) -> list[Tool[..., Any]]:
        """Return the allowed tools.

        Raises:
          UnknownNameError: if a name is allowed that the server does not have.
          McpListError: if a name or schema cannot be used, or two tools would have the same id.
        """
        names: dict[str, str] = {}
        tools = []
        for described in self._allowed(listed):
            id = self.prefix + described.name.translate(_TO_REPLACE)
            if id in names:
                both = f"{names[id]!r} and {described.name!r}"
                problem = f"tools {both} would both have the id {id!r}"
                raise McpListError(self._server, problem, _LEAVE_OUT)
            names[id] = described.name
            tools.append(self._tool(id, described))
        return tools

    @property
    def _server(self) -> str:
        return self.connection.target.name

    def _allowed(self, listed: list[types.Tool]) -> list[types.Tool]:
        if self.allow is None:
            return listed
        if callable(self.allow):
            return [tool for tool in listed if self.allow(tool.name)]
        known = tuple(tool.name for tool in listed)
        for name in self.allow:
            if name not in known:
                raise UnknownNameError("tool", name, f"MCP server {self._server!r}", known)
        return [tool for tool in listed if tool.name in self.allow]

    def _tool(self, id: str, described: types.Tool) -> Tool[..., Any]:
        remote = RemoteTool(id, described.name, self.connection, self.max_result)

        async def call(trioflow_context: StepContext[Any], **arguments: Any) -> Any:
            return await remote(arguments, trioflow_context)

        try:
            return Tool.from_schema(
                id,
                call,
                described.input_schema,
                description=inspect.cleandoc(described.description or described.title or ""),
                timeout=self.call_timeout,
                metadata={"mcp": _metadata(self._server, described)},
            )
        except DefinitionError as exc:
            problem = f"tool {described.name!r} cannot be used: {exc.problem}"
            raise McpListError(self._server, problem, _LEAVE_OUT) from exc


def _metadata(server: str, described: types.Tool) -> dict[str, Any]:
    """Return what the server says about a tool beyond its arguments."""
    said = described.model_dump(
        mode="json", by_alias=True, exclude_none=True, include={"title", "annotations"}
    )
    known = {"server": server, "tool": described.name, "outputSchema": described.output_schema}
    return said | known
