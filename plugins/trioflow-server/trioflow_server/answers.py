"""Answers that are not streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from trioflow_server.problems import Problem
from trioflow_server.values import dump

JSON = "application/json"


def json_answer(
    value: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer with a JSON value."""
    return Response(dump(value), status, headers, media_type=JSON)


def problem_answer(problem: Problem) -> Response:
    """Return the answer to a request that cannot be met."""
    return json_answer(problem.body(), problem.status, problem.headers)


def message(text: str) -> Response:
    """Return an answer that only says that something was done."""
    return json_answer({"message": text})
