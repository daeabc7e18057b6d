"""A trioflow plugin for MCP: tools of servers in workflows, and workflows as a server.

`open_mcp` yields the tools of a server. The hooks at the end are how trioflow finds which answers
fit the questions of servers, and the command ``trioflow mcp``.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trioflow import hookimpl
from trioflow_mcp.answers import answer_hook, answer_schema, requested_in
from trioflow_mcp.errors import (
    McpConnectionError,
    McpListError,
    McpResultError,
    McpTimeoutError,
    McpToolError,
    text_of,
)
from trioflow_mcp.values import Elicitation, ElicitationAnswer, McpProgress

if TYPE_CHECKING:
    from cattrs import Converter

    from trioflow_mcp.opening import open_mcp

__all__ = [
    "Elicitation",
    "ElicitationAnswer",
    "McpConnectionError",
    "McpListError",
    "McpProgress",
    "McpResultError",
    "McpTimeoutError",
    "McpToolError",
    "open_mcp",
    "text_of",
]

_HOMES = {"open_mcp": "opening"}
"""What needs the SDK, whose import takes a second: every ``trioflow --help`` loads this module."""

if not TYPE_CHECKING:  # or type checkers would accept any name

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return getattr(importlib.import_module(f"trioflow_mcp.{_HOMES[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@hookimpl
def trioflow_commands(app: Any) -> None:
    """Add ``mcp``."""
    from trioflow_mcp.serving.command import mcp  # it needs cyclopts, which an engine does not

    app.command(mcp)


@hookimpl
def trioflow_converter(converter: Converter) -> None:
    """Register which answers fit a question."""
    converter.register_structure_hook_factory(_is_answer)(answer_hook)


@hookimpl
def trioflow_schema(type_: Any) -> Mapping[str, Any] | None:
    """Return the JSON Schema of the answers to a question."""
    requested = requested_in(type_)
    return None if requested is None else answer_schema(requested)


def _is_answer(type_: Any) -> bool:
    return requested_in(type_) is not None
