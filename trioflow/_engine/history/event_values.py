"""The values of users in events, and how each is recorded. For both writing and reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, TypeAlias, TypeGuard

import attrs

from trioflow import events as ev
from trioflow._engine.base.find_call import find_call
from trioflow._engine.base.plan import CallForms, RunForms, WorkflowPlan
from trioflow._forms.form import Form
from trioflow.addresses import Address


class EventValue(NamedTuple):
    """A value of a user in an event."""

    # A tuple, because several are created for every event that is written.
    form: Form
    what: str
    """The name of the value, for errors: ``"output"``."""
    is_needed: bool = True
    """Whether a run cannot continue without the value; others are only displayed."""
    is_given: bool = False
    """Whether None is an ordinary value here, and does not mean that there is none."""


Values: TypeAlias = Mapping[str, EventValue]
"""By attribute name of the event."""


@attrs.frozen
class ValueOf:
    """Stands for a value in an earlier event of the same run, so that it is written once."""

    HOLDERS: ClassVar[Mapping[type[ev.Event], str]] = MappingProxyType(
        {ev.Start: "input", ev.StepResult: "output", ev.ToolResult: "output"}
    )
    """Types of events that others may refer to, and the attribute of each that is shared."""
    seq: int
    """The ``seq`` of the event."""

    @staticmethod
    def find(event: ev.Event) -> Any:
        """Return the value of an event that other events may refer to.

        Raises:
          LookupError: if events of this type have no such value.
        """
        if type(event) not in ValueOf.HOLDERS:
            raise LookupError(event.type)
        return getattr(event, ValueOf.HOLDERS[type(event)])


KNOWN_CALLS = 256
"""How many addresses are remembered with their forms: several events of a call follow each other,
and the runs of a workflow have most addresses in common."""
REFERRING = ("input", "output", "result", "updates")
"""Attributes that may hold a `ValueOf`."""
KEYED = frozenset({"updates"})
"""Those of them that hold one for each key."""


def is_keyed(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Return whether a value is a mapping to `ValueOf`."""
    return isinstance(value, Mapping) and any(type(part) is ValueOf for part in value.values())


def values_of(event: ev.Event, plan: WorkflowPlan) -> Values:
    """Return the values of users in an event, for a workflow whose runs are stored.

    The form of a value depends on the type of the event, its address, its status, and the workflow,
    so it is the same when the event is written and when it is read.
    """
    assert plan.forms is not None  # it was planned for an engine with a store
    describe = _VALUES.get(type(event))
    return _NO_VALUES if describe is None else describe(event, plan, plan.forms)


def owner_of(event: ev.Event, plan: WorkflowPlan) -> str:
    """Return the owner of the values of an event, for errors: ``"step 'plan_day'"``."""
    match event:
        case ev.Start() | ev.Finish():
            return f"workflow {plan.id!r}"
        case ev.StepEvent(id=id):
            return f"step {id!r}"
        case ev.Resume(targets=targets) if targets:
            return _step_at(plan, targets[0])
    return f"run {event.run_id}"


def call_forms(plan: WorkflowPlan, address: str) -> CallForms:
    """Return how the values of a call are recorded in a stored run."""
    assert plan.forms is not None  # it was planned for an engine with a store
    known = plan.forms.calls
    forms = known.get(address)
    if forms is None:
        try:
            forms = find_call(plan, address).forms
        except LookupError:  # the workflow no longer has such a call
            forms = None
        forms = plan.forms.unknown if forms is None else forms
        if len(known) >= KNOWN_CALLS:  # a loop has any number of addresses
            known.clear()
        known[address] = forms
    return forms


def _start(event: ev.Start, plan: WorkflowPlan, forms: RunForms) -> Values:
    return {
        "input": EventValue(forms.input, "input"),
        "state": EventValue(forms.state, "initial state"),
        "runtime_context": EventValue(forms.anything, "runtime context"),
        "metadata": EventValue(forms.anything, "metadata", is_needed=False),
    }


def _step_start(event: ev.StepStart, plan: WorkflowPlan, forms: RunForms) -> Values:
    call = call_forms(plan, event.address)
    key = (call.input, call.resume, event.resumed)
    known: Values | None = forms.described.get(key)
    if known is None:
        known = forms.described[key] = {
            "input": EventValue(call.input, "input", is_needed=False),
            "resume_data": EventValue(call.resume, "resume data", is_given=event.resumed),
        }
    return known


