"""The entries of the three events of a step that ends well at the first attempt.

Shortcut `usual-entry`; the plain twin is what `trioflow._engine.journal.encoding` does with every
event. It looks at each attribute by its description. Here what has to be left out is known, so for
events that are nothing special, with simple values, the text is there in one go.
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
"""Types whose values are written in no other way than JSON's own."""


def usual_text(event: ev.Event, plan: WorkflowPlan) -> str | None:
    """Return an event as the text of its entry; None if it is none of these, or special."""
    write = _WRITERS.get(type(event))
    return None if write is None else write(event, plan)


def _start(event: ev.StepStart, plan: WorkflowPlan) -> str | None:
    if (
        event.kind != "step"
        or event.iteration is not None
        or event.resumed
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
    """Return the object in which only this value stands, behind a comma; nothing for None."""
    if type(value) not in SIMPLE:
        return None
    try:
        plain = form.dump(value, MAX_DEPTH)
    except Exception:  # it is of another type, say; the plain way finds the same, and reports it
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
