"""The source of conditions that are lambdas."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable
from types import CodeType
from typing import Any

LONGEST = 60
"""Maximum number of characters of source in a description."""


def source_of(fn: Callable[..., Any]) -> str | None:
    """Return the expression of a lambda, if its source is available and short: ``"data > 3"``."""
    code = getattr(fn, "__code__", None)
    if not isinstance(code, CodeType):
        return None
    lines = linecache.getlines(code.co_filename, getattr(fn, "__globals__", None))
    try:
        module = ast.parse("".join(lines))
    except (SyntaxError, ValueError):  # it is not the source that was loaded
        return None
    found = [
        node
        for node in ast.walk(module)
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno
    ]
    same = found if len(found) == 1 else [node for node in found if _is_code_of(node, code)]
    texts = {ast.unparse(node.body) for node in same}
    text = texts.pop() if len(texts) == 1 else ""
    return text if 0 < len(text) <= LONGEST else None


def _is_code_of(node: ast.Lambda, code: CodeType) -> bool:
    """Return whether a lambda is where the code is from: several may begin on one line."""
    body = node.body
    if body.lineno != body.end_lineno:
        return False
    return all(
        body.col_offset <= start and end <= (body.end_col_offset or 0)
        for line, _, start, end in code.co_positions()
        if line == body.lineno and start is not None and end is not None and start < end
    )
