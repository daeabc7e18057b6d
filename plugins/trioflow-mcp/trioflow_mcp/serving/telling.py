"""What clients are told: results, errors, and progress in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mcp_types as types

from trioflow import RunResult
from trioflow import events as ev
from trioflow.errors import name_and_message
from trioflow_mcp.errors import innermost
from trioflow_mcp.serving.catalogue import RESUME
from trioflow_mcp.serving.plain import sendable_text, text_of_json
from trioflow_mcp.serving.questions import Question
from trioflow_mcp.serving.schemas import SUSPENDED
from trioflow_mcp.values import McpProgress

RUN_ID = "trioflow/runId"
"""The key in a result's metadata with the id of the run."""
SHOWN = 200
"""Most characters of a chunk in a message."""


def succeeded(run_id: str, structured: Mapping[str, Any]) -> types.CallToolResult:
    """Return the result with an output, also as text for clients that read only that."""
    return _result(run_id, text_of_json(structured), structured)


def failed(run_id: str | None, error: BaseException | str) -> types.CallToolResult:
    """Return the result that says what went wrong, without a traceback."""
    if isinstance(error, BaseException):
        name, message = name_and_message(innermost(error))
        error = f"{name}: {message}" if message else name
    return _result(run_id, error, None, is_error=True)


def ended(result: RunResult[Any]) -> types.CallToolResult:
    """Return the result for a run that was canceled or has failed."""
    if result.error is not None:
        return failed(result.run_id, result.error)
    reason = f": {result.reason}" if result.reason else ""
    return failed(result.run_id, f"the run is {result.status}{reason}")


def suspended(run_id: str, questions: list[Question], why: str = "") -> types.CallToolResult:
    """Return the result that says what a run waits for, and how to answer."""
    asked = [question.wire for question in questions]
    arguments = {"run_id": run_id, "answer": "..."}
    if len(questions) > 1 and questions[0].label is not None:
        arguments["label"] = questions[0].label
    text = (
        f"{why}Run {run_id} is suspended, until it gets an answer.\n"
        f"It asks: {text_of_json(asked)}\n"
        f"To answer, call the tool {RESUME!r} with {text_of_json(arguments)}."
    )
    return _result(run_id, text, {SUSPENDED: {"run_id": run_id, "questions": asked}})


def _result(
    run_id: str | None, text: str, structured: Mapping[str, Any] | None, *, is_error: bool = False
) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(text=sendable_text(text))],
        structured_content=structured,
        is_error=is_error,
        _meta={RUN_ID: run_id} if run_id else None,
    )


def progress_of(event: ev.Event) -> str | None:
    """Return the message for an event; None if clients are not told."""
    message = _message(event)
    return None if message is None else sendable_text(message)


def _message(event: ev.Event) -> str | None:
    match event:
        case ev.StepStart():
            return f"{event.id}: started"
        case ev.StepResult():
            return f"{event.id}: {event.status}"
        case ev.StepRetry():
            return f"{event.id}: attempt {event.attempt} failed, trying again"
        case ev.StepProgress():
            return f"{event.id}: {event.done} of {event.total}"
        case ev.StepOutput(chunk=McpProgress() as chunk):
            return chunk.message or f"{chunk.tool}: {chunk.progress:g}"
        case ev.StepOutput():
            chunk = event.chunk
            text = chunk if isinstance(chunk, str) else text_of_json(chunk)
            return f"{event.id}: {text[:SHOWN]}"
        case _:
            return None
