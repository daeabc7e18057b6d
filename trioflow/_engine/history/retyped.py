"""The past of a fork: values of this process, some of which a caller has given."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from trioflow import events as ev
from trioflow._engine.base.find_call import find_call
from trioflow._engine.base.plan import WorkflowPlan
from trioflow._engine.history.restore import unreadable
from trioflow._values.structure import Structure, wanted_by
from trioflow.addresses import Address


def retyped(plan: WorkflowPlan, past: Sequence[ev.Event]) -> list[ev.Event]:
    """Return events with inputs and outputs of the types that the workflow names.

    Raises:
      UnreadableRunError: if one has another type.
    """
    return [_event(plan, event) for event in past]


def _event(plan: WorkflowPlan, event: ev.Event) -> ev.Event:
    match event:
        case ev.Start():
            return _with(plan, event, "input", plan.structure_input)
        case ev.StepResult(status="success", address=address):
            return _with(plan, event, "output", _structure(plan, Address.parse(address)))
        case ev.StepProgress(status="success", address=address, index=index):
            item = Address.parse(address).with_item(index)
            return _with(plan, event, "output", _structure(plan, item))
    return event


def _structure(plan: WorkflowPlan, address: Address) -> Structure | None:
    try:
        return find_call(plan, str(address)).structure_output
    except LookupError:  # the workflow no longer has such a call
        return None


def _with(plan: WorkflowPlan, event: ev.Event, name: str, structure: Structure | None) -> ev.Event:
    value = getattr(event, name)
    if structure is None:
        return event
    try:
        structured = structure(value)
    except Exception as exc:
        where = f"{name} of step {event.id!r}" if isinstance(event, ev.StepEvent) else name
        raise unreadable(plan, event, where, wanted_by(structure), value, exc) from exc
    return event if structured is value else attrs.evolve(event, **{name: structured})
