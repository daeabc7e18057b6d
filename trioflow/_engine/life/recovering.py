"""How a run continues from its journal after its process has died."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import trio

from trioflow import events as ev
from trioflow._engine.life.driving import beginning, carry_on
from trioflow._engine.life.ending import give_up
from trioflow._engine.life.life import Life
from trioflow._engine.life.resuming import begin_part
from trioflow._engine.running.results import recorded_result
from trioflow._phases import Phase
from trioflow.errors import HistoryGap, NotResumableError, UnreadableRunError
from trioflow.events import ACTIVE_STATUSES, FINISHED_STATUSES, WAITING_STATUSES
from trioflow.results import RunResult
from trioflow.tracing import NO_TRACING, TracingContext

NOTHING: Mapping[str, Any] = MappingProxyType({})


# ---------------------------------------------------------------- a journal
def restore_journal(
    life: Life, recorded: Sequence[ev.Event], sources: Sequence[ev.Event] = ()
) -> None:
    """Become the run that a journal describes, or take over new entries from other processes.

    A value that does not fit its type makes an unfinished run unreadable; a finished run keeps it
    as plain JSON.

    Args:
      sources: Earlier events that hold values these events refer to.

    Raises:
      JournalFormatError: if the journal is damaged.
    """
    from trioflow._engine.history.restore import Unreadable, restore

    restored = restore(life.plan, recorded, life.record.state, sources)
    adopt(life, restored.events, restored.errors if isinstance(restored, Unreadable) else ())


@trio.lowlevel.enable_ki_protection
def adopt(
    life: Life, events: Sequence[ev.Event], misfits: tuple[UnreadableRunError, ...] = ()
) -> None:
    """Become the run that these events describe, or take over later events of it.

    Args:
      misfits: Errors for the values that do not fit.

    Raises:
      JournalFormatError: if the events do not form a valid sequence.
    """
    try:
        _adopt(life, events, misfits)
    except BaseException as exc:  # a partly adopted run is unusable
        give_up(life, exc)
        raise


def _adopt(life: Life, events: Sequence[ev.Event], misfits: tuple[UnreadableRunError, ...]) -> None:
    log, record, before = life.core.log, life.record, life.phase
    log.adopt(events)
    log.start_clock()
    for event in events[:1]:
        if isinstance(event, ev.Start):
            life.input = life.value = event.input
            life.trace.id, life.resource_id = event.trace_id, event.resource_id
            life.trace.metadata = event.metadata
            if event.metadata:
                life.core.see_metadata(event.metadata)
            life.trace.context = TracingContext(
                None, event.traceparent, event.tracestate, event.baggage
            )
            if life.core.tracing_context == NO_TRACING:
                life.core.tracing_context = life.trace.context
    if misfits:
        life.misfits += misfits
    is_unfinished = record.status not in FINISHED_STATUSES
    life.unreadable = life.misfits[0] if is_unfinished and life.misfits else None
    life.move(f"found {_phase_of(life).value}")
    if life.phase is Phase.ELSEWHERE:
        life.leave_rest()
    else:
        life.result = recorded_result(life.plan, record)
        has_ended = life.phase is Phase.FINISHED
        if has_ended or before is not Phase.WAITING:  # else they continue past events of others
            life.core.readers.end_part(has_ended)
        life.come_to_rest()


def _phase_of(life: Life) -> Phase:
    """Return the phase of a run of which only the journal is known."""
    if life.unreadable is not None:
        return Phase.UNREADABLE
    if life.record.status in WAITING_STATUSES:
        return Phase.WAITING
    return Phase.ELSEWHERE if life.record.status in ACTIVE_STATUSES else Phase.FINISHED


async def recorded_events(life: Life) -> Sequence[ev.Event]:
    """Return all events of a run that has finished or waits.

    Raises:
      NotResumableError: if the run neither has finished nor waits.
      HistoryGap: if the first events are no longer held.
    """
    log = life.core.log
    if life.result is None:
        problem = "only a finished or suspended run can be forked"
        raise NotResumableError(life.run_id, log.record.status, problem)
    if log.readers.holds(None):
        return log.history()
    if life.keeper is None:
        raise HistoryGap(log.history()[0].seq)
    return await life.keeper.events(life)


# ---------------------------------------------------------------- the death of a process
async def recover(life: Life) -> RunResult[Any]:
    """Continue where a dead process stopped, or return the result if the run has ended.

    Raises:
      NotResumableError: if the run waits for an answer, or is driven here.
      RunClaimedError: if another process drives it.
      UnreadableRunError: if its journal holds a value that the workflow cannot use.
    """
    if life.phase is Phase.FINISHED:
        return await life.wait()
    async with life.resuming:
        await claim_dead(life)
        if life.result is not None:  # it has ended in the meantime
            return life.result
        async with beginning(life):
            begin_recovery(life)
    return await carry_on(life)


async def open_recovery(life: Life) -> int:
    """Begin the part that follows the death of the run's process.

    Returns the ``seq`` of the last event before it.

    Raises:
      NotResumableError: if the run has finished or waits, or is driven here.
      RunClaimedError: if another process drives it.
      UnreadableRunError: if its journal holds a value that the workflow cannot use.
    """
    async with life.resuming:
        await claim_dead(life)
        if life.result is not None:
            problem = "it has finished or suspended in the meantime"
            raise NotResumableError(life.run_id, life.record.status, problem)
        last = life.record.next_seq - 1
        async with beginning(life):
            begin_recovery(life)
    return last


async def recover_claimed(life: Life) -> None:
    """Begin the part that follows the death of the process of a run that is claimed here.

    Raises:
      NotResumableError: if the run has finished or waits.
      UnreadableRunError: if its journal holds a value that the workflow cannot use.
    """
    async with life.resuming:
        if life.unreadable is not None:
            raise life.unreadable
        if life.phase is not Phase.ELSEWHERE:
            problem = "it has finished or suspended in the meantime"
            raise NotResumableError(life.run_id, life.record.status, problem)
        async with beginning(life):
            begin_recovery(life)


async def claim_dead(life: Life) -> None:
    """Claim a run whose process has died, unless its journal shows that it has ended."""
    if life.unreadable is not None:
        raise life.unreadable
    if life.phase is not Phase.ELSEWHERE or life.keeper is None:
        problem = "only a run whose process has died can be recovered"
        raise NotResumableError(life.run_id, life.record.status, problem)
    await life.keeper.claim(life)
    if life.phase is not Phase.ELSEWHERE:  # it has ended in the meantime
        await life.keeper.release(life)
        if life.unreadable is not None:
            raise life.unreadable


def begin_recovery(life: Life, given: Mapping[str, Any] = NOTHING) -> None:
    """Begin the part that follows the death of the run's process, or the past of a fork.

    Args:
      given: Additional fields of the `Recover` event of a fork.
    """
    if life.record.is_canceled:  # only its last event is missing
        life.move("recover")
        life.move("canceled")
        life.leave_rest()
        return
    span_id = life.trace.continue_part(life.core.tracing_context, life.resource_id)
    life.emit(ev.Recover, span_id=span_id, crashed=life.has_crashed, **given)
    life.has_crashed = False
    begin_part(life)