def _waiting(event: ev.StepWaiting, plan: WorkflowPlan, forms: RunForms) -> Values:
    call = call_forms(plan, event.address)
    return {"input": EventValue(call.input, "input", is_needed=False)}


def _progress(event: ev.StepProgress, plan: WorkflowPlan, forms: RunForms) -> Values:
    address = str(Address.parse(event.address).with_item(0))  # all have the plan of the first
    call = call_forms(plan, address)
    return {
        "output": _output(event, call, forms),
        **_payload(event, call, forms),
        "state_updates": _updates(forms),
    }


def _suspended(event: ev.StepSuspended, plan: WorkflowPlan, forms: RunForms) -> Values:
    call = call_forms(plan, event.address)
    return {**_payload(event, call, forms), "state_updates": _updates(forms)}


def _payload(event: ev.StepProgress | ev.StepSuspended, call: CallForms, forms: RunForms) -> Values:
    """Describe the suspend payload of a call. Payloads of questions are written with them."""
    if event.asks is not None:
        return {"asks": EventValue(forms.anything, "question")}
    return {"payload": EventValue(call.suspend, "suspend payload")}


def _result(event: ev.StepResult, plan: WorkflowPlan, forms: RunForms) -> Values:
    call = call_forms(plan, event.address)
    key = (call.output, event.status)
    known: Values | None = forms.described.get(key)
    if known is None:
        known = forms.described[key] = {
            "output": _output(event, call, forms),
            "state_updates": _updates(forms),
        }
    return known


def _output(event: Any, call: CallForms, forms: RunForms) -> EventValue:
    if event.status == "success":
        return EventValue(call.output, "output", is_given=True)
    return EventValue(forms.anything, "output")  # a bail may give any value


def _updates(forms: RunForms) -> EventValue:
    return EventValue(forms.updates, "state update")


def _resume(event: ev.Resume, plan: WorkflowPlan, forms: RunForms) -> Values:
    form = call_forms(plan, event.targets[0]).resume if event.targets else forms.anything
    return {
        "data": EventValue(form, "resume data", is_given=event.answered and bool(event.targets)),
        "runtime_context": EventValue(forms.anything, "runtime context"),
    }


def _finish(event: ev.Finish, plan: WorkflowPlan, forms: RunForms) -> Values:
    return {
        "result": EventValue(forms.output, "output", is_given=event.status == "success"),
        "usage": EventValue(forms.anything, "usage"),
    }


def _any(*names: str, is_needed: bool = False) -> _Describe:
    def describe(event: ev.Event, plan: WorkflowPlan, forms: RunForms) -> Values:
        return {
            name: EventValue(forms.anything, f"{name} of {event.type}", is_needed) for name in names
        }

    return describe


def _step_at(plan: WorkflowPlan, address: str) -> str:
    ids: list[str] = []
    place: Address | None = Address.parse(address)
    while place is not None:
        try:
            ids.insert(0, find_call(plan, str(place)).id)
        except LookupError:
            return f"the step at {address}"
        place = place.scope
    return f"step {'.'.join(ids)!r}"


_NO_VALUES: Values = {}
_Describe: TypeAlias = Callable[[Any, WorkflowPlan, RunForms], Values]
_VALUES: Mapping[type[ev.Event], _Describe] = {
    ev.Start: _start,
    ev.StepStart: _step_start,
    ev.StepWaiting: _waiting,
    ev.StepOutput: _any("chunk"),
    ev.StepProgress: _progress,
    ev.StepSuspended: _suspended,
    ev.StepAnswered: _any("data", is_needed=True),
    ev.StepResult: _result,
    ev.ToolCall: _any("args"),
    ev.ToolCallStreamingStart: _any("args"),
    ev.ToolCallDelta: _any("args", "delta"),
    ev.ToolResult: _any("output"),
    ev.ContextUpdate: _any("updates", is_needed=True),
    ev.PrivateUpdate: _any("updates", is_needed=True),
    ev.EventReceived: _any("data", is_needed=True),
    ev.Resume: _resume,
    ev.Recover: _any("inputs", "answers", is_needed=True),
    ev.Finish: _finish,
}
