"""The state of a run: the fold of its events, and nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import attrs

from trioflow import events as ev

RecordStatus = Literal["running", "waiting", "suspended", "success", "failed", "canceled", "bailed"]


@attrs.define
class StepRecord:
    """What is known of one step call. Read only for everyone but the fold."""

    id: str
    address: str
    """Place of the call in the run, see `trioflow.events`."""
    kind: ev.StepKind
    status: RecordStatus
    input: Any
    """What the step was given, before it was structured."""
    started_at: float
    """Seconds since the epoch."""
    output: Any = None
    error: BaseException | None = None
    ended_at: float | None = None
    """Seconds since the epoch; None while it runs."""
    attempts: int = 0
    seconds: float | None = None
    """How long the call took, retries included."""
    iteration: int | None = None
    """In a loop: which iteration, counted from 1."""
    resume_data: Any = None
    resumed_at: float | None = None
    suspend_payload: Any = None
    suspended_at: float | None = None
    done: int | None = None
    """In a foreach: how many items have ended."""
    total: int | None = None
    """In a foreach: how many items there are."""


@attrs.define
class RunState:
    """Everything its events say about a run so far."""

    run_id: str = ""
    workflow_id: str = ""
    status: ev.RunStatus = "pending"
    input: Any = None
    state: Any = None
    """The state that the steps share."""
    result: Any = None
    error: BaseException | None = None
    reason: str | None = None
    """Why the run was canceled."""
    trace_id: str = ""
    resource_id: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    next_seq: int = 0
    steps: dict[str, StepRecord] = attrs.field(factory=dict)
    """The last call of each step, by id."""
    calls: dict[str, StepRecord] = attrs.field(factory=dict)
    """Every call, by address."""

    def apply(self, event: ev.Event) -> None:
        """Take one more event into account. Events must come in the order of ``seq``."""
        self.next_seq = event.seq + 1
        reducer = _REDUCERS.get(type(event))
        if reducer is not None:
            reducer(self, event)


def fold(events: Iterable[ev.Event]) -> RunState:
    """Return the state of a run from its events, from the first one on."""
    state = RunState()
    for event in events:
        state.apply(event)
    return state


def merge_state(state: Any, updates: Mapping[str, Any]) -> Any:
    """Return *state* with some keys replaced. Works on attrs classes, dataclasses and dicts."""
    if attrs.has(type(state)):
        aliases = {field.name: field.alias for field in attrs.fields(type(state))}
        return attrs.evolve(state, **{aliases.get(key, key): updates[key] for key in updates})
    if dataclasses.is_dataclass(state) and not isinstance(state, type):
        return dataclasses.replace(state, **updates)
    return {**(state or {}), **updates}


# ---------------------------------------------------------------- reducers
def _start(state: RunState, event: ev.Start) -> None:
    state.run_id = event.run_id
    state.workflow_id = event.workflow_id
    state.status = "running"
    state.input = event.input
    state.state = event.state
    state.trace_id = event.trace_id
    state.resource_id = event.resource_id
    state.started_at = event.at


def _step_start(state: RunState, event: ev.StepStart) -> None:
    record = state.calls.get(event.address)
    if record is None:
        record = StepRecord(event.id, event.address, event.kind, "running", event.input, event.at)
        record.iteration = event.iteration
        state.calls[event.address] = state.steps[event.id] = record
    else:  # the event came that this call was waiting for
        record.kind = event.kind
        record.status = "running"
        record.resume_data = event.resume_data
        record.resumed_at = event.at


def _step_waiting(state: RunState, event: ev.StepWaiting) -> None:
    inside = event.address in state.calls or event.address.endswith("]")
    if not inside:  # else a step, or an item of a foreach, waits in the middle of its body
        kind: ev.StepKind = "sleep" if event.event is None else "wait"
        record = StepRecord(event.id, event.address, kind, "waiting", event.input, event.at)
        state.calls[event.address] = state.steps[event.id] = record


def _step_progress(state: RunState, event: ev.StepProgress) -> None:
    record = state.calls[event.address]
    record.done, record.total = event.done, event.total
    if event.state_updates:
        state.state = merge_state(state.state, event.state_updates)


def _step_suspended(state: RunState, event: ev.StepSuspended) -> None:
    record = state.calls[event.address]
    record.status = "suspended"
    record.suspend_payload = event.payload
    record.suspended_at = event.at


def _step_result(state: RunState, event: ev.StepResult) -> None:
    record = state.calls[event.address]
    record.status = event.status
    record.output = event.output
    record.error = event.error
    record.ended_at = event.at
    if event.state_updates:
        state.state = merge_state(state.state, event.state_updates)


def _step_finish(state: RunState, event: ev.StepFinish) -> None:
    record = state.calls[event.address]
    record.attempts = event.attempts
    record.seconds = event.seconds


def _canceled(state: RunState, event: ev.Canceled) -> None:
    state.reason = event.reason


def _finish(state: RunState, event: ev.Finish) -> None:
    state.status = event.status
    state.result = event.result
    state.error = event.error
    state.ended_at = event.at


_REDUCERS: dict[type[ev.Event], Callable[[RunState, Any], None]] = {
    ev.Start: _start,
    ev.StepStart: _step_start,
    ev.StepWaiting: _step_waiting,
    ev.StepProgress: _step_progress,
    ev.StepSuspended: _step_suspended,
    ev.StepResult: _step_result,
    ev.StepFinish: _step_finish,
    ev.Canceled: _canceled,
    ev.Finish: _finish,
}
