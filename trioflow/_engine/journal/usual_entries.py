"""The entries of the three events of a step that succeeds at its first attempt.

Shortcut `usual-entry`; the plain twin is what `trioflow._engine.journal.encoding` does with every
event. The plain twin looks at each attribute by its description. Here, what to leave out is known,
so ordinary events with simple values are written in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from json.encoder import encode_basestring_ascii as string_to_json
from math import isfinite
from types import MappingProxyType, NoneType
from typing import Any

from trioflow import events as ev
from trioflow._engine.base.plan import WorkflowPlan
from trioflow._engine.history.event_values import call_forms
from trioflow._forms.form import MAX_DEPTH, Form

SIMPLE = frozenset({int, str, bool, NoneType})
"""Types whose values are written in JSON's own form."""


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
    if type(value) not in SIMPLE:
        return None
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
    return None


def _text(event: ev.StepEvent, fields: str | None) -> str | None:
    id, address = event.id, event.address
    if fields is None or event.round or type(id) is not str or type(address) is not str:
        return None
    place = f"{event.seq},{string_to_json(id)},{string_to_json(address)}"
    return f'["{event.type}",{place}{fields}]'


_WRITERS: Mapping[type[ev.Event], Callable[[Any, WorkflowPlan], str | None]] = MappingProxyType(
    {ev.StepStart: _start, ev.StepResult: _result, ev.StepFinish: _finish}
)
