"""Restore the types of all values of a journal before anything runs.

A journal holds plain JSON. The interpreter, the record and the user's steps only see values of the
types that the workflow names. A value that does not fit is therefore found here: it makes the run
unreadable, and can neither raise in the middle of a run nor change what is stored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from trioflow import events as ev
from trioflow._engine.base.plan import CallForms, WorkflowPlan
from trioflow._engine.history.event_values import (
    KEYED,
    EventValue,
    ValueOf,
    call_forms,
    is_keyed,
    owner_of,
    values_of,
)
from trioflow._engine.history.usual_values import only_value
from trioflow._forms.errors import load_error
from trioflow._forms.shown import untagged
from trioflow._values.structure import faults_of
from trioflow.errors import JournalFormatError, UnreadableRunError
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
    """The events of a journal with values that do not fit; those values are plain JSON."""

    events: Sequence[ev.Event]
    errors: tuple[UnreadableRunError, ...]
    """The errors of all values that do not fit, in the order of the events."""


def restore(
    plan: WorkflowPlan,
    events: Sequence[ev.Event],
    state: Any = None,
    sources: Sequence[ev.Event] = (),
) -> Restored | Unreadable:
    """Return recorded events with typed values.

    The input of a step (`StepStart.input`) and the values of its tools and chunks stay plain JSON
    if they do not fit: nothing is computed from them.

    Args:
      plan: The workflow.
      events: All events of its run, or those that follow others; their values are as recorded.
      state: The workflow state before them, if they follow others.
      sources: The earlier events that hold values these refer to.

    Raises:
      JournalFormatError: if a value refers to an event that has no such value.
    """
    work = _Restoring(plan, state)
    work.take_sources(sources)
    restored = [work.restore(event) for event in events]
    if not work.keeps_state:  # the state is one value, whichever event changed it
        restored = list(map(_with_plain_state, restored, events))
    if not work.errors:
        return Restored(restored)
    return Unreadable(restored, tuple(work.errors))


class _Restoring:
    """Processes the events of one journal."""

    def __init__(self, plan: WorkflowPlan, state: Any) -> None:
        self.errors: list[UnreadableRunError] = []
        self.keeps_state = True
        self._plan = plan
        self._state = state
        self._call: tuple[str, CallForms] | None = None
        """The address that was seen last, and its forms."""
        self._sources: dict[int, Any] = {}
        """The values that later events may refer to, by the ``seq`` of their events."""

    def take_sources(self, events: Sequence[ev.Event]) -> None:
        """Add the values of these events; whether they fit was checked before."""
        for event in events:
            self._keep(self._with_types(event))
        self.errors.clear()

    def restore(self, event: ev.Event) -> ev.Event:
        """Return an event with typed values, as far as they fit."""
        if isinstance(event, ev.StepFinish):  # a third of all events, and without values
            return event
        usual = self._usual(event)
        if usual is not None:
            return usual
        restored = self._with_types(event)
        self._keep(restored)
        if isinstance(restored, ev.Start):
            return self._begin_state(restored)
        updates = getattr(restored, "state_updates", None)
        if updates:
            self._merge(restored, updates)
        return restored

    def _usual(self, event: ev.Event) -> ev.Event | None:
        """Return an event of a usual step with its one value typed; None for any other event.

        Shortcut `usual-value`; the plain twin is what `restore` does with the other events.
        """
        name = only_value(event)
        if name is None:
            return None
        recorded, forms = getattr(event, name), self._forms_at(event.address)  # type: ignore[attr-defined]
        try:
            typed = (forms.input if name == "input" else forms.output).load(recorded)
        except Exception:  # the plain twin finds the same and reports it
            return None
        if name == "output":
            self._sources[event.seq] = typed
        return event if typed is recorded else attrs.evolve(event, **{name: typed})

    def _forms_at(self, address: str) -> CallForms:
        """Return the forms of a call, whose start and result often follow each other."""
        if self._call is None or self._call[0] != address:
            self._call = address, call_forms(self._plan, address)
        return self._call[1]

    def _with_types(self, event: ev.Event) -> ev.Event:
        found = {}
        for name, value in values_of(event, self._plan).items():
            recorded = getattr(event, name)
            if isinstance(recorded, ValueOf):
                found[name] = self._shared(event, name, recorded)
            elif name in KEYED and is_keyed(recorded):
                parts = recorded.items()
                found[name] = {key: self._shared(event, name, part) for key, part in parts}
            elif recorded is not None or value.is_given:
                typed = self._typed(event, name, value, recorded)
                if typed is not recorded:
                    found[name] = typed
        error = getattr(event, "error", None)
        if error is not None and self._plan.forms is not None:
            found["error"] = load_error(error, self._plan.forms.forms)
        if getattr(event, "asks", None) is not None:
            found["payload"] = _payload(event, found.get("asks", event.asks))  # type: ignore[attr-defined]
        return attrs.evolve(event, **found) if found else event

    def _shared(self, event: ev.Event, name: str, reference: ValueOf) -> Any:
        if reference.seq not in self._sources:
            problem = f"its {name} refers to entry {reference.seq}, which has none"
            raise JournalFormatError(event.run_id, event.seq, problem)
        return self._sources[reference.seq]

    def _keep(self, event: ev.Event) -> None:
        if type(event) in ValueOf.HOLDERS:
            self._sources[event.seq] = ValueOf.find(event)

    def _typed(self, event: ev.Event, name: str, value: EventValue, recorded: Any) -> Any:
        """Return a value as its type; as it is displayed if it does not fit."""
        try:
            return value.form.load(recorded)
        except Exception as exc:  # constructing classes calls user code
            if value.is_needed:
                self.keeps_state &= not name.startswith("state")
                where = f"{value.what} of {owner_of(event, self._plan)}"
                self._report(event, where, value.form.name, recorded, exc)
            return untagged(recorded)

    def _report(
        self, event: ev.Event, where: str, wanted: str, recorded: Any, cause: Exception
    ) -> None:
        shown = untagged(recorded)
        self.errors.append(unreadable(self._plan, event, where, wanted, shown, cause))

    # ------------------------------------------------------------ the state
    def _begin_state(self, event: ev.Start) -> ev.Event:
        self._state = event.state
        if event.state is not None or not self.keeps_state:
            return event
        try:  # it has only defaults
            self._state = self._plan.initial_state(None)
        except Exception as exc:
            self._lose_state(event, "initial state", event.state, exc)
        return attrs.evolve(event, state=self._state)

    def _merge(self, event: Any, updates: Mapping[str, Any]) -> None:
        if not self.keeps_state:
            return
        try:
            self._state = merge_state(self._state, updates)
        except Exception as exc:
            self._lose_state(event, f"state update of step {event.id!r}", updates, exc)

    def _lose_state(self, event: ev.Event, where: str, value: Any, cause: Exception) -> None:
        self.keeps_state = False
        self._report(event, where, "the type of the workflow's state", value, cause)


def unreadable(
    plan: WorkflowPlan, event: ev.Event, where: str, wanted: str, value: Any, cause: Exception
) -> UnreadableRunError:
    """Return the error for a value of an event that does not fit."""
    return UnreadableRunError(
        run_id=event.run_id,
        workflow=plan.id,
        seq=event.seq,
        where=where,
        wanted=wanted,
        stored=_shown(value),
        faults=tuple(faults_of(cause)),
    )


def _payload(event: ev.Event, asks: Any) -> Any:
    try:
        return ev.payload_of(asks)
    except (TypeError, KeyError, AttributeError) as exc:
        raise JournalFormatError(event.run_id, event.seq, "its questions are not valid") from exc


def _with_plain_state(restored: ev.Event, stored: ev.Event) -> ev.Event:
    changes: dict[str, Any] = {
        key: untagged(getattr(stored, key))
        for key in ("state", "state_updates")
        if hasattr(stored, key)
    }
    return attrs.evolve(restored, **changes) if changes else restored


def _shown(value: Any) -> str:
    text = json.dumps(lenient_json(value), ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
