"""One step call, from its first event to its last."""

from __future__ import annotations

from contextvars import copy_context
from typing import Any, cast

from trioflow._engine.base.outcome import Failed, Outcome, Success, must_pass, outcome_of
from trioflow._engine.base.plan import CallPlan
from trioflow._engine.running import fast_events
from trioflow._engine.running.attempts import perform
from trioflow._engine.running.call import NOT_RESUMED, Call, new_call
from trioflow._engine.running.call_end import cancel_call, close_call, close_when_room
from trioflow._engine.running.frame import Scope
from trioflow._engine.running.givers import name_giver
from trioflow._engine.running.own_context import continue_in
from trioflow.errors import InvalidValueError


async def run_call(
    plan: CallPlan,
    value: Any,
    scope: Scope,
    address: str,
    iteration: int | None = None,
    arms: tuple[str, ...] | None = None,
    call: Call | None = None,
) -> Outcome:
    """Make a step call: start, attempts, result and finish; or return its recorded outcome.

    Every started call is closed, however it ends. A canceled call closes as such and re-raises the
    exception. *call* is given if it has already waited for its event.
    """
    core = scope.core
    if call is None:
        call = new_call(plan, scope, address, iteration)
        if core.replay is not None:
            recorded = recorded_outcome(plan, scope, address)
            if recorded is not None:
                return recorded
            core.replay.prepare(call)
            value = core.replay.inputs.get(address, value)
    await core.pacer.boundary(plan.code)
    start = fast_events.step_start(call, value, arms)
    try:
        core.log.add(start)
    except BaseException as exc:
        return await fail_to_start(call, arms, start.at, exc)
    try:
        if plan.is_plain:
            # Does the work of perform() for almost every step, without its coroutines (shortcuts
            # `plain-call`, `function-alone` and `known-type`).
            if (takes := plan.takes) is not None and type(value) is not takes:
                structure: Any = plan.structure
                value = structure(value)
            call.attempt = 1 if core.replay is None else call.attempt + 1
            core.bodies += 1
            try:
                if (function := plan.function) is not None:
                    value = await function(value)
                else:
                    body = plan.body
                    value = await body(call, value)
                if (gives := plan.gives) is not None and type(value) is not gives:
                    check: Any = plan.check
                    value = check(value)
                outcome: Outcome = Success(value)
            finally:
                core.bodies -= 1
                if core.idle is not None:
                    core.notify_idle()
                try:
                    is_same = copy_context() == scope.context
                except Exception:
                    is_same = False
                if not is_same:
                    await continue_in(scope.context.copy())
        else:
            outcome = await perform(call, value)
    except BaseException as exc:
        ended = outcome_of(exc)
        if ended is None:
            cancel_call(call, start.at, exc)
            raise
        if issubclass(type(exc), InvalidValueError):
            name_giver(call, cast("InvalidValueError", exc))
        outcome = ended
    if core.readers.congested or call.updates:
        return await close_when_room(call, outcome, start.at)
    return close_call(call, outcome, start.at)


async def fail_to_start(
    call: Call, arms: tuple[str, ...] | None, started_at: float, exc: BaseException
) -> Outcome:
    """Close a call whose first event raised, for example because its input cannot be written.

    Call it while *exc* is handled.
    """
    log = call.scope.core.log
    has_started = call.address in log.record.open
    if must_pass(exc):
        if has_started:
            cancel_call(call, started_at, exc)
        raise exc
    if not has_started:
        call.answer = NOT_RESUMED
        log.add(fast_events.step_start(call, None, arms))
    return await close_when_room(call, Failed(exc), started_at)


def recorded_outcome(plan: CallPlan, scope: Scope, address: str) -> Outcome | None:
    """Return the outcome of a call in an earlier part of the run, if it has one."""
    replay = scope.core.replay
    outcome = None if replay is None else replay.outcome(address)
    if isinstance(outcome, Success):
        scope.outputs[plan.slot] = outcome.value
    return outcome
