"""The attributes of spans and metrics.

Names follow OpenTelemetry's semantic conventions where they define one, and begin with
``trioflow.`` otherwise. Inputs, outputs and payloads are not exported: they may be
large or secret.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from trioflow_otel.texts import Attributes, Texts

RUN = "trioflow.run.id"
RUN_STATUS = "trioflow.run.status"
WORKFLOW = "trioflow.workflow.id"
RESOURCE = "trioflow.resource.id"
METADATA = "trioflow.metadata."
PLUGIN = "trioflow.plugin"
SCHEDULE = "trioflow.schedule.id"
TICK = "trioflow.schedule.tick"
DECISION = "decision"
STEP = "trioflow.step.id"
STEP_CALL = "trioflow.step.call.id"
STEP_KIND = "trioflow.step.kind"
STEP_STATUS = "trioflow.step.status"
ATTEMPT = "trioflow.step.attempt"
ATTEMPTS = "trioflow.step.attempts"
ITERATION = "trioflow.step.iteration"
ROUND = "trioflow.step.round"
ITEM = "trioflow.item.index"
TOOL_STATUS = "trioflow.tool.status"
TOOL_PIECES = "trioflow.tool.pieces"
LABEL = "trioflow.suspend.label"
REASON = "trioflow.cancel.reason"
DELAY = "trioflow.retry.delay"
EVENT = "trioflow.event.name"
UNTIL = "trioflow.wait.until"

ERROR_TYPE = "error.type"
EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"
EXCEPTION_STACKTRACE = "exception.stacktrace"
CODE_FUNCTION = "code.function.name"
CODE_FILE = "code.file.path"
CODE_LINE = "code.line.number"
OPERATION = "gen_ai.operation.name"
EXECUTE_TOOL = "execute_tool"
TOOL = "gen_ai.tool.name"
TOOL_CALL = "gen_ai.tool.call.id"


def nanoseconds(at: float) -> int:
    """Return the time of an event in nanoseconds, the unit of OpenTelemetry."""
    return round(at * 1_000_000_000)


# ---------------------------------------------------------------- code
def code_attributes(function: Callable[..., Any] | None, texts: Texts) -> Attributes:
    """Return the source location of the function of a step or tool, if it can be found."""
    try:
        return texts.known(_code_of(function))
    except Exception:  # from an object that is called in place of a function
        return {}


def _code_of(function: Callable[..., Any] | None) -> dict[str, Any]:
    while isinstance(function, functools.partial):
        function = function.func
    if function is None:
        return {}
    inner = inspect.unwrap(function)
    name = getattr(inner, "__qualname__", type(inner).__qualname__)
    found: dict[str, Any] = {CODE_FUNCTION: f"{inner.__module__}.{name}"}
    code = getattr(inner, "__code__", None)
    if code is not None:
        found |= {CODE_FILE: code.co_filename, CODE_LINE: code.co_firstlineno}
    return found
