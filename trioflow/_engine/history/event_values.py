"""Which values of users an event holds, and how each is recorded. For writing and reading alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs

from trioflow import events as ev
from trioflow._engine.base.find_call import find_call
from trioflow._engine.base.plan import CallForms, RunForms, WorkflowPlan
from trioflow._forms.form import Form
from trioflow.addresses import Address


@attrs.frozen
class EventValue:
    """A value of a user in an event."""

    name: str
    """Which attribute of the event it is."""
    form: Form
    what: str
    """Which value it is, for errors: ``"output"``."""
    owner: str
    """Whose value it is: ``"step 'plan_day'"``."""
    is_needed: bool = True
    """Whether a run cannot continue without it; others are only looked at."""
    is_given: bool = False
    """Whether None is a value like any other here, and does not say that there is none."""


@attrs.frozen
class ValueOf:
    """Stands for a value that an earlier event of the same run holds: it is written once."""

    seq: int
    """The event."""

    @staticmethod
    def find(event: ev.Event) -> Any:
        """Return the value of an event that others may refer to.

        Raises:
          LookupError: if events of this type have none.
        """
        match event:
            case ev.Start(input=value) | ev.StepResult(output=value):
                return value
        raise LookupError(event.type)


REFERRING = ("input", "output", "result")
"""Attributes in the place of which a `ValueOf` may stand."""


def values_of(event: ev.Event, plan: WorkflowPlan) -> Iterator[EventValue]:
    """Yield the values of users in an event of a run of a workflow that is kept in a store.

    The form of a value depends on the type of the event, its address, its status, and the
    workflow, so that it is the same when the event is written and when it is read.
    """
    assert plan.forms is not None  # it was planned for an engine with a store
    describe = _VALUES.get(type(event))
    if describe is not None:
        yield from describe(event, plan, plan.forms)


def _call(plan: WorkflowPlan, address: str, forms: RunForms) -> CallForms:
    try:
        found = find_call(plan, address).forms
    except LookupError:  # the workflow has no such call any more
        found = None
    anything = forms.anything
    return found or CallForms(anything, anything, anything, anything)


def _start(event: ev.Start, plan: WorkflowPlan, forms: RunForms) -> Iterator[EventValue]:
    owner = f"workflow {plan.id!r}"
    yield EventValue("input", forms.input, "input", owner)
    yield EventValue("state", forms.state, "initial state", owner)
    yield EventValue("runtime_context", forms.anything, "runtime context", owner)
    yield EventValue("metadata", forms.anything, "metadata", owner, is_needed=False)


def _step_start(event: ev.StepStart, plan: WorkflowPlan, forms: RunForms) -> Iterator[EventValue]:
    call = _call(plan, event.address, forms)
    yield EventValue("input", call.input, "input", _step(event), is_needed=False)
    yield EventValue("resume_data", call.resume, "resume data", _step(event))


def _waiting(event: ev.StepWaiting, plan: WorkflowPlan, forms: RunForms) -> Iterator[EventValue]:
    call = _call(plan, event.address, forms)
    yield EventValue("input", call.input, "input", _step(event), is_needed=False)


def _progress(event: ev.StepProgress, plan: WorkflowPlan, forms: RunForms) -> Iterator[EventValue]:
    address = str(Address.parse(event.address).with_item(0))  # all have the plan of the first
    call = _call(plan, address, forms)
    yield _output(event, call, forms)
    yield EventValue("payload", call.suspend, "suspend payload", _step(event))
    yield _updates(event, forms)


def _suspended(
    event: ev.StepSuspended, plan: WorkflowPlan, forms: RunForms
) -> Iterator[EventValue]:
    call = _call(plan, event.address, forms)
    yield EventValue("payload", call.suspend, "suspend payload", _step(event))
    yield _updates(event, forms)


def _result(event: ev.StepResult, plan: WorkflowPlan, forms: RunForms) -> Iterator[EventValue]:
    yield _output(event, _call(plan, event.address, forms), forms)
    yield _updates(event, forms)


def _output(event: Any, call: CallForms, forms: RunForms) -> EventValue:
    if event.status == "success":
        return EventValue("output", call.output, "output", _step(event), is_given=True)
    return EventValue("output", forms.anything, "output", _step(event))  # a bail gives anything


def _updates(event: Any, forms: RunForms) -> EventValue:
    return EventValue("state_updates", forms.updates, "state update", _step(event))


def _resume(event: ev.Resume, plan: WorkflowPlan, forms: RunForms) -> Iterator[EventValue]:
    form, owner = forms.anything, f"run {event.run_id}"
    if event.targets:
        form = _call(plan, event.targets[0], forms).resume
        owner = _step_at(plan, event.targets[0])
    yield EventValue("data", form, "resume data", owner)
    yield EventValue("runtime_context", forms.anything, "runtime context", owner)


def _finish(event: ev.Finish, plan: WorkflowPlan, forms: RunForms) -> Iterator[EventValue]:
    is_given = event.status == "success"
    yield EventValue("result", forms.output, "output", f"workflow {plan.id!r}", is_given=is_given)


def _any(*names: str, is_needed: bool = False) -> _Describe:
    def describe(event: ev.Event, plan: WorkflowPlan, forms: RunForms) -> Iterator[EventValue]:
        owner = _step(event) if isinstance(event, ev.StepEvent) else f"run {event.run_id}"
        for name in names:
            what = f"{name} of {event.type}"
            yield EventValue(name, forms.anything, what, owner, is_needed)

    return describe


def _step(event: ev.StepEvent) -> str:
    return f"step {event.id!r}"


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


_Describe: TypeAlias = Callable[[Any, WorkflowPlan, RunForms], Iterator[EventValue]]
_VALUES: Mapping[type[ev.Event], _Describe] = {
    ev.Start: _start,
    ev.StepStart: _step_start,
    ev.StepWaiting: _waiting,
    ev.StepOutput: _any("chunk"),
    ev.StepProgress: _progress,
    ev.StepSuspended: _suspended,
    ev.StepResult: _result,
    ev.ToolCall: _any("args"),
    ev.ToolCallStreamingStart: _any("args"),
    ev.ToolCallDelta: _any("args", "delta"),
    ev.ToolResult: _any("output"),
    ev.ContextUpdate: _any("updates", is_needed=True),
    ev.EventReceived: _any("data", is_needed=True),
    ev.Resume: _resume,
    ev.Finish: _finish,
}
