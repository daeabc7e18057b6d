"""What a suspended run does without an answer: its questions expire and its deadlines pass."""

from __future__ import annotations

import trio

from trioflow import events as ev
from trioflow._engine.life.driving import beginning
from trioflow._engine.life.life import Life
from trioflow._engine.life.resuming import begin_part, emit_expired
from trioflow._engine.running.sleeping import next_look
from trioflow._phases import Phase


def begin_due(life: Life) -> bool:
    """Begin a part that fails everything overdue; return whether there was anything.

    The run must be suspended, and claimed if it is durable.
    """
    record, log = life.record, life.core.log
    log.start_clock()
    now, due_at = log.now(), record.due_at()
    if due_at is None or due_at > now:
        return False
    expired = [record for record, _, until in record.expiring() if until <= now]
    targets = dict.fromkeys([*(each.address for each in expired), *record.overdue_calls(now)])
    span_id = life.trace.continue_part(life.core.tracing_context, life.resource_id)
    life.emit(ev.Resume, targets=tuple(targets), answered=False, span_id=span_id)
    emit_expired(life, now)
    begin_part(life)
    return True


async def continue_due(life: Life) -> bool:
    """Claim a run and call `begin_due`; do nothing if another process was faster.

    Raises:
      RunClaimedError: if another process drives it.

    **Checkpoints**: always.
    """
    async with life.resuming:
        if life.phase is not Phase.WAITING:
            return False
        await life.wait_for_rest()
        if life.keeper is not None:
            await life.keeper.claim(life)
            await life.keeper.attend(life)  # an answer that was sent in time comes first
        async with beginning(life):
            has_begun = life.phase is Phase.WAITING and begin_due(life)
        if life.keeper is not None and not life.is_driven_here:
            await life.keeper.release(life)
    return has_begun


async def wait_due(life: Life, other: trio.Event) -> bool:
    """Wait until a suspended run is due; return False if *other* is set first.

    **Checkpoints**: always.
    """
    log = life.core.log
    while True:
        due_at = life.record.due_at() if life.phase is Phase.WAITING else None
        if due_at is None:
            await other.wait()
            return False
        log.start_clock()
        with trio.move_on_at(next_look(due_at - log.epoch)):
            await other.wait()
            return False
        if life.phase is Phase.WAITING and log.now() >= due_at:
            return True
