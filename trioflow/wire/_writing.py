"""Writes events as JSON objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from trioflow import events as ev
from trioflow.errors import NotSerializableError
from trioflow.wire._failures import (
    error_to_wire,
    tripwire_of,
    tripwire_to_wire,
    without_stacks,
)
from trioflow.wire._shown import class_name
from trioflow.wire._values import milliseconds, to_json
from trioflow.wire._vocabulary import DIALECTS, PREFIX, Dialect, Field, fields_of

if TYPE_CHECKING:
    from cattrs import Converter

USAGE = {
    "inputTokens": 0,
    "outputTokens": 0,
    "totalTokens": 0,
    "cachedInputTokens": 0,
    "cacheCreationInputTokens": 0,
    "reasoningTokens": 0,
}
"""What the vocabulary counts of language models, of a run that used none."""


def to_wire(
    event: ev.Event,
    dialect: Dialect = "mastra-0.18",
    *,
    converter: Converter | None = None,
    stack: bool = True,
) -> dict[str, Any]:
    """Return an event as an object that ``json.dumps`` accepts as it is.

    Args:
      event: An event of trioflow.
      dialect: ``"mastra-0.18"`` or ``"mastra-1"``.
      converter: Writes user values; default: a plain cattrs converter.
      stack: Whether exceptions anywhere in the event are written with their stacks. Omit the
        stacks from what goes to browsers: they show the paths of the server.

    Raises:
      NotSerializableError: if the event holds a value that has no JSON form, or is not one of
        the events of `trioflow.events`.
      ValueError: if there is no such dialect.
    """
    if dialect not in DIALECTS:
        raise ValueError(f"dialect must be one of {', '.join(DIALECTS)}, not {dialect!r}")
    if type(event) not in _EVENTS:
        problem = f"is a {class_name(event)}, which is not an event of trioflow"
        raise NotSerializableError("", problem, "use a class of trioflow.events as it is")
    payload = {
        field.key: _written(field, getattr(event, field.name), converter)
        for field in fields_of(type(event), dialect)
        if _is_written(field, event)
    }
    decorate = _DECORATIONS.get(type(event))
    if decorate is not None:
        payload |= decorate(event)
    if dialect == "mastra-1" and isinstance(event, ev.StepResult | ev.Finish):
        payload |= _tripwire(event, converter)
    if not stack:
        payload = without_stacks(payload)
    envelope = _envelope_of_1 if dialect == "mastra-1" else _envelope_of_0
    return envelope(event, payload)


# ---------------------------------------------------------------- payloads
def _is_written(field: Field, event: ev.Event) -> bool:
    value = getattr(event, field.name)
    if field.name in _SELDOM and value == field.default:
        return False
    if field.default is None and value is None:
        # An output that is None is written only for a call that has an output.
        return field.name in ("output", "result") and getattr(event, "status", "") in _ENDED_WELL
    return True


_SELDOM = ("round", "resumed", "answered", "inputs", "answers", "attempts")
"""Attributes that are omitted if they have their default; the dialects do not have them."""
_EVENTS = frozenset(ev.EVENT_TYPES.values())
_ENDED_WELL = (*ev.SUCCESS_STATUSES, "")
"""Statuses with an output; events without a status, such as `ToolResult`, also have one."""


def _written(field: Field, value: Any, converter: Converter | None) -> Any:
    if isinstance(value, BaseException):
        return error_to_wire(value)
    if isinstance(value, tuple):
        value = list(value)
    return to_json(value, field.key, converter) if field.is_value else value


def _envelope_of_0(event: ev.Event, payload: dict[str, Any]) -> dict[str, Any]:
    extension = {"runId": event.run_id, "seq": event.seq, "at": event.at}
    if isinstance(event, ev.ToolEvent):
        return {"type": event.type, **payload, **extension}
    if isinstance(event, ev.Start | ev.Finish):
        payload = {"runId": event.run_id, **payload}
    return {"type": event.type, "payload": payload, **extension}


def _envelope_of_1(event: ev.Event, payload: dict[str, Any]) -> dict[str, Any]:
    source, type = "WORKFLOW", event.type
    if isinstance(event, ev.StepEvent):
        payload = {"stepName": event.id, **payload}
    if isinstance(event, ev.StepOutput):
        source = "USER"
        payload |= {"runId": event.run_id}
    elif isinstance(event, ev.StepStart) and event.iteration is not None:
        payload["metadata"] = {"iterationCount": payload.pop("iteration")}
    elif isinstance(event, ev.Finish):
        error = None if "tripwire" in payload else payload.pop("error", None)
        payload["metadata"] = {"error": error, "errorMessage": error["message"]} if error else {}
        used = payload.get("usage")
        payload["output"] = {"usage": USAGE | used if isinstance(used, dict) else USAGE}
    return {
        "type": type if isinstance(event, ev.ToolEvent) else PREFIX + type,
        "runId": event.run_id,
        "from": source,
        "payload": payload,
        "seq": event.seq,
        "at": event.at,
    }


def _tripwire(event: ev.StepResult | ev.Finish, converter: Converter | None) -> dict[str, Any]:
    tripwire = tripwire_of(event.error)
    if tripwire is None or event.status != "failed":
        return {}
    wire = tripwire_to_wire(tripwire, lambda value, path: to_json(value, path, converter))
    status = {"workflowStatus": "tripwire"} if isinstance(event, ev.Finish) else {}
    return {**status, "tripwire": wire}


# ---------------------------------------------------------------- what is only for readers
def _of_start(event: ev.StepStart) -> dict[str, Any]:
    times = {"startedAt": milliseconds(event.at)}
    if event.resumed:
        times["resumedAt"] = milliseconds(event.at)
    return {"stepCallId": step_call_id(event), **times, "status": "running"}


def step_call_id(event: ev.StepEvent) -> str:
    """Return the id of a call on the wire, where each round of the call has its own id."""
    return event.step_call_id + (f"+{event.round}" if event.round else "")


_DECORATIONS: dict[type[ev.Event], Callable[[Any], dict[str, Any]]] = {
    ev.StepStart: _of_start,
    ev.StepWaiting: lambda e: {"startedAt": milliseconds(e.at), "status": "waiting"},
    ev.StepSuspended: lambda e: {
        "stepCallId": step_call_id(e),
        "suspendedAt": milliseconds(e.at),
        "status": "suspended",
    },
    ev.StepResult: lambda e: {"stepCallId": step_call_id(e), "endedAt": milliseconds(e.at)},
    ev.StepFinish: lambda e: {"stepCallId": step_call_id(e), "metadata": {}},
}
