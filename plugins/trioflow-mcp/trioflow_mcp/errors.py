"""What can go wrong with MCP servers and their tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define

from trioflow import TrioflowError

SHOWN = 2_000
"""Most characters of a server's own words in a message."""


@define(eq=False, repr=False)
class McpToolError(TrioflowError):
    """Raised when a tool of an MCP server fails, or the server refuses to call it."""

    tool: str
    """Name of the tool on the server."""
    server: str
    content: tuple[Mapping[str, Any], ...]
    """What the server said: content parts as in the protocol, ``{"type": "text", "text": ...}``."""
    code: int | None = None
    """The JSON-RPC error code; None if the tool itself has failed."""

    def __str__(self) -> str:
        said = text_of(self.content) or "it did not say why"
        return f"tool {self.tool!r} of MCP server {self.server!r} failed: {shortened(said)}"


@define(eq=False, repr=False)
class McpResultError(TrioflowError):
    """Raised when the result of a tool cannot be used: it is malformed, or too large."""

    tool: str
    server: str
    problem: str

    def __str__(self) -> str:
        where = f"tool {self.tool!r} of MCP server {self.server!r}"
        return f"{where} returned a result that cannot be used: {shortened(self.problem)}"


@define(eq=False, repr=False, slots=False)  # as TimeoutError has a layout of its own
class McpConnectionError(TrioflowError):
    """Raised when a server cannot be reached or started, or the connection to it was lost."""

    server: str
    problem: str
    stderr: str = ""
    """The last lines that the server's process wrote to standard error."""

    def __str__(self) -> str:
        said = f"; its standard error ends with:\n{self.stderr}" if self.stderr else ""
        return f"MCP server {self.server!r}: {shortened(self.problem)}{said}"


@define(eq=False, repr=False, slots=False)
class McpTimeoutError(McpConnectionError, TimeoutError):
    """Raised when a server takes too long to start."""


@define(eq=False, repr=False)
class McpListError(TrioflowError):
    """Raised when the tools that a server lists cannot be used."""

    server: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"MCP server {self.server!r}: {shortened(self.problem)}; {self.remedy}"


def text_of(content: Any) -> str:
    """Return the text in the output of a tool that returned content parts."""
    return "\n".join(part["text"] for part in content if part.get("type") == "text")


def shortened(text: str) -> str:
    """Return a text as it is shown in a message: not all of it if it is long."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def innermost(error: BaseException) -> BaseException:
    """Return the first exception in a group that is no group itself."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
