"""The attempts of a step call: its body, until it succeeds or no attempt is left; its fallback."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, cast

import trio

from trioflow import events as ev
from trioflow._engine.base.outcome import (
    Failed,
    FellBack,
    Outcome,
    Success,
    failure,
    must_pass,
    outcome_of,
)
from trioflow._engine.base.plan import Fallback
from trioflow._engine.running.call import Call
from trioflow._engine.running.deadlines import is_past
from trioflow._engine.running.givers import name_giver
from trioflow._engine.running.limits import in_limit, in_time
from trioflow._engine.running.own_context import continue_in, is_changed
from trioflow._engine.running.sleeping import sleep_until
from trioflow.errors import InvalidValueError


def perform(call: Call, value: Any) -> Awaitable[Outcome]:
    """Structure the input, run the body until it succeeds or no attempt is left, and fall back.

    Await the returned object. Only cancellation is raised as an exception.
    """
    # Without a coroutine around that of the attempts (shortcut `no-coroutine`).
    fallback = call.plan.fallback
    return _try(call, value) if fallback is None else _try_all(call, value, fallback)


async def _try_all(call: Call, value: Any, fallback: Fallback) -> Outcome:
    outcome = await _try(call, value)
    if not isinstance(outcome, Failed):
        return outcome
    return await _fall_back(call, fallback, outcome.error)


async def _fall_back(call: Call, fallback: Fallback, error: BaseException) -> Outcome:
    """Return the outcome of the fallback for the error of the last attempt."""
    call.updates = None
    plan, core = call.plan, call.scope.core
    core.bodies += 1
    try:
        value = await fallback(error, call)
        if plan.check is not None:
            value = plan.check(value)
    except BaseException as exc:
        outcome = outcome_of(exc)
        if outcome is None:
            raise
        if isinstance(outcome, Failed) and outcome.error.__context__ is None:
            outcome.error.__context__ = error
        return outcome
    finally:
        core.bodies -= 1
        core.notify_idle()
    if plan.forms is not None:
        await core.log.prepare(plan.forms.output, value)
    return FellBack(value, error)


async def _try(call: Call, value: Any) -> Outcome:
    """Structure the input, and run the body until it succeeds or no attempt is left."""
    plan = call.plan
    if plan.structure is not None:
        try:
            value = plan.structure(value)
        except BaseException as exc:
            if must_pass(exc):
                raise
            if issubclass(type(exc), InvalidValueError):
                name_giver(call, cast("InvalidValueError", exc))
            return Failed(exc)
    replay, lost = call.scope.core.replay, 0
    if replay is not None:
        lost, until = replay.lost(call.address), replay.paused_until(call.address)
        if until is not None:
            await sleep_until(call.scope.core.log, until)
            await call.scope.core.pacer.boundary(plan.code)
    while True:
        outcome = await _attempt(call, value)
        if plan.forms is not None and isinstance(outcome, Success):
            await call.scope.core.log.prepare(plan.forms.output, outcome.value)
        if plan.retry is None or not isinstance(outcome, Failed):
            return outcome
        try:
            delay = plan.retry.delay_after(outcome.error, call.attempt - lost)
        except BaseException as exc:  # when= and delay= are user code
            return failure(exc)
        if delay is None:
            return outcome
        if is_past(call, delay):
            return outcome
        await _back_off(call, outcome.error, delay)
        await call.scope.core.pacer.boundary(plan.code)  # anything may have happened meanwhile


async def _back_off(call: Call, error: BaseException, delay: float) -> None:
    call.updates = None
    await call.scope.core.readers.wait_for_room()
    call.emit(ev.StepRetry, attempt=call.attempt, error=error, delay=delay)
    await trio.sleep(delay)


async def _attempt(call: Call, value: Any) -> Outcome:
    """Run the body once and return its outcome; only cancellation is raised as an exception."""
    plan, core = call.plan, call.scope.core
    call.attempt += 1
    core.bodies += plan.is_leaf
    try:
        if plan.is_guarded:
            result = await _guarded(call, value)
        else:
            result = await plan.body(call, value)
        if plan.check is not None and type(result) is not plan.gives:
            result = plan.check(result)
        return Success(result) if plan.is_leaf else cast("Outcome", result)
    except BaseException as exc:
        outcome = outcome_of(exc)
        if outcome is None:
            raise
        return outcome
    finally:
        core.bodies -= plan.is_leaf
        if core.idle is not None:
            core.notify_idle()
        if is_changed(call.scope.context):
            await continue_in(call.scope.context.copy())


async def _guarded(call: Call, value: Any) -> Any:
    """Run the body in its place of a limit and within its time-out."""
    since = call.scope.core.log.clock.current_time()
    async with in_limit(call.plan.limiter):
        if call.plan.limiter is not None:
            call.note_wait(since)
        with in_time(call, call.id, call.plan.timeout):
            return await call.plan.body(call, value)
