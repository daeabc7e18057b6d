"""One step call: its events, its attempts, and what its body can do through the context."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn

import attrs
import trio

from trioflow import events as ev
from trioflow.engine.core import Frame, Scope
from trioflow.engine.guards import in_limit, in_time
from trioflow.engine.outcome import (
    Bailed,
    Failed,
    Outcome,
    Signal,
    Success,
    Suspended,
    outcome_of_group,
)
from trioflow.engine.plan import CallPlan
from trioflow.engine.shared_state import check_merge
from trioflow.engine.tooling import call_tool, open_tool
from trioflow.engine.waiting import receive_event
from trioflow.errors import InvalidValueError, StepClosedError

STATUS: Mapping[type[Outcome], ev.CallStatus] = {
    Success: "success",
    Failed: "failed",
    Bailed: "bailed",
}


@attrs.define(eq=False)
class Call(Frame):
    """One step call that is being made."""

    plan: CallPlan = attrs.field(kw_only=True)
    address: str = attrs.field(kw_only=True)
    id: str = attrs.field(init=False)
    round: int = 0
    resume_data: Any = None
    suspend_data: Any = None
    attempt: int = 0
    tool_calls: int = 0
    updates: dict[str, Any] | None = None
    """What this attempt has set in the state so far."""
    is_open: bool = True

    def __attrs_post_init__(self) -> None:
        self.id = self.scope.prefix + self.plan.id

    @property
    def step_call_id(self) -> str:
        return f"{self.run_id}:{self.address}"

    def emit(self, event_type: type[ev.StepEvent], **fields: Any) -> None:
        """Emit an event of this call."""
        self.scope.core.log.emit(
            event_type, id=self.id, address=self.address, round=self.round, **fields
        )

    # ------------------------------------------------------------ what a body can do
    def set_state(self, updates: Mapping[str, Any]) -> None:
        self._check_open()
        structure = self.scope.core.state_fields
        checked = updates if structure is None else structure(updates)
        merged = {**(self.updates or {}), **checked}
        check_merge(self.state, merged, self.id)
        self.updates = merged

    async def write(self, chunk: Any) -> None:
        self._check_open()
        await self.scope.core.pacer.give_way()
        self._check_open()
        self.emit(ev.StepOutput, chunk=chunk)

    async def call_tool(self, tool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._check_open()
        return await call_tool(self, self.scope.plan.tools(tool), args, kwargs)

    def stream_tool(
        self, tool: Any, kwargs: dict[str, Any]
    ) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        self._check_open()
        return open_tool(self, self.scope.plan.tools(tool), kwargs)

    async def wait_for(self, event: str, type: Any, timeout: float | None) -> Any:
        self._check_open()
        return await receive_event(self, event, type, timeout)

    def suspend(self, payload: Any, label: str | None) -> NoReturn:
        self._check_open()
        structure = self.plan.structure_suspend
        raise Signal(Suspended(payload if structure is None else structure(payload), label))

    def bail(self, result: Any) -> NoReturn:
        self._check_open()
        raise Signal(Bailed(result))

    def _check_open(self) -> None:
        if not self.is_open:
            raise StepClosedError(self.id)


async def run_call(
    plan: CallPlan,
    value: Any,
    scope: Scope,
    address: str,
    iteration: int | None = None,
    arms: tuple[str, ...] | None = None,
) -> Outcome:
    """Make a step call: start, attempts, result and finish; or return what is recorded of it."""
    recorded = recorded_outcome(plan, scope, address)
    if recorded is not None:
        return recorded
    call = Call(scope, iteration, plan=plan, address=address)
    if scope.core.replay is not None:
        scope.core.replay.prepare(call)
        value = scope.core.replay.inputs.get(address, value)
    await scope.core.pacer.boundary()
    start_call(call, value, arms)
    return await finish_call(call, value)


def recorded_outcome(plan: CallPlan, scope: Scope, address: str) -> Outcome | None:
    """Return the outcome of a call in an earlier part of the run, if it has one."""
    replay = scope.core.replay
    outcome = None if replay is None else replay.outcome(plan, address)
    if isinstance(outcome, Success):
        scope.results[plan.id] = outcome.value
    return outcome


def start_call(call: Call, value: Any, arms: tuple[str, ...] | None = None) -> None:
    """Emit the event that begins the call."""
    call.emit(
        ev.StepStart,
        input=value,
        kind=call.plan.kind,
        iteration=call.iteration,
        resume_data=call.resume_data,
        plugin=call.plan.plugin,
        arms=arms,
    )


async def finish_call(call: Call, value: Any) -> Outcome:
    """Run a call that has begun, and close it, however it ends.

    A call that is canceled closes as such and lets the exception go on.
    """
    started_at = call.scope.core.log.at
    try:
        outcome = await make_attempts(call, value)
    except BaseException:
        close_call(call, None, started_at)
        raise
    return await close_when_room(call, outcome, started_at)


async def close_when_room(call: Call, outcome: Outcome, started_at: float) -> Outcome:
    """Close a call that has its outcome, as soon as the readers have room for the events."""
    try:
        await call.scope.core.log.wait_for_room()
    finally:  # a cancellation that comes now must not lose the outcome
        outcome = settled(call, outcome)
        close_call(call, outcome, started_at)
    return outcome


def settled(call: Call, outcome: Outcome) -> Outcome:
    """Return *outcome*, or a failure if the state refuses what the call has set.

    It was asked when the call set it, but other calls may have changed the state since then.
    """
    if not call.updates or isinstance(outcome, Failed):
        return outcome
    try:
        check_merge(call.state, call.updates, call.id)
    except InvalidValueError as exc:
        return Failed(exc)
    return outcome


def close_call(call: Call, outcome: Outcome | None, started_at: float) -> None:
    """Emit the events that end a call; *outcome* None means canceled."""
    if isinstance(outcome, Success):
        call.scope.results[call.plan.id] = outcome.value
    call.is_open = False
    emit_context_changes(call)
    if isinstance(outcome, Suspended):
        call.emit(ev.StepSuspended, **suspension_fields(call, outcome))
        return
    call.emit(ev.StepResult, **result_fields(call, outcome))
    log = call.scope.core.log
    call.emit(ev.StepFinish, attempts=call.attempt, seconds=log.at - started_at)


def emit_context_changes(call: Call) -> None:
    """Record what has changed in the runtime context, so that it survives the process."""
    context = call.scope.core.runtime_context
    if context.has_changed:
        updates, removed = context.take_changes()
        call.emit(ev.ContextUpdate, updates=updates, removed=removed)


def result_fields(call: Call, outcome: Outcome | None) -> dict[str, Any]:
    """Return status, output, error and state updates of a call that has ended."""
    match outcome:
        case Failed(error):
            return {"status": "failed", "error": error}
        case Success(value) | Bailed(value):
            return {"status": STATUS[type(outcome)], "output": value, "state_updates": call.updates}
    return {"status": "canceled"}


def suspension_fields(call: Call, outcome: Suspended) -> dict[str, Any]:
    """Return payload, label and state updates of a call that waits for an answer."""
    return {
        "payload": outcome.payload,
        "label": outcome.label,
        "state_updates": call.updates,
    }


async def make_attempts(call: Call, value: Any) -> Outcome:
    """Structure the input, and run the body until it ends well or no attempt is left."""
    if call.plan.structure is not None:
        try:
            value = call.plan.structure(value)
        except Exception as exc:
            return Failed(exc)
    while True:
        call.attempt += 1
        outcome = await _attempt(call, value)
        retries = call.plan.retries
        if not isinstance(outcome, Failed) or retries is None:
            return outcome
        if not retries.allows(outcome.error, call.attempt):
            return outcome
        await _back_off(call, outcome.error, retries.seconds_after(call.attempt))


async def _back_off(call: Call, error: Exception, delay: float) -> None:
    call.updates = None
    await call.scope.core.log.wait_for_room()
    call.emit(ev.StepRetry, attempt=call.attempt, error=error, delay=delay)
    await trio.sleep(delay)


async def _attempt(call: Call, value: Any) -> Outcome:
    """Run the body once and say how it ended; only cancellation gets out as an exception."""
    plan = call.plan
    core = call.scope.core
    core.bodies += plan.is_leaf
    try:
        if plan.limiter is None and plan.timeout is None:
            return await plan.body(call, value)
        return await _guarded(call, value)
    except Signal as signal:
        return signal.outcome
    except Exception as exc:
        return Failed(exc)
    except BaseExceptionGroup as group:
        outcome = outcome_of_group(group)
        if outcome is None:
            raise
        return outcome
    finally:
        if plan.is_leaf:
            core.body_ends()


async def _guarded(call: Call, value: Any) -> Outcome:
    """Run the body in its place of a limit and within its time."""
    async with in_limit(call.plan.limiter):
        with in_time(call.id, call.plan.timeout):
            return await call.plan.body(call, value)
