"""Quick creation of the events of every step.

attrs sets each field of a frozen object through ``object.__setattr__``: 1.2 µs for an event of
twelve fields, and the three events of a step were half of the engine's work for it. A draft
has the slots of an event and no guard around them, so its fields are plain assignments, and
taking on the class of the event freezes it: 0.3 µs. Only the events that a run has very many
of are made like this.

Each function takes the call that the event belongs to and the time, and gives the event the
next number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trioflow import events as ev

if TYPE_CHECKING:
    from trioflow.engine.call import Call

_new = object.__new__


class _StepStart(ev.StepEvent):
    __slots__ = ev.StepStart.__slots__


def step_start(call: Call, at: float, input: Any, arms: tuple[str, ...] | None) -> ev.StepStart:
    """Return the event that begins a call."""
    log, plan = call.scope.core.log, call.plan
    draft: Any = _new(_StepStart)
    draft.run_id = log.run_id
    draft.seq = log.state.next_seq
    draft.at = at
    draft.id = call.id
    draft.address = call.address
    draft.round = call.round
    draft.input = input
    draft.kind = plan.kind
    draft.iteration = call.iteration
    draft.resume_data = call.resume_data
    draft.plugin = plan.plugin
    draft.arms = arms
    draft.__class__ = ev.StepStart
    event: ev.StepStart = draft
    return event


class _StepOutput(ev.StepEvent):
    __slots__ = ev.StepOutput.__slots__


def step_output(call: Call, at: float, chunk: Any) -> ev.StepOutput:
    """Return the event of a chunk that a step has written."""
    log = call.scope.core.log
    draft: Any = _new(_StepOutput)
    draft.run_id = log.run_id
    draft.seq = log.state.next_seq
    draft.at = at
    draft.id = call.id
    draft.address = call.address
    draft.round = call.round
    draft.chunk = chunk
    draft.__class__ = ev.StepOutput
    event: ev.StepOutput = draft
    return event


class _StepProgress(ev.StepEvent):
    __slots__ = ev.StepProgress.__slots__


def step_progress(
    loop: Call,
    at: float,
    index: int,
    done: int,
    total: int,
    status: ev.ItemStatus,
    output: Any,
    error: BaseException | None,
    state_updates: Mapping[str, Any] | None,
    payload: Any,
    label: str | None,
) -> ev.StepProgress:
    """Return the event that ends an item of a foreach."""
    log = loop.scope.core.log
    draft: Any = _new(_StepProgress)
    draft.run_id = log.run_id
    draft.seq = log.state.next_seq
    draft.at = at
    draft.id = loop.id
    draft.address = loop.address
    draft.round = loop.round
    draft.index = index
    draft.done = done
    draft.total = total
    draft.status = status
    draft.output = output
    draft.error = error
    draft.state_updates = state_updates
    draft.payload = payload
    draft.label = label
    draft.__class__ = ev.StepProgress
    event: ev.StepProgress = draft
    return event


class _StepResult(ev.StepEvent):
    __slots__ = ev.StepResult.__slots__


def step_result(
    call: Call,
    at: float,
    status: ev.CallStatus,
    output: Any,
    error: BaseException | None,
    state_updates: Mapping[str, Any] | None,
) -> ev.StepResult:
    """Return the event that says what came of a call."""
    log = call.scope.core.log
    draft: Any = _new(_StepResult)
    draft.run_id = log.run_id
    draft.seq = log.state.next_seq
    draft.at = at
    draft.id = call.id
    draft.address = call.address
    draft.round = call.round
    draft.status = status
    draft.output = output
    draft.error = error
    draft.state_updates = state_updates
    draft.__class__ = ev.StepResult
    event: ev.StepResult = draft
    return event


class _StepFinish(ev.StepEvent):
    __slots__ = ev.StepFinish.__slots__


def step_finish(result: ev.StepResult, attempts: int, seconds: float) -> ev.StepFinish:
    """Return the event that closes a call, next to its result."""
    draft: Any = _new(_StepFinish)
    draft.run_id = result.run_id
    draft.seq = result.seq + 1
    draft.at = result.at
    draft.id = result.id
    draft.address = result.address
    draft.round = result.round
    draft.attempts = attempts
    draft.seconds = seconds
    draft.__class__ = ev.StepFinish
    event: ev.StepFinish = draft
    return event
