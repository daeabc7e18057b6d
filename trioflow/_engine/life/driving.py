"""Drive a part of a run in a task, until the run finishes or suspends."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import trio

from trioflow import events as ev
from trioflow._engine.base.outcome import (
    UNRECORDABLE,
    Failed,
    Outcome,
    Success,
    failure,
    must_pass,
)
from trioflow._engine.base.reporting import report
from trioflow._engine.life.life import AT_REST, Life
from trioflow._engine.life.ports import Driver, Keeper
from trioflow._engine.life.starting import emit_start
from trioflow._engine.running.deadlines import run_until
from trioflow._engine.running.end_hooks import call_end_hooks
from trioflow._engine.running.frame import Scope
from trioflow._engine.running.own_context import same_context
from trioflow._engine.running.results import recorded_result
from trioflow._engine.running.workflow_call import run_workflow
from trioflow._engine.stream.journaled_log import JournaledLog
from trioflow._phases import Phase
from trioflow.errors import RunStateError
from trioflow.events import WAITING_STATUSES
from trioflow.results import RunResult


async def drive(life: Life, by_engine: bool = False) -> RunResult[Any]:
    """Drive a part of the run in this task, until the run finishes or suspends.

    When this returns or raises, the run has finished or suspended and all its events are emitted.
    It raises only a cancellation from outside, Ctrl-C, errors that prevented the run from being
    saved, and errors in trioflow itself.

    Args:
      by_engine: Whether an engine drives the run in a new task. Then only `cancel` and `halt` end
        the run, not a cancellation of the task, and the run begins with a whole turn.

    **Checkpoints**: at least one, unless an engine drives the run.
    """
    if by_engine:
        return await _drive(life, by_engine)
    # The task of the caller gets its own context back: bodies may have changed that of the run.
    async with same_context():
        task = trio.lowlevel.current_task()
        task.context = task.context.copy()  # from the checkpoint before the first body
        return await _drive(life, by_engine)


async def _drive(life: Life, by_engine: bool) -> RunResult[Any]:
    try:
        await drive_part(life, by_engine)
        while life.phase is Phase.ENDING:  # it was canceled while its suspension was being saved
            life.leave_rest()
            if life.keeper is not None:
                await life.keeper.claim(life)
            await drive_part(life, by_engine)
    except BaseException as exc:
        if life.result is None or not must_pass(exc):
            await abandon(life, exc)
        raise
    finally:
        life.come_to_rest()
    result = life.outcome()  # before the checkpoint, at which another task may resume the run
    if not life.core.pacer.has_given_way:  # nothing was called
        await trio.lowlevel.checkpoint()
    return result


async def drive_part(life: Life, by_engine: bool) -> None:
    """Do the work of `drive`, except for errors in trioflow itself."""
    core, outcome = life.core, None
    scope = begin_driving(life, by_engine)
    try:
        with core.open_scope(shield=by_engine):
            if not life.record.is_canceled:  # or its process died while canceling it
                if life.record.deadline is None:
                    outcome = await run_workflow(scope, life.value)
                else:
                    outcome = await run_in_time(life, scope, life.record.deadline)
            await core.readers.wait_for_room()
        if life.keeper is not None or core.is_canceled:
            outcome = accepted(life, outcome)
    except BaseException as exc:
        outcome = None
        outcome = failure_of(life, exc)
    finally:
        close_open_calls(life, outcome)
        try:
            if life.plan.has_end_hooks:
                with trio.CancelScope(shield=by_engine):
                    await call_end_hooks(scope, life.input, outcome)
        finally:
            life.end_part(scope, outcome)
            if life.keeper is not None:
                await save(life, life.keeper)


async def run_in_time(life: Life, scope: Scope, until: float) -> Outcome:
    """Run the workflow from where the run is until its deadline."""
    log = life.core.log
    return await run_until(until, lambda: run_workflow(scope, life.value), log, life.plan.id)


def close_open_calls(life: Life, outcome: Outcome | None) -> None:
    """Emit the events that precede the end of a part; *outcome* None means canceled."""
    if life.record.open:  # an error in trioflow itself left them open
        life.core.log.emit(ev.Recover)
    if outcome is None and not life.record.is_canceled:
        life.emit_canceled(life.core.reason, life.core.by)


def begin_driving(life: Life, by_engine: bool) -> Scope:
    """Begin the part in this task, and return the scope it runs in."""
    core = life.core
    task = trio.lowlevel.current_task()
    life.driver = Driver(task, len(task.child_nurseries))
    if life.keeper is not None and life.journaled is not None:
        life.keeper.begin(life)
        core.pacer.follow(life.journaled.journal)
    if life.phase is Phase.STARTING:
        emit_start(life)
    if by_engine:
        core.pacer.begin_turn()
    return Scope(core, life.plan, "", "", init_data=life.value)


def accepted(life: Life, outcome: Outcome | None) -> Outcome | None:
    """Return the final outcome of a part whose nodes came to *outcome*; None if canceled."""
    if life.failure is not None:
        return Failed(life.failure)
    if life.core.is_canceled:  # success never follows an accepted cancel
        return None
    if outcome is not None and life.journaled is not None:
        return writable(life.journaled, outcome)
    return outcome


def failure_of(life: Life, exc: BaseException) -> Failed:
    """Return the outcome of a part that an error in trioflow itself broke off.

    Raises:
      BaseException: *exc* itself, if it must pass.
    """
    life.core.heed(exc)
    life.failure = failure(exc).error
    return Failed(exc)


def writable(log: JournaledLog, outcome: Outcome) -> Outcome:
    """Return *outcome*, or a failure if its value cannot be written."""
    records = log.record.records
    if not isinstance(outcome, Success) or (records and records[-1].output is outcome.value):
        return outcome  # already written as the output of a step
    try:
        log.check(ev.Finish, status="success", result=outcome.value)
    except UNRECORDABLE as exc:
        return Failed(exc)
    return outcome


@trio.lowlevel.enable_ki_protection
async def save(life: Life, keeper: Keeper) -> None:
    """Wait until the end of the part is on disk, then release the run to other processes.

    Shielded: the events have happened, and the writer bounds how long a write may take.
    """
    with trio.CancelScope(shield=True):
        try:
            try:
                await keeper.wait_stored(life)
            finally:  # others may continue the run if they can write to it
                await keeper.release(life)
        except BaseException as exc:
            if must_pass(exc):
                raise
            life.failure = life.failure or exc
    if not keeper.is_complete(life) and life.phase in AT_REST:
        life.move("halt")


@trio.lowlevel.enable_ki_protection
async def abandon(life: Life, exc: BaseException) -> None:
    """End a run that *exc* left unfinished: as failed, or as canceled if *exc* must pass."""
    life.core.heed(exc)
    if not must_pass(exc):
        life.failure = exc
        report("run %s failed because of an error in trioflow itself", life.run_id, error=exc)
    try:
        emit_abandoned(life)
    except BaseException as error:
        life.failure = life.failure or error
        report("the end of run %s cannot be recorded", life.run_id, error=error)
        life.phase = Phase.HALTED
    life.core.readers.end_part(has_ended=True)
    if life.keeper is not None:
        await save(life, life.keeper)


async def end_undriven(life: Life, exc: BaseException) -> None:
    """End a run that has begun, if *exc* was raised before a task could drive it."""
    if life.is_driven_here and life.driver is None:
        await abandon(life, exc)
        life.come_to_rest()


def emit_abandoned(life: Life) -> None:
    """Emit the missing events that end a run; the output of open calls is discarded.

    Decides by the record, not by the phase, which may lag behind.
    """
    record = life.record
    if record.status == "pending":
        emit_start(life)
    if record.open:
        life.core.log.emit(ev.Recover)
    if record.ended_at is None and record.status in WAITING_STATUSES:
        _emit_last(life, ev.Finish, status=record.status)
    elif record.ended_at is None:
        if life.failure is None and not record.is_canceled:
            _emit_last(life, ev.Canceled, reason=life.core.reason, by=life.core.by)
        status: ev.RunStatus = "canceled" if record.is_canceled else "failed"
        _emit_last(life, ev.Finish, status=status, error=life.failure, **life.usage())
    life.result = recorded_result(life.plan, record)
    life.phase = Phase.WAITING if record.status in WAITING_STATUSES else Phase.FINISHED


def _emit_last(life: Life, event_type: type[ev.Event], **fields: Any) -> None:
    """Emit an event that the record allows, even if the phase does not."""
    life.core.log.emit(event_type, **fields)
    with suppress(RunStateError):
        life.move(event_type.type)


async def carry_on(life: Life) -> RunResult[Any]:
    """Drive the part that has begun: in the task that drives the run already, else in this one."""
    try:
        if life.parked is not None:
            life.parked.set()
        elif life.home is not None:
            life.home.start_soon(life)
        else:
            return await drive(life)
    except BaseException as exc:
        await end_undriven(life, exc)
        raise
    return await life.wait()


@asynccontextmanager
async def beginning(life: Life) -> AsyncGenerator[None, None]:
    """Begin a part of a claimed run in the block.

    If the block raises before the part has begun, the claim is released; if it raises later, the
    run ends.
    """
    before = life.record.next_seq
    try:
        yield
    except BaseException as exc:
        if life.record.next_seq > before:
            await end_undriven(life, exc)
        # If the run is driven here, a concurrent answer came first and owns the claim.
        elif life.keeper is not None and (life.is_at_rest or life.is_lost):
            with trio.CancelScope(shield=True):
                await life.keeper.release(life)
        raise
