"""What `open_mcp` can connect to: servers in memory, processes, URLs, and transports."""

from __future__ import annotations

import shlex
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from attrs import frozen
from mcp.client.stdio import StdioServerParameters
from mcp.server import Server
from mcp.server.mcpserver import MCPServer

from trioflow.errors import DefinitionError
from trioflow_mcp.http import OnRequest, open_http
from trioflow_mcp.processes import open_process
from trioflow_mcp.tail import Tail

McpTarget: TypeAlias = (
    MCPServer
    | Server[Any]
    | StdioServerParameters
    | Sequence[str]
    | str
    | AbstractAsyncContextManager[Any]
)
"""A server object, a command, a URL, or a transport of the SDK."""


@frozen
class Target:
    """A server that connections can be opened to."""

    name: str
    """Names the server in messages."""
    given: Any
    headers: Mapping[str, str]

    @asynccontextmanager
    async def open_transport(
        self, tail: Tail, on_request: OnRequest
    ) -> AsyncGenerator[tuple[Any, Any], None]:
        """Yield the streams of messages from and to a server process or a URL."""
        if isinstance(self.given, str):
            async with open_http(self.given, dict(self.headers), on_request) as streams:
                yield streams
            return
        async with tail.open_pipe() as errors, open_process(self.given, errors) as streams:
            errors.close()  # the process has its own
            yield streams

    def connect(self, tail: Tail, on_request: OnRequest) -> Any:
        """Return what the SDK's client connects to."""
        if isinstance(self.given, str | StdioServerParameters):
            return self.open_transport(tail, on_request)
        return self.given

    @property
    def is_process(self) -> bool:
        """Whether the server is a process that is started for the connection."""
        return isinstance(self.given, StdioServerParameters)

    @property
    def can_reconnect(self) -> bool:
        """Whether another connection can be opened; a transport is used once."""
        return isinstance(self.given, str | StdioServerParameters | Server | MCPServer)


def target_of(server: McpTarget, headers: Mapping[str, str] | None) -> Target:
    """Return the target for the argument of `open_mcp`.

    Raises:
      DefinitionError: if nothing can be connected to it.
    """
    target = _target_of(server, headers or {})
    if headers and not isinstance(target.given, str):
        raise DefinitionError("open_mcp()", "headers are for URLs", "leave them out")
    return target


def _target_of(server: Any, headers: Mapping[str, str]) -> Target:
    if isinstance(server, str):
        parts = urlsplit(server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            problem, remedy = (
                f"{server!r} is no URL",
                "give a command as a list: ['python', 'x.py']",
            )
            raise DefinitionError("open_mcp()", problem, remedy)
        host = parts.netloc.rpartition("@")[2]
        return Target(f"{parts.scheme}://{host}{parts.path}", server, headers)
    if isinstance(server, StdioServerParameters):
        return Target(shlex.join([server.command, *server.args]), server, headers)
    if isinstance(server, MCPServer | Server):
        return Target(server.name, server, headers)
    if isinstance(server, Sequence) and server and all(isinstance(each, str) for each in server):
        command = StdioServerParameters(command=server[0], args=list(server[1:]))
        return Target(shlex.join(server), command, headers)
    if hasattr(server, "__aenter__"):
        return Target(type(server).__name__, server, headers)
    problem = f"{server!r} is no MCP server"
    raise DefinitionError("open_mcp()", problem, "give it a URL, a command as a list, or a server")
