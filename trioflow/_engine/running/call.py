"""One step call: its events, its attempts, and what its body can do through the context."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn, TypeAlias, cast

import trio

from trioflow import events as ev
from trioflow._engine.base.given import check_optional_string, check_string
from trioflow._engine.base.outcome import (
    Bailed,
    Failed,
    Outcome,
    Signal,
    Success,
    Suspended,
    must_pass,
    outcome_of,
)
from trioflow._engine.base.plan import CallPlan
from trioflow._engine.running import fast_events
from trioflow._engine.running.frame import Frame, Scope
from trioflow._engine.running.limits import in_limit, in_time
from trioflow._engine.running.named_events import receive_event
from trioflow._engine.running.shared_context import SharedContext
from trioflow._engine.running.shared_state import check_merge
from trioflow._engine.running.sleeping import sleep_until
from trioflow._engine.running.tool_calls import call_tool, open_tool
from trioflow._engine.stream.fairness import MAX_SECONDS
from trioflow.errors import InvalidValueError, StepClosedError


class Call(Frame):
    """One step call that is being made; see `new_call`."""

    __slots__ = (
        "address",
        "attempt",
        "id",
        "is_open",
        "lost",
        "paused_until",
        "plan",
        "resume_data",
        "round",
        "suspend_data",
        "tool_calls",
        "updates",
    )
    __init__: Any = object.__init__  # new_call fills the slots
    plan: CallPlan
    address: str
    id: str
    round: int
    resume_data: Any
    suspend_data: Any
    attempt: int
    lost: int
    """How many of the attempts before were lost in crashes. They use up none that it may make."""
    paused_until: float | None
    """When the attempt begins that its process had waited for: seconds since the epoch."""
    tool_calls: int
    updates: dict[str, Any] | None
    """What this attempt has set in the state so far."""
    is_open: bool

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
        if not self.is_open:  # as _check_open() does (shortcut `open-check`)
            raise StepClosedError(self.id)
        core = self.scope.core
        await core.pacer.give_way()
        if not self.is_open:  # it has ended while this task waited
            raise StepClosedError(self.id)
        core.log.add(fast_events.step_output(self, chunk))

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
        check_string("event", event)
        return await receive_event(self, event, type, timeout)

    def suspend(self, payload: Any, label: str | None) -> NoReturn:
        self._check_open()
        check_optional_string("label", label)
        structure = self.plan.structure_suspend
        raise Signal(Suspended(payload if structure is None else structure(payload), label))

    def bail(self, result: Any) -> NoReturn:
        self._check_open()
        raise Signal(Bailed(result))

    def _check_open(self) -> None:
        if not self.is_open:
            raise StepClosedError(self.id)


def new_call(plan: CallPlan, scope: Scope, address: str, iteration: int | None = None) -> Call:
    """Return a call that has not begun: what an ``__init__`` would do (shortcut `new-call`)."""
    call: Call = Call()
    call.scope = scope
    call.plan = plan
    call.address = address
    call.id = scope.prefix + plan.id
    call.iteration = iteration
    call.round = call.attempt = call.lost = call.tool_calls = 0
    call.resume_data = call.suspend_data = call.updates = call.paused_until = None
    call.is_open = True
    return call


async def run_call(
    plan: CallPlan,
    value: Any,
    scope: Scope,
    address: str,
    iteration: int | None = None,
    arms: tuple[str, ...] | None = None,
    call: Call | None = None,
) -> Outcome:
    """Make a step call: start, attempts, result and finish; or return what is recorded of it.

    What has started is closed, however it ends. A call that is canceled closes as such and
    lets the exception go on. *call* is given if it has waited for its event before.
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
            # What perform() does of almost every step, without its coroutines (shortcuts
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
                    core.tell_idle()
        else:
            outcome = await perform(call, value)
    except BaseException as exc:
        ended = outcome_of(exc)
        if ended is None:
            cancel_call(call, start.at, exc)
            raise
        outcome = ended
    if core.readers.congested or call.updates:
        return await close_when_room(call, outcome, start.at)
    return close_call(call, outcome, start.at)


async def fail_to_start(
    call: Call, arms: tuple[str, ...] | None, started_at: float, exc: BaseException
) -> Outcome:
    """Close a call whose first event has raised: what it was given cannot be written, say.

    Call it while *exc* is handled.
    """
    log = call.scope.core.log
    has_started = call.address in log.state.open
    if must_pass(exc):
        if has_started:
            cancel_call(call, started_at, exc)
        raise exc
    if not has_started:
        call.resume_data = None
        log.add(fast_events.step_start(call, None, arms))
    return await close_when_room(call, Failed(exc), started_at)


def recorded_outcome(plan: CallPlan, scope: Scope, address: str) -> Outcome | None:
    """Return the outcome of a call in an earlier part of the run, if it has one."""
    replay = scope.core.replay
    outcome = None if replay is None else replay.outcome(address)
    if isinstance(outcome, Success):
        scope.outputs[plan.slot] = outcome.value
    return outcome


