"""The attributes of spans and metrics.

Names follow OpenTelemetry's semantic conventions where they define one, and begin with
``trioflow.`` otherwise. Inputs, outputs and payloads are not exported: they may be
large or secret.
"""

from __future__ import annotations

import functools
import inspect
import json
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opentelemetry.util.types import AttributeValue

from trioflow.wire import RecordedError, error_to_wire

RUN = "trioflow.run.id"
RUN_STATUS = "trioflow.run.status"
WORKFLOW = "trioflow.workflow.id"
RESOURCE = "trioflow.resource.id"
METADATA = "trioflow.metadata."
PLUGIN = "trioflow.plugin"
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

Attributes = dict[str, AttributeValue]


def present(found: Mapping[str, AttributeValue | None]) -> Attributes:
    """Return the attributes that are not None."""
    return {name: value for name, value in found.items() if value is not None}


def nanoseconds(at: float) -> int:
    """Return the time of an event in nanoseconds, the unit of OpenTelemetry."""
    return round(at * 1_000_000_000)


def clean(text: str) -> str:
    """Replace characters that UTF-8 cannot encode: an exporter would lose the whole batch."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def metadata_attributes(metadata: Mapping[str, Any]) -> Attributes:
    """Return the metadata of the tracing options as attributes."""
    return {
        METADATA + clean(str(key)): _attribute(value)
        for key, value in metadata.items()
        if value is not None
    }


def _attribute(value: Any) -> AttributeValue:
    """Convert a value to an attribute; values that are not plain become JSON strings."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    if isinstance(value, Sequence) and value and all(isinstance(item, str) for item in value):
        return [clean(item) for item in value]
    return clean(json.dumps(value, default=str, ensure_ascii=False))


# ---------------------------------------------------------------- errors
def error_type(error: BaseException | None) -> str:
    """Return the class name of an error in the form of the semantic conventions."""
    if error is None:
        return "_OTHER"
    if isinstance(error, RecordedError):  # from a journal, in place of the original
        return error.name
    cls = type(error)
    return (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )


def error_message(error: BaseException | None) -> str:
    """Return the message of an error, also if its ``str()`` fails."""
    if isinstance(error, RecordedError):
        return error.message
    try:
        return clean(str(error))
    except Exception:  # from the error's own class
        return "<its str() failed>"


def exception_attributes(error: BaseException) -> Attributes:
    """Return the attributes of the ``exception`` event of a span."""
    recorded = error_to_wire(error).get("stack")  # if it was raised in another process
    stack = recorded or "".join(traceback.format_exception(error))
    return {
        EXCEPTION_TYPE: error_type(error),
        EXCEPTION_MESSAGE: error_message(error),
        EXCEPTION_STACKTRACE: clean(stack),
    }


# ---------------------------------------------------------------- code
def code_attributes(function: Callable[..., Any] | None) -> Attributes:
    """Return the source location of the function of a step or tool."""
    while isinstance(function, functools.partial):
        function = function.func
    if function is None:
        return {}
    inner = inspect.unwrap(function)
    name = getattr(inner, "__qualname__", type(inner).__qualname__)
    found: Attributes = {CODE_FUNCTION: f"{inner.__module__}.{name}"}
    code = getattr(inner, "__code__", None)
    if code is not None:
        found |= {CODE_FILE: code.co_filename, CODE_LINE: code.co_firstlineno}
    return found
