"""The output of a tool for the result that its server sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import mcp_types as types

from trioflow_mcp.errors import McpResultError, McpToolError


def output_of(result: types.CallToolResult, tool: str, server: str, max_result: int) -> Any:
    """Return the structured content of a result; without one, its content parts.

    Raises:
      McpToolError: if the result says that the tool has failed.
      McpResultError: if the result is too large.
    """
    parts = content_parts(result)
    output = parts if result.structured_content is None else result.structured_content
    said = parts if result.is_error else output
    size = len(json.dumps(said, ensure_ascii=False))
    if size > max_result:
        problem = f"it has {size:,} characters, and at most {max_result:,} are accepted"
        raise McpResultError(tool, server, f"{problem}; see max_result of open_mcp()")
    if result.is_error:
        raise McpToolError(tool, server, tuple(parts))
    return output


def content_parts(result: types.CallToolResult) -> list[Mapping[str, Any]]:
    """Return the content parts of a result as they are in the protocol."""
    return [
        part.model_dump(mode="json", by_alias=True, exclude_none=True) for part in result.content
    ]
