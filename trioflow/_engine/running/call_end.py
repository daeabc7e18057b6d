"""End a step call: with its events, or in another way if these cannot be recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs

from trioflow import events as ev
from trioflow._engine.base.outcome import (
    Bailed,
    Failed,
    FellBack,
    Outcome,
    Success,
    Suspended,
    failure,
    must_pass,
)
from trioflow._engine.running import fast_events
from trioflow._engine.running.call import Call
from trioflow._engine.running.reducers import reduced
from trioflow._engine.running.shared_context import SharedContext
from trioflow._engine.running.shared_state import check_merge
from trioflow._engine.stream.fairness import MAX_SECONDS
from trioflow.errors import InvalidValueError


async def close_when_room(call: Call, outcome: Outcome, started_at: float) -> Outcome:
    """Close a call that has its outcome, as soon as the readers have room for the events."""
    try:
        await call.scope.core.readers.wait_for_room()
    finally:  # a cancellation at this point must not lose the outcome
        outcome = close_call(call, settled(call, outcome), started_at)
    return outcome


def settled(call: Call, outcome: Outcome) -> Outcome:
    """Return *outcome*, or a failure if the state rejects what the call has set.

    The state was checked when the call set it, but other calls may have changed it since. From here
    on, the call has the values that the state will have.
    """
    if not call.updates or isinstance(outcome, Failed):
        return outcome
    try:
        call.updates = reduced(call.state, call.updates, call.scope.core.reducers, call.id)
        check_merge(call.state, call.updates, call.id)
    except InvalidValueError as exc:
        return Failed(exc)
    return outcome


def close_call(call: Call, outcome: Outcome, started_at: float) -> Outcome:
    """Emit the events that end a call, and return its outcome.

    A call fails if a durable run cannot write its output or payload, or if the state rejects its
    changes in the end.
    """
    call.is_open = False
    scope = call.scope
    core = scope.core
    try:
        if type(outcome) is Success and core.context is None:
            # Does the work of _emit_end() (shortcut `good-end`).
            value = outcome.value
            result, finish = fast_events.step_end(
                call, started_at, "success", value, None, call.updates
            )
            if finish.seconds > MAX_SECONDS:
                core.pacer.was_long(call.plan.code)
            core.log.add_end(result, finish)
            scope.outputs[call.plan.slot] = value
        else:
            _emit_end(call, outcome, started_at)
            outcome = as_success(outcome)
    except BaseException as exc:
        return _end_otherwise(call, outcome, exc, started_at)
    return outcome


# A separate function, because its inner functions would make every close_call() create cells.
def _end_otherwise(
    call: Call, outcome: Outcome, problem: BaseException, started_at: float
) -> Outcome:
    other = end_otherwise(
        call,
        outcome,
        problem,
        emit=lambda other: _emit_end(call, other, started_at),
        has_ended=lambda: call.address not in call.scope.core.log.record.open,
    )
    return as_success(other)


def as_success(outcome: Outcome) -> Outcome:
    """Return *outcome*; a success if a fallback gave the value, as the next node treats it."""
    return Success(outcome.value) if type(outcome) is FellBack else outcome


def end_otherwise(
    call: Call,
    outcome: Outcome,
    problem: BaseException,
    emit: Callable[[Outcome], None],
    has_ended: Callable[[], bool],
) -> Outcome:
    """End a call whose end could not be recorded, and return its outcome instead.

    Call it while *problem* is handled.

    Raises:
      BaseException: *problem*, if it must pass or the call has ended nevertheless.
    """
    if must_pass(problem) or has_ended():
        raise problem
    other = _fitted(call, outcome, problem)
    try:
        emit(other)
    except BaseException as again:  # its classes accepted a value that cannot be recorded
        if isinstance(other, Failed) or must_pass(again) or has_ended():
            raise
        other = Failed(again)
        emit(other)
    return other


def _fitted(call: Call, outcome: Outcome, problem: BaseException) -> Outcome:
    """Return *outcome* with a value of the declared type at any depth, or a failure.

    Args:
      problem: Why it could not be recorded as it is.
    """
    structure = call.plan.structure_output
    is_of_wrong_type = issubclass(type(problem), InvalidValueError)
    if structure is None or not isinstance(outcome, Success) or not is_of_wrong_type:
        return Failed(problem)
    try:
        value = structure(outcome.value)
    except BaseException as exc:  # classes are user code
        return failure(exc)
    return Failed(problem) if value is outcome.value else attrs.evolve(outcome, value=value)


def cancel_call(call: Call, started_at: float, exc: BaseException) -> None:
    """Emit the events that end a call that *exc* canceled."""
    call.is_open = False
    call.scope.core.heed(exc)
    try:
        _emit_end(call, None, started_at)
    except Exception:  # what it has put into the runtime context cannot be written, and goes
        if call.address in call.scope.core.log.record.open:
            _emit_end(call, None, started_at)


def _emit_end(call: Call, outcome: Outcome | None, started_at: float) -> None:
    scope = call.scope
    core = scope.core
    if core.context is not None and core.context.has_changed:
        emit_context_changes(call, core.context)
    if isinstance(outcome, Success):
        value = outcome.value
        end = fast_events.step_end(call, started_at, *ending(call, outcome))
    elif isinstance(outcome, Suspended):
        call.emit(ev.StepSuspended, **suspension_fields(call, outcome))
        return
    else:
        end = fast_events.step_end(call, started_at, *ending(call, outcome))
    result, finish = end
    if finish.seconds > MAX_SECONDS:
        core.pacer.was_long(call.plan.code)
    core.log.add_end(result, finish)
    if isinstance(outcome, Success):
        scope.outputs[call.plan.slot] = value


Ending: TypeAlias = tuple[ev.CallStatus, Any, BaseException | None, Mapping[str, Any] | None]


def ending(call: Call, outcome: Outcome | None) -> Ending:
    """Return status, output, error and state updates of a call that has ended.

    *outcome* None means canceled.
    """
    if isinstance(outcome, Success):
        error = outcome.error if isinstance(outcome, FellBack) else None
        return "success", outcome.value, error, call.updates
    if isinstance(outcome, Failed):
        return "failed", None, outcome.error, None
    if isinstance(outcome, Bailed):
        return "bailed", outcome.value, None, call.updates
    return "canceled", None, None, None


def emit_context_changes(call: Call, context: SharedContext) -> None:
    """Record the changes of the runtime context, so that they survive the process."""
    updates, removed = context.take_changes()
    call.emit(ev.ContextUpdate, updates=updates, removed=removed)


def suspension_fields(call: Call, outcome: Suspended) -> dict[str, Any]:
    """Return payload, label and state updates of a call that waits for an answer.

    Questions change no state: the body runs again from its first line and sets the same values.
    """
    if outcome.asks is not None:
        asks, outcome.asks = dict(outcome.asks), None  # the enclosing call has asked nothing
        outcome.payload = ev.payload_of(asks)
        if len(asks) == 1:
            (outcome.label,) = (question["label"] for question in asks.values())
        return {"payload": outcome.payload, "label": outcome.label, "asks": asks}
    return {
        "payload": outcome.payload,
        "label": outcome.label,
        "state_updates": call.updates,
    }
