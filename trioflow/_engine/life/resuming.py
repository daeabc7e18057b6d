"""Resume a suspended run with an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from trioflow import events as ev
from trioflow._engine.base.find_call import find_call
from trioflow._engine.base.plan import WorkflowPlan
from trioflow._engine.history.answers import check_answers
from trioflow._engine.history.replay import Replay
from trioflow._engine.history.suspensions import Suspension, select
from trioflow._engine.life.driving import beginning
from trioflow._engine.life.life import Life
from trioflow._engine.running.shared_context import SharedContext
from trioflow._engine.stream.fairness import Pacer
from trioflow._phases import Phase
from trioflow.context import MISSING
from trioflow.errors import NotResumableError


@attrs.frozen(kw_only=True)
class Answer:
    """The data a run is resumed with, and the steps it is meant for."""

    step: str | Sequence[str] | None = None
    data: Any = MISSING
    """MISSING: the step runs again without an answer."""
    label: str | None = None
    index: int | None = None
    runtime_context: Mapping[str, Any] = attrs.field(factory=dict)
    per_step: bool = False


async def resume(life: Life, answer: Answer, by: str | None = None) -> int:
    """Begin the next part of a run, and return the ``seq`` of the last event before it.

    A durable run is claimed first, so that no other process drives it; then the changes that other
    processes have made are taken over, and what they have requested of it is applied: an answer
    that was sent earlier comes first.

    Raises:
      RunClaimedError: if another process drives it.
      RunStateError: if the engine that would drive it is closed.
      UnreadableRunError, JournalFormatError: if its journal cannot be used.
      NotResumableError, NotSuspendedError, AmbiguousResumeError, InvalidValueError,
      NotSerializableError: as `begin_resume` does.

    **Checkpoints**: always.
    """
    if life.home is not None:  # before anything is recorded that could not run
        life.home.check_open(life.record)
    part = life.part
    async with life.resuming:
        # Even if it asks again by now: that is another question. What happened in another process
        # may be new to this run, but not to its caller.
        _check_part(life, part, "a concurrent resume() won")
        await _claim(life)
        _check_part(life, part, "an answer that was sent earlier came first")
        last = life.record.next_seq - 1
        async with beginning(life):
            begin_resume(life, answer, by)
    return last


def _check_part(life: Life, part: int, problem: str) -> None:
    if life.part != part:
        raise NotResumableError(life.run_id, life.record.status, problem)


async def _claim(life: Life) -> None:
    if life.keeper is not None and life.phase is Phase.WAITING:
        await life.wait_for_rest()  # otherwise the last part would release the claim
        await life.keeper.claim(life)
        await life.keeper.attend(life)


def begin_resume(life: Life, answer: Answer, by: str | None = None) -> None:
    """Record an answer and begin the next part of the run.

    The second of two answers finds the run running.

    Raises:
      UnreadableRunError: if the journal holds a value that the workflow cannot use.
      NotResumableError: if the run is not waiting for anything.
      NotSuspendedError: if no waiting step matches the answer.
      AmbiguousResumeError: if several waiting steps match.
      InvalidValueError: if the answer does not fit the step's ``resume`` type.
      NotSerializableError: if the run is durable and the answer cannot be written.
    """
    if life.unreadable is not None:
        raise life.unreadable
    record = life.record
    if life.phase is not Phase.WAITING or not life.is_at_rest:
        raise not_resumable(life)
    targets: tuple[Suspension, ...] = ()
    if record.status == "suspended":
        targets = select(record, answer.step, answer.label, answer.index)
    context = dict(SharedContext(answer.runtime_context))
    is_answer = answer.data is not MISSING
    data = answer.data if is_answer else None
    asks = [target for target in targets if target.key is not None and is_answer]
    if asks:
        _check_asks(life, asks, data)
    elif targets and is_answer:  # the items of one step, if there are several
        data = structured_answer(life.plan, targets[0].address, data)
    span_id = life.trace.continue_part(life.core.tracing_context, life.resource_id)
    life.emit(
        ev.Resume,
        targets=tuple(target.address for target in targets),
        answered=is_answer and not asks,
        data=None if asks else data,
        runtime_context=context,
        span_id=span_id,
        by=by,
    )
    for target in asks:
        _emit_answer(life, target.address, key=target.key, data=data)
    emit_expired(life, life.core.log.now())
    life.core.per_step = answer.per_step
    begin_part(life)


def not_resumable(life: Life) -> NotResumableError:
    """Return the error for resuming a run that is neither suspended nor paused."""
    status, problem = life.record.status, "it is not suspended or paused"
    if life.phase is Phase.FINISHED and status in ("failed", "canceled"):
        problem += "; to repeat what failed, use run.retry(), or trioflow retry RUN"
    return NotResumableError(life.run_id, status, problem)


def _check_asks(life: Life, asks: Sequence[Suspension], data: Any) -> None:
    """Check that these questions accept the answer."""
    core = life.core
    for ask in asks:
        until = None if ask.question is None else ask.question["until"]
        if until is None:
            continue
        core.log.start_clock()
        if until <= core.log.now():
            problem = f"question {ask} has expired"
            raise NotResumableError(life.run_id, life.record.status, problem)
    check_answers(asks, data, core.notes.structures, core.services.converter)
    if life.journaled is not None:
        life.journaled.check(ev.StepAnswered, id="", address="0", key="", data=data)


def emit_expired(life: Life, now: float) -> None:
    """Mark all questions as expired whose time has passed by *now*."""
    for record, key, until in life.record.expiring():
        if until <= now:
            _emit_answer(life, record.address, key=key, expired=True)


def _emit_answer(life: Life, address: str, **fields: Any) -> None:
    record = life.record.calls[address]
    life.core.log.emit(ev.StepAnswered, id=record.id, address=address, round=record.round, **fields)


def structured_answer(plan: WorkflowPlan, address: str, data: Any) -> Any:
    """Return an answer structured for the step called at *address*."""
    structure = find_call(plan, address).structure_resume
    return data if structure is None else structure(data)


def begin_part(life: Life) -> None:
    """Prepare the run for another part."""
    record, core = life.record, life.core
    life.part += 1
    life.leave_rest()
    core.begin_part(record.runtime_context, record.received.values())
    core.pacer = Pacer(core.log, life.plan.reputation)
    if record.deadline is not None or record.deadlines:
        core.log.start_clock()  # deadlines follow the calendar, which may have changed
    core.replay = Replay(record, core.log.now())


def check_no_open_stream(life: Life) -> None:
    """Check that no open stream would drive the run.

    Raises:
      NotResumableError: if there is one; two tasks would drive the run.
    """
    if life.parked is not None:
        problem = "its stream is still open; call resume() and keep reading that stream"
        raise NotResumableError(life.run_id, life.record.status, problem)
