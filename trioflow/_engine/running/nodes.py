"""The meaning of each kind of node: one function per kind, independent of how calls are made.

Every function takes the plan of its node, its input, and the scope of its workflow, and returns the
outcome of the node. Cancellation propagates as an exception.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from trioflow import events as ev
from trioflow._engine.base.outcome import (
    UNRECORDABLE,
    Failed,
    Outcome,
    Paused,
    Success,
    failure,
    must_pass,
)
from trioflow._engine.base.plan import (
    BranchPlan,
    CallPlan,
    ForEachPlan,
    LoopPlan,
    NodePlan,
    ParallelPlan,
    SleepPlan,
    ThenPlan,
    WaitPlan,
)
from trioflow._engine.running.call import Call, new_call
from trioflow._engine.running.call_end import cancel_call, close_when_room
from trioflow._engine.running.frame import Frame, Scope
from trioflow._engine.running.named_events import take_event
from trioflow._engine.running.run_call import recorded_outcome, run_call
from trioflow._engine.running.siblings import collected, open_siblings
from trioflow._engine.running.sleeping import sleep_until
from trioflow.nodes import OnError


async def run_sequence(nodes: Sequence[NodePlan], value: Any, scope: Scope) -> Outcome:
    """Run the nodes one after another; each gets the output of the previous one."""
    per_step = scope.core.per_step
    for node in nodes:
        outcome = await _RUN[type(node)](node, value, scope)
        if type(outcome) is not Success:
            return outcome
        value = outcome.value
        if per_step and _pauses_behind(node, scope):
            return Paused()
    return Success(value)


def _pauses_behind(node: NodePlan, scope: Scope) -> bool:
    """Return whether a run that proceeds step by step stops after this node."""
    if scope.address or node is scope.plan.nodes[-1]:
        return False
    replay = scope.core.replay
    return replay is None or not replay.settled(scope.address, node.key)


def run_then(node: ThenPlan, value: Any, scope: Scope) -> Awaitable[Outcome]:
    """Run one call."""
    return run_call(node.call, value, scope, scope.address + node.key)


async def run_parallel(node: ParallelPlan, value: Any, scope: Scope) -> Outcome:
    """Run every arm with the same input; the output maps arm ids to outputs."""
    return await run_arms(node.key, node.arms, node.on_error, value, scope)


async def run_branch(node: BranchPlan, value: Any, scope: Scope) -> Outcome:
    """Evaluate all conditions, then run the arms whose condition holds, like a parallel."""
    replay = scope.core.replay
    chosen = None if replay is None else replay.arms(scope.address, node)
    frame = Frame(scope)
    try:
        arms = [
            arm
            for condition, arm in node.arms
            if (arm.id in chosen if chosen is not None else await condition(value, frame))
        ]
    except BaseException as exc:
        return failure(exc)
    ids = tuple(arm.id for arm in arms)
    return await run_arms(node.key, arms, node.on_error, value, scope, ids)


async def run_arms(
    key: str,
    arms: Sequence[CallPlan],
    on_error: OnError,
    value: Any,
    scope: Scope,
    chosen: tuple[str, ...] | None = None,
) -> Outcome:
    # Once for all of them: if each arm gave way, they would not start together.
    await scope.core.pacer.slow_boundary()
    async with open_siblings(on_error) as siblings:
        for arm in arms:
            address = f"{scope.address}{key}:{arm.id}"
            # Before any arm starts, so that a recorded failure cancels those it canceled.
            recorded = recorded_outcome(arm, scope, address)
            if recorded is not None:
                siblings.record(arm.id, recorded)
            else:
                siblings.start(arm.id, run_call, arm, value, scope, address, None, chosen)

    def collect(id: str, outcome: Outcome) -> Any:
        return collected(outcome, scope.core.log.record, f"{scope.address}{key}:{id}")

    return siblings.join([arm.id for arm in arms], collect)


async def run_loop(node: LoopPlan, value: Any, scope: Scope) -> Outcome:
    """Run the call again with its own output, until the condition holds."""
    replay = scope.core.replay
    iteration = 0
    while True:
        iteration += 1
        address = f"{scope.address}{node.key}#{iteration}"
        outcome = await run_call(node.call, value, scope, address, iteration)
        if not isinstance(outcome, Success):
            return outcome
        value = outcome.value
        if replay is not None:
            if replay.record(f"{scope.address}{node.key}#{iteration + 1}") is not None:
                continue
            if replay.passed(scope.address, node.key):
                return outcome
        try:
            holds = bool(await node.condition(value, Frame(scope, iteration)))
        except BaseException as exc:
            return failure(exc)
        if holds is node.until:
            return outcome


def run_foreach(node: ForEachPlan, value: Any, scope: Scope) -> Awaitable[Outcome]:
    """Run one call for the whole list; its body makes a call per item, see foreach.py."""
    return run_call(node.loop, value, scope, scope.address + node.key)


async def run_sleep(node: SleepPlan, value: Any, scope: Scope) -> Outcome:
    """Wait until the time that the node says, and return the value unchanged."""
    log = scope.core.log
    address = scope.address + node.key
    recorded = recorded_outcome(node.call, scope, address)
    if recorded is not None:
        return recorded
    call = new_call(node.call, scope, address)
    call.attempt = 1
    await scope.core.pacer.boundary()
    started_at = log.now()
    until, failed = math.inf, None
    try:
        until = await _moment(node, value, call)
    except BaseException as exc:
        failed = failure(exc)
    failed = emit_waiting(call, value, until) or failed
    if failed is not None:
        return await close_when_room(call, failed, started_at)
    try:
        await sleep_until(log, until, by_calendar=node.is_date)
    except BaseException as exc:
        cancel_call(call, started_at, exc)
        raise
    return await close_when_room(call, Success(value), started_at)


def emit_waiting(
    call: Call, value: Any, until: float | None, event: str | None = None
) -> Failed | None:
    """Emit the event that begins a wait; return a failure if a durable run cannot write *value*."""
    until = None if until is None or math.isinf(until) else until
    try:
        call.emit(ev.StepWaiting, input=value, until=until, event=event)
    except UNRECORDABLE as exc:
        call.emit(ev.StepWaiting, until=until, event=event)
        return Failed(exc)
    return None


async def _moment(node: SleepPlan, value: Any, call: Call) -> float:
    """Return when a sleep ends; a sleep that a dead process had begun keeps its end."""
    replay = call.scope.core.replay
    record = None if replay is None else replay.record(call.address)
    if record is not None and record.until is not None:
        return record.until
    until: float = await node.until(value, call)
    return until


async def run_wait(node: WaitPlan, value: Any, scope: Scope) -> Outcome:
    """Wait for the event, then run the call with its data as resume data."""
    core = scope.core
    address = scope.address + node.key
    record = None if core.replay is None else core.replay.record(address)
    if record is not None and (record.kind != "wait" or record.status != "waiting"):
        # It had ended, or the event had already come.
        return await run_call(node.call, value, scope, address)
    call = new_call(node.call, scope, address)
    await core.pacer.boundary()
    until = None if node.timeout is None else core.log.now() + node.timeout
    if record is not None:
        until = record.until
    failed = emit_waiting(call, value, until, node.event)
    started_at = core.log.at
    if failed is not None:
        return await close_when_room(call, failed, started_at)
    try:
        data = await take_event(call, node.event, until, node.timeout)
        structure = node.call.structure_resume
        call.answer = True, data if structure is None else structure(data)
    except BaseException as exc:
        if must_pass(exc):
            cancel_call(call, started_at, exc)
            raise
        return await close_when_room(call, Failed(exc), started_at)
    try:
        return await run_call(node.call, value, scope, address, call=call)
    except BaseException as exc:
        if call.is_open:  # it was canceled before its turn
            cancel_call(call, started_at, exc)
        raise


_RUN: dict[type[NodePlan], Callable[[Any, Any, Scope], Awaitable[Outcome]]] = {
    ThenPlan: run_then,
    ParallelPlan: run_parallel,
    BranchPlan: run_branch,
    LoopPlan: run_loop,
    ForEachPlan: run_foreach,
    SleepPlan: run_sleep,
    WaitPlan: run_wait,
}
