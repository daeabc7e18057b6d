"""Quick creation of the most frequent events, with a function for each.

Shortcut `event-by-call`; the plain twin of each function is the class of its event, called with the
same fields. Their drafts (`trioflow._engine.stream.drafts`) have no ``__init__``, so no call is
needed to fill them. Each function takes the call that the event belongs to, gives the event the
next number and the time, and reads the clock as `RunLog.tick` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trioflow import events as ev

if TYPE_CHECKING:
    from trioflow._engine.running.call import Call


class _StepStart(ev.StepEvent):
    __slots__ = ev.StepStart.__slots__
    __init__: Any = object.__init__


def step_start(call: Call, input: Any, arms: tuple[str, ...] | None) -> ev.StepStart:
    """Return the event that begins a call."""
    log, plan = call.scope.core.log, call.plan
    draft: Any = _StepStart()
    draft.run_id = log.run_id
    draft.seq = log.record.next_seq
    draft.at = log.at = log.epoch + log.clock.current_time()
    draft.id = call.id
    draft.address = call.address
    draft.round = call.round
    draft.input = input
    draft.kind = plan.kind
    draft.iteration = call.iteration
    draft.resumed, draft.resume_data = call.answer
    draft.plugin = plan.plugin
    draft.arms = arms
    draft.__class__ = ev.StepStart
    event: ev.StepStart = draft
    return event


class _StepOutput(ev.StepEvent):
    __slots__ = ev.StepOutput.__slots__
    __init__: Any = object.__init__


def step_output(call: Call, chunk: Any) -> ev.StepOutput:
    """Return the event of a chunk that a step has written."""
    log = call.scope.core.log
    draft: Any = _StepOutput()
    draft.run_id = log.run_id
    draft.seq = log.record.next_seq
    draft.at = log.at = log.epoch + log.clock.current_time()
    draft.id = call.id
    draft.address = call.address
    draft.round = call.round
    draft.chunk = chunk
    draft.__class__ = ev.StepOutput
    event: ev.StepOutput = draft
    return event


class _StepProgress(ev.StepEvent):
    __slots__ = ev.StepProgress.__slots__
    __init__: Any = object.__init__


def step_progress(
    loop: Call,
    index: int,
    done: int,
    total: int,
    status: ev.ItemStatus,
    output: Any,
    error: BaseException | None,
    state_updates: Mapping[str, Any] | None,
    payload: Any,
    label: str | None,
    asks: Mapping[str, ev.Question] | None,
    attempts: int,
) -> ev.StepProgress:
    """Return the event that ends an item of a foreach."""
    log = loop.scope.core.log
    draft: Any = _StepProgress()
    draft.run_id = log.run_id
    draft.seq = log.record.next_seq
    draft.at = log.at = log.epoch + log.clock.current_time()
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
    draft.asks = asks
    draft.attempts = attempts
    draft.__class__ = ev.StepProgress
    event: ev.StepProgress = draft
    return event


class _StepResult(ev.StepEvent):
    __slots__ = ev.StepResult.__slots__
    __init__: Any = object.__init__


class _StepFinish(ev.StepEvent):
    __slots__ = ev.StepFinish.__slots__
    __init__: Any = object.__init__


def step_end(
    call: Call,
    started_at: float,
    status: ev.CallStatus,
    output: Any,
    error: BaseException | None,
    state_updates: Mapping[str, Any] | None,
) -> tuple[ev.StepResult, ev.StepFinish]:
    """Return the events that end a call: its outcome and its closing."""
    log = call.scope.core.log
    result: Any = _StepResult()
    finish: Any = _StepFinish()
    result.run_id = finish.run_id = log.run_id
    result.seq = seq = log.record.next_seq
    finish.seq = seq + 1
    result.at = finish.at = log.at = at = log.epoch + log.clock.current_time()
    result.id = finish.id = call.id
    result.address = finish.address = call.address
    result.round = finish.round = call.round
    result.status = status
    result.output = output
    result.error = error
    result.state_updates = state_updates
    finish.attempts = call.attempt
    finish.seconds = at - started_at
    result.__class__ = ev.StepResult
    finish.__class__ = ev.StepFinish
    return result, finish
