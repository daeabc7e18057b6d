"""The entries of the events of a step that succeeds at its first attempt.

Shortcut `usual-entry`; the plain twin is what `trioflow._engine.journal.encoding` does with every
event. The plain twin looks at each attribute by its description. Here, what to leave out is known,
so ordinary events are written in one go: those of every step, and of the tools that it calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring_ascii as string_to_json
from math import isfinite
from types import MappingProxyType
from typing import Any

from trioflow import events as ev
from trioflow._engine.base.plan import WorkflowPlan
from trioflow._engine.history.event_values import call_forms
from trioflow._forms.form import MAX_DEPTH, Form, Plain

_to_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def usual_text(event: ev.Event, plan: WorkflowPlan) -> str | None:
    """Return an event as the string of its entry; None if it is another or a special event."""
    write = _WRITERS.get(type(event))
    return None if write is None else write(event, plan)


def _start(event: ev.StepStart, plan: WorkflowPlan) -> str | None:
    if (
        event.kind != "step"
        or event.iteration is not None
        or event.resumed
        or event.resume_data is not None
        or event.plugin is not None
        or event.arms is not None
    ):
        return None
    return _text(event, _field("input", event.input, call_forms(plan, event.address).input))


def _result(event: ev.StepResult, plan: WorkflowPlan) -> str | None:
    if event.status != "success" or event.error is not None or event.state_updates is not None:
        return None
    return _text(event, _field("output", event.output, call_forms(plan, event.address).output))


def _finish(event: ev.StepFinish, plan: WorkflowPlan) -> str | None:
    seconds = event.seconds
    if event.attempts != 1 or type(seconds) is not float or not isfinite(seconds):
        return None
    return _text(event, f',{{"seconds":{seconds!r}}}')


def _field(name: str, value: Any, form: Form) -> str | None:
    """Return the object that holds only this value, after a comma; an empty string for None."""
    try:
        plain = form.dump(value, MAX_DEPTH)
    except Exception:  # for example, another type; the plain way finds and reports it
        return None
    if plain is None:
        return ""
    if type(plain) is str:
        return f',{{"{name}":{string_to_json(plain)}}}'
    if type(plain) is int:
        return f',{{"{name}":{plain}}}'
    text = _json(plain)
    return None if text is None else f',{{"{name}":{text}}}'


def _json(plain: Plain) -> str | None:
    try:
        return _to_json(plain)
    except (TypeError, ValueError, RecursionError):
        return None


# ---------------------------------------------------------------- tools
def _tool_call(event: ev.ToolCall, plan: WorkflowPlan) -> str | None:
    return None if event.plugin is not None else _of_tool(event, "args", event.args, plan)


def _streaming_start(event: ev.ToolCallStreamingStart, plan: WorkflowPlan) -> str | None:
    return _of_tool(event, "args", event.args, plan)


def _tool_result(event: ev.ToolResult, plan: WorkflowPlan) -> str | None:
    return _of_tool(event, "output", event.output, plan)


def _private_update(event: ev.PrivateUpdate, plan: WorkflowPlan) -> str | None:
    if type(event.namespace) is not str:
        return None
    updates = _anything(event.updates, plan)
    if updates is None:
        return None
    return _text(event, f',{{"namespace":{string_to_json(event.namespace)},"updates":{updates}}}')


def _of_tool(event: Any, name: str, value: Any, plan: WorkflowPlan) -> str | None:
    """Return an event of a tool with one value, which is left out if it is None."""
    if type(event.tool_call_id) is not str or type(event.name) is not str:
        return None
    about = f'"tool_call_id":{string_to_json(event.tool_call_id)}'
    about = f'{about},"name":{string_to_json(event.name)}'
    if value is None:
        return _text(event, f",{{{about}}}")
    text = _anything(value, plan)
    return None if text is None else _text(event, f',{{{about},"{name}":{text}}}')


def _anything(value: Any, plan: WorkflowPlan) -> str | None:
    """Return a value without a declared type as JSON; None if it is not a usual one."""
    assert plan.forms is not None  # it was planned for an engine with a store
    try:
        plain = plan.forms.anything.dump(value, MAX_DEPTH)
    except Exception:  # the plain way finds and reports it
        return None
    if plain is None:  # it is left out
        return None
    return string_to_json(plain) if type(plain) is str else _json(plain)


def _text(event: ev.StepEvent, fields: str | None) -> str | None:
    id, address = event.id, event.address
    if fields is None or event.round or type(id) is not str or type(address) is not str:
        return None
    place = f"{event.seq},{string_to_json(id)},{string_to_json(address)}"
    return f'["{event.type}",{place}{fields}]'


_WRITERS: Mapping[type[ev.Event], Callable[[Any, WorkflowPlan], str | None]] = MappingProxyType(
    {
        ev.StepStart: _start,
        ev.StepResult: _result,
        ev.StepFinish: _finish,
        ev.ToolCall: _tool_call,
        ev.ToolCallStreamingStart: _streaming_start,
        ev.ToolResult: _tool_result,
        ev.PrivateUpdate: _private_update,
    }
)