async def perform(call: Call, value: Any) -> Outcome:
    """Structure the input, and run the body until it ends well or no attempt is left.

    Only cancellation gets out as an exception.
    """
    plan = call.plan
    if plan.structure is not None:
        try:
            value = plan.structure(value)
        except BaseException as exc:
            if must_pass(exc):
                raise
            return Failed(exc)
    if call.paused_until is not None:
        await sleep_until(call.scope.core.log, call.paused_until)
    while True:
        outcome = await _attempt(call, value)
        if plan.forms is not None and isinstance(outcome, Success):
            await call.scope.core.log.prepare(plan.forms.output, outcome.value)
        if plan.retries is None or not isinstance(outcome, Failed):
            return outcome
        made = call.attempt - call.lost
        if not plan.retries.allows(outcome.error, made):
            return outcome
        await _back_off(call, outcome.error, plan.retries.seconds_after(made))


async def close_when_room(call: Call, outcome: Outcome, started_at: float) -> Outcome:
    """Close a call that has its outcome, as soon as the readers have room for the events."""
    try:
        await call.scope.core.readers.wait_for_room()
    finally:  # a cancellation that comes now must not lose the outcome
        outcome = close_call(call, settled(call, outcome), started_at)
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


def close_call(call: Call, outcome: Outcome, started_at: float) -> Outcome:
    """Emit the events that end a call, and return how it ended.

    A call whose output or payload a durable run cannot write has failed, and so has one whose
    changes the state refuses in the end.
    """
    call.is_open = False
    scope = call.scope
    core = scope.core
    try:
        if type(outcome) is Success and core.context is None:
            # What _emit_end() does then (shortcut `good-end`).
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
    except BaseException as exc:
        return _end_otherwise(call, outcome, exc, started_at)
    return outcome


# On its own, because the functions that it makes would have every close_call() make cells.
def _end_otherwise(
    call: Call, outcome: Outcome, problem: BaseException, started_at: float
) -> Outcome:
    return end_otherwise(
        call,
        outcome,
        problem,
        emit=lambda other: _emit_end(call, other, started_at),
        has_ended=lambda: call.address not in call.scope.core.log.state.open,
    )


def end_otherwise(
    call: Call,
    outcome: Outcome,
    problem: BaseException,
    emit: Callable[[Outcome], None],
    has_ended: Callable[[], bool],
) -> Outcome:
    """End a call whose end could not be recorded, and return how it has ended instead.

    Call it while *problem* is handled.

    Raises:
      BaseException: *problem*, if it must pass or the call has ended nevertheless.
    """
    if must_pass(problem) or has_ended():
        raise problem
    other = _fitted(call, outcome, problem)
    try:
        emit(other)
    except BaseException as again:  # its classes have let pass what cannot be recorded
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
    except Exception as exc:
        return Failed(exc)
    return Failed(problem) if value is outcome.value else Success(value)


def cancel_call(call: Call, started_at: float, exc: BaseException) -> None:
    """Emit the events that end a call that was canceled by *exc*."""
    call.is_open = False
    call.scope.core.heed(exc)
    try:
        _emit_end(call, None, started_at)
    except Exception:  # what it has put into the runtime context cannot be written, and goes
        if call.address in call.scope.core.log.state.open:
            _emit_end(call, None, started_at)


def _emit_end(call: Call, outcome: Outcome | None, started_at: float) -> None:
    scope = call.scope
    core = scope.core
    if core.context is not None and core.context.has_changed:
        emit_context_changes(call, core.context)
    if isinstance(outcome, Success):
        value = outcome.value
        end = fast_events.step_end(call, started_at, "success", value, None, call.updates)
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
        return "success", outcome.value, None, call.updates
    if isinstance(outcome, Failed):
        return "failed", None, outcome.error, None
    if isinstance(outcome, Bailed):
        return "bailed", outcome.value, None, call.updates
    return "canceled", None, None, None


def emit_context_changes(call: Call, context: SharedContext) -> None:
    """Record what has changed in the runtime context, so that it survives the process."""
    updates, removed = context.take_changes()
    call.emit(ev.ContextUpdate, updates=updates, removed=removed)


def suspension_fields(call: Call, outcome: Suspended) -> dict[str, Any]:
    """Return payload, label and state updates of a call that waits for an answer."""
    return {
        "payload": outcome.payload,
        "label": outcome.label,
        "state_updates": call.updates,
    }


async def _back_off(call: Call, error: BaseException, delay: float) -> None:
    call.updates = None
    await call.scope.core.readers.wait_for_room()
    call.emit(ev.StepRetry, attempt=call.attempt, error=error, delay=delay)
    await trio.sleep(delay)


async def _attempt(call: Call, value: Any) -> Outcome:
    """Run the body once and say how it ended; only cancellation gets out as an exception."""
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
            core.tell_idle()


async def _guarded(call: Call, value: Any) -> Any:
    """Run the body in its place of a limit and within its time."""
    async with in_limit(call.plan.limiter):
        with in_time(call.id, call.plan.timeout):
            return await call.plan.body(call, value)
