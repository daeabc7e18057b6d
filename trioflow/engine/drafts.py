"""Quick creation of the events of every step.

attrs sets each field of a frozen object through ``object.__setattr__``: 1.2 µs for an event of
twelve fields, and the three events of a step were half of the engine's work for it. A draft
has the slots of an event and no guard around them, so its fields are plain assignments, and
taking on the class of the event freezes it: 0.3 µs. Only the events that a run has very many
of are made like this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trioflow import events as ev

_new = object.__new__


class _StepStart(ev.StepEvent):
    __slots__ = ev.StepStart.__slots__


def step_start(
    run_id: str,
    seq: int,
    at: float,
    id: str,
    address: str,
    round: int,
    input: Any,
    kind: ev.StepKind,
    iteration: int | None,
    resume_data: Any,
    plugin: str | None,
    arms: tuple[str, ...] | None,
) -> ev.StepStart:
    """Return a `StepStart`, from all of its fields."""
    draft: Any = _new(_StepStart)
    draft.run_id = run_id
    draft.seq = seq
    draft.at = at
    draft.id = id
    draft.address = address
    draft.round = round
    draft.input = input
    draft.kind = kind
    draft.iteration = iteration
    draft.resume_data = resume_data
    draft.plugin = plugin
    draft.arms = arms
    draft.__class__ = ev.StepStart
    event: ev.StepStart = draft
    return event


class _StepOutput(ev.StepEvent):
    __slots__ = ev.StepOutput.__slots__


def step_output(
    run_id: str,
    seq: int,
    at: float,
    id: str,
    address: str,
    round: int,
    chunk: Any,
) -> ev.StepOutput:
    """Return a `StepOutput`, from all of its fields."""
    draft: Any = _new(_StepOutput)
    draft.run_id = run_id
    draft.seq = seq
    draft.at = at
    draft.id = id
    draft.address = address
    draft.round = round
    draft.chunk = chunk
    draft.__class__ = ev.StepOutput
    event: ev.StepOutput = draft
    return event


class _StepProgress(ev.StepEvent):
    __slots__ = ev.StepProgress.__slots__


def step_progress(
    run_id: str,
    seq: int,
    at: float,
    id: str,
    address: str,
    round: int,
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
    """Return a `StepProgress`, from all of its fields."""
    draft: Any = _new(_StepProgress)
    draft.run_id = run_id
    draft.seq = seq
    draft.at = at
    draft.id = id
    draft.address = address
    draft.round = round
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
    run_id: str,
    seq: int,
    at: float,
    id: str,
    address: str,
    round: int,
    status: ev.CallStatus,
    output: Any,
    error: BaseException | None,
    state_updates: Mapping[str, Any] | None,
) -> ev.StepResult:
    """Return a `StepResult`, from all of its fields."""
    draft: Any = _new(_StepResult)
    draft.run_id = run_id
    draft.seq = seq
    draft.at = at
    draft.id = id
    draft.address = address
    draft.round = round
    draft.status = status
    draft.output = output
    draft.error = error
    draft.state_updates = state_updates
    draft.__class__ = ev.StepResult
    event: ev.StepResult = draft
    return event


class _StepFinish(ev.StepEvent):
    __slots__ = ev.StepFinish.__slots__


def step_finish(
    run_id: str,
    seq: int,
    at: float,
    id: str,
    address: str,
    round: int,
    attempts: int,
    seconds: float,
) -> ev.StepFinish:
    """Return a `StepFinish`, from all of its fields."""
    draft: Any = _new(_StepFinish)
    draft.run_id = run_id
    draft.seq = seq
    draft.at = at
    draft.id = id
    draft.address = address
    draft.round = round
    draft.attempts = attempts
    draft.seconds = seconds
    draft.__class__ = ev.StepFinish
    event: ev.StepFinish = draft
    return event
