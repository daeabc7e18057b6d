"""Giving the values of a journal their types back, all of them, before anything runs.

A journal holds plain JSON. The interpreter, the record and the user's steps only ever see values
of the types that the workflow names, so a value that does not fit is found here: it makes the run
unreadable, and can neither raise in the middle of a run nor change what is stored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from trioflow import events as ev
from trioflow._engine.base.find_call import find_call
from trioflow._engine.base.plan import CallPlan, WorkflowPlan
from trioflow._values.structure import Structure, faults_of, wanted_by
from trioflow.addresses import Address
from trioflow.errors import InvalidValueError, UnreadableRunError
from trioflow.record import merge_state
from trioflow.wire._values import lenient_json

SHOWN = 200
"""How many characters of a stored value an error shows."""


@attrs.frozen
class Restored:
    """The events of a journal, with values of the types that the workflow names."""

    events: Sequence[ev.Event]


@attrs.frozen
class Unreadable:
    """The events of a journal of which a value does not fit; that one is plain JSON."""

    events: Sequence[ev.Event]
    error: UnreadableRunError
    """What is wrong with the first value that does not fit."""


def restore(
    plan: WorkflowPlan, events: Sequence[ev.Event], state: Any = None
) -> Restored | Unreadable:
    """Return events of a journal with typed values.

    What a step was given (`StepStart.input`) and what its tools and chunks hold stays plain JSON:
    nothing is computed from it.

    Args:
      plan: The workflow.
      events: All of its events, or those that follow others.
      state: The state before them, if they follow others.
    """
    work = _Restoring(plan, state)
    restored = [work.restore(event) for event in events]
    if not work.keeps_state:  # the state is one value, whichever event has changed it
        restored = list(map(_with_plain_state, restored, events))
    if work.error is None:
        return Restored(restored)
    return Unreadable(restored, work.error)


class _Misfit(Exception):  # noqa: N818 - never leaves this module
    """A value does not fit."""


class _Restoring:
    """Goes through the events of one journal."""

    def __init__(self, plan: WorkflowPlan, state: Any) -> None:
        self.error: UnreadableRunError | None = None
        self.keeps_state = True
        self._plan = plan
        self._state = state
        self._calls: dict[str, CallPlan | None] = {}
        self._bailed = False

    def restore(self, event: ev.Event) -> ev.Event:
        """Return an event with typed values, as far as they fit."""
        changes = _CHANGES.get(type(event))
        if changes is None:
            return event
        found = {
            key: value for key, value in changes(self, event) if value is not getattr(event, key)
        }
        return attrs.evolve(event, **found) if found else event

    def call(self, address: str) -> CallPlan | None:
        """Return the plan of a call; None if the workflow has no such call any more."""
        if address not in self._calls:
            try:
                self._calls[address] = find_call(self._plan, address)
            except LookupError:
                self._calls[address] = None
        return self._calls[address]

    def typed(self, event: ev.Event, where: str, structure: Structure | None, value: Any) -> Any:
        """Return a value as its type wants it; as it is, if it does not fit."""
        if structure is None:
            return value
        try:
            return structure(value)
        except Exception as exc:
            self._report(event, where, wanted_by(structure), value, exc)
            return value

    def _report(
        self, event: ev.Event, where: str, wanted: str, value: Any, cause: Exception
    ) -> None:
        if self.error is None:
            faults = cause.faults if isinstance(cause, InvalidValueError) else faults_of(cause)
            self.error = UnreadableRunError(
                run_id=event.run_id,
                workflow=self._plan.id,
                seq=event.seq,
                where=where,
                wanted=wanted,
                stored=_shown(value),
                faults=tuple(faults),
            )

    # ------------------------------------------------------------ the state
    def begin_state(self, event: ev.Start) -> Any:
        """Return the initial state as its type wants it."""
        try:
            self._state = self._plan.initial_state(event.state)
        except Exception as exc:
            self.keeps_state = False
            self._report(event, "state", "the type of the workflow's state", event.state, exc)
            self._state = event.state
        return self._state

    def updates(self, event: Any) -> Mapping[str, Any] | None:
        """Return what an event has changed in the state, as the types of its keys want it."""
        updates: Mapping[str, Any] | None = event.state_updates
        if not updates or not self.keeps_state:
            return updates
        fields = self._plan.state_fields
        try:
            updates = updates if fields is None else fields(updates)
            self._state = merge_state(self._state, updates)
        except Exception as exc:
            self.keeps_state = False
            where = f"state update of step {event.id!r}"
            self._report(event, where, "the type of the workflow's state", updates, exc)
        return updates

    # ------------------------------------------------------------ by type of event
    def start(self, event: ev.Start) -> Iterable[tuple[str, Any]]:
        yield "input", self.typed(event, "input", self._plan.structure_input, event.input)
        yield "state", self.begin_state(event)

    def step_start(self, event: ev.StepStart) -> Iterable[tuple[str, Any]]:
        if event.resume_data is not None:
            yield "resume_data", self._answer(event, event.address, event.resume_data)

    def resume(self, event: ev.Resume) -> Iterable[tuple[str, Any]]:
        if event.data is not None and event.targets:
            yield "data", self._answer(event, event.targets[0], event.data)

    def _answer(self, event: ev.Event, address: str, data: Any) -> Any:
        call = self.call(address)
        if call is None:
            return data
        return self.typed(event, f"answer to step {call.id!r}", call.structure_resume, data)

    def suspended(self, event: ev.StepSuspended) -> Iterable[tuple[str, Any]]:
        yield from self._payload(event, event.address)
        yield "state_updates", self.updates(event)

    def _payload(self, event: Any, address: str) -> Iterable[tuple[str, Any]]:
        call = self.call(address)
        if call is not None and event.payload is not None:
            where, structure = f"suspend payload of step {event.id!r}", call.structure_suspend
            yield "payload", self.typed(event, where, structure, event.payload)

    def result(self, event: ev.StepResult) -> Iterable[tuple[str, Any]]:
        yield from self._output(event, event.address)
        yield "state_updates", self.updates(event)

    def progress(self, event: ev.StepProgress) -> Iterable[tuple[str, Any]]:
        address = str(Address.parse(event.address).with_item(0))  # all have the plan of the first
        yield from self._output(event, address)
        yield from self._payload(event, address)
        yield "state_updates", self.updates(event)

    def _output(self, event: Any, address: str) -> Iterable[tuple[str, Any]]:
        if event.status == "bailed" and Address.parse(address).scope is None:
            self._bailed = True
        call = self.call(address)
        if call is not None and event.status == "success":  # a bail may give anything
            where = f"output of step {event.id!r}"
            yield "output", self.typed(event, where, call.restore, event.output)

    def finish(self, event: ev.Finish) -> Iterable[tuple[str, Any]]:
        if event.status == "success" and not self._bailed:
            yield "result", self.typed(event, "output", self._plan.structure_output, event.result)


_Changes: TypeAlias = Callable[[_Restoring, Any], Iterable[tuple[str, Any]]]

_CHANGES: Mapping[type[ev.Event], _Changes] = {
    ev.Start: _Restoring.start,
    ev.StepStart: _Restoring.step_start,
    ev.Resume: _Restoring.resume,
    ev.StepSuspended: _Restoring.suspended,
    ev.StepResult: _Restoring.result,
    ev.StepProgress: _Restoring.progress,
    ev.Finish: _Restoring.finish,
}


def _with_plain_state(restored: ev.Event, stored: ev.Event) -> ev.Event:
    changes: dict[str, Any] = {
        key: getattr(stored, key) for key in ("state", "state_updates") if hasattr(stored, key)
    }
    return attrs.evolve(restored, **changes) if changes else restored


def _shown(value: Any) -> str:
    text = json.dumps(lenient_json(value), ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
