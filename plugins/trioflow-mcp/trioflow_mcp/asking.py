"""Questions of servers as questions of the run."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from typing import Any

import mcp_types as types
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]
from pydantic import ValidationError

from trioflow import StepContext
from trioflow.errors import AskLabelError, Fault, FaultsError, InvalidValueError
from trioflow.wire import lenient_json
from trioflow_mcp.answers import Requested, answer_type, read_answer, requested_in
from trioflow_mcp.values import Elicitation

SAME = 100
"""Most questions of one step call that are equal."""


class InvalidRequestError(Exception):
    """Raised for questions that cannot be asked. The message says why."""


async def ask(
    tool: str,
    arguments: Mapping[str, Any],
    params: types.ElicitRequestParams,
    ctx: StepContext[Any],
) -> types.ElicitResult:
    """Return the answer to a server's question, or suspend the run until there is one.

    The label says of which call and question it is, so the answer is given to no other.
    """
    question = _question(tool, params)
    type_ = answer_type(question.schema)
    digest = _digest([ctx.step_call_id, arguments, question])
    for number in itertools.count(1):
        label = f"{tool}:{digest}" if number == 1 else f"{tool}:{digest}:{number}"
        try:
            given = await ctx.ask(question, type_, label)
        except AskLabelError:  # an equal question was asked before
            if number == SAME:
                raise
            continue
        return _checked(given, tool, requested_in(type_))
    raise AssertionError


def _question(tool: str, params: types.ElicitRequestParams) -> Elicitation:
    if not isinstance(params, types.ElicitRequestFormParams):
        return Elicitation(tool, params.message, url=params.url)
    schema = dict(params.requested_schema)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as exc:
        raise InvalidRequestError(f"it asks with an invalid schema: {exc.message}") from exc
    return Elicitation(tool, params.message, schema)


def _digest(content: Any) -> str:
    text = json.dumps(lenient_json(content), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def check_sendable(value: Any, what: str, tool: str) -> None:
    """Check that a value can be sent as JSON.

    Raises:
      InvalidValueError: if it holds an infinite number, half a character, or an object.
    """
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as exc:
        faults = (Fault("", f"cannot be sent as JSON: {exc}"),)
        raise InvalidValueError(what, f"tool {tool!r}", faults) from exc


def _checked(given: Any, tool: str, requested: Requested | None) -> types.ElicitResult:
    """Return an answer for the server. An engine with this plugin has checked it already."""
    assert requested is not None
    try:
        answer = read_answer(given, requested)
        content = None if answer.content is None else dict(answer.content)
        check_sendable(content, "answer", tool)
        return types.ElicitResult(action=answer.action, content=content)
    except FaultsError as exc:
        faults = exc.faults
    except ValidationError:
        faults = (Fault("content", "the protocol has only strings, numbers and booleans"),)
    raise InvalidValueError("answer", f"tool {tool!r}", faults)
