"""What reaches a run from outside: events, a drain, and the closing of its engine."""

from __future__ import annotations

import math
from typing import Any

import trio

from trioflow import events as ev
from trioflow._engine.base.given import check_string
from trioflow._engine.base.outcome import must_pass
from trioflow._engine.base.reporting import report
from trioflow._engine.life.driving import drive, end_undriven
from trioflow._engine.life.life import AT_REST, Life
from trioflow._engine.life.starting import emit_start
from trioflow._engine.running.mailbox import Early
from trioflow._phases import Phase
from trioflow.errors import RunClaimedError, RunFinishedError
from trioflow.wire._shown import message_of


def receive(life: Life, name: str, data: Any, by: str | None = None) -> None:
    """Accept a named event from outside.

    Raises:
      TypeError: if *name* is not a string.
      RunFinishedError: if the run has finished.
      RunClaimedError: if another process drives it.
      UnreadableRunError: if its journal cannot be used here.
      MailboxFullError: if too many events are waiting to be taken.
      NotSerializableError: if the run is durable and *data* cannot be written.
    """
    check_string("name", name)
    log, mailbox = life.core.log, life.core.mailbox
    if life.unreadable is not None:
        raise life.unreadable
    if life.phase is Phase.ELSEWHERE:
        raise RunClaimedError(life.run_id, call="engine.send_event()")
    if life.phase in (Phase.FINISHED, Phase.HALTED):
        raise RunFinishedError(
            life.run_id, log.record.status, f"cannot send event {name!r}: the run has ended"
        )
    mailbox.check_room(name)
    if life.phase in (Phase.PENDING, Phase.STARTING):
        if life.journaled is not None:
            life.journaled.check(ev.EventReceived, event=name, data=data)
        mailbox.hold(Early(name, data, by))
    else:
        mailbox.put(log.emit(ev.EventReceived, event=name, data=data, by=by))


@trio.lowlevel.enable_ki_protection
def cancel(life: Life, reason: str | None, by: str | None = None) -> None:
    """Cancel a run as `Life.cancel` does.

    If the run is waiting and has hooks, a task calls them, and the run finishes after them.

    Raises:
      RunClaimedError: if another process drives it.
      UnreadableRunError: if its journal cannot be used here.
    """
    if life.phase is not Phase.WAITING or not life.plan.has_end_hooks:
        life.cancel(reason, by)
        return
    life.begin_end(reason, by, _end_soon)


def _end_soon(life: Life) -> None:
    if life.home is not None:
        life.home.end_soon(life)
    else:
        trio.lowlevel.spawn_system_task(end_canceled, life)


async def end_canceled(life: Life) -> None:
    """Drive a run that was canceled while it waited until it finishes."""
    try:
        if life.keeper is not None:
            await life.keeper.claim(life)
        await drive(life, by_engine=True)
    except BaseException as exc:
        await end_undriven(life, exc)
        if must_pass(exc):
            raise
        report("run %s did not end cleanly: %s", life.run_id, message_of(exc))


async def settle(life: Life, grace: float) -> None:
    """Start no further step of a run, and wait until none is running.

    Args:
      grace: The maximum number of seconds to wait.
    """
    life.core.pacer.hold()
    with trio.move_on_after(grace):
        await life.core.wait_idle()


async def drain(life: Life, grace: float = math.inf, by: str | None = None) -> None:
    """Start no further step, let running ones end, and cancel what remains after *grace*.

    Sleeps, waits for events and pauses between attempts are interrupted: no body runs in them.

    Args:
      grace: Seconds that running bodies get.

    Raises:
      RunClaimedError: if it is running in another process.
    """
    if life.phase is Phase.ELSEWHERE:
        raise RunClaimedError(life.run_id, call="engine.drain_run()")
    await settle(life, grace)
    # A step may complete between the time-out and the cancel. That is fine: its output is already
    # folded, and the cancel then finds nothing to stop.
    cancel(life, "drained", by)


def break_off(life: Life, failure: BaseException) -> None:
    """Stop the run because its journal cannot be written."""
    if life.driver is None and life.phase in AT_REST:
        # It accepted a request while it waited, and another process has driven it since.
        life.move("halt")
        give_up(life, failure)
        return
    life.failure = failure
    life.core.cancel(None)


def give_up(life: Life, failure: BaseException) -> None:
    """End all waits for the run and all its readers: this process learns nothing more about it."""
    life.failure = failure
    life.core.readers.end_part(has_ended=True)
    life.come_to_rest()


def halt(life: Life) -> None:
    """Halt the run: its journal stops here, and it can be recovered from there.

    A run that was canceled before is not halted: its end belongs in the journal.
    """
    if not life.is_driven_here:
        return
    if life.keeper is not None and not life.core.is_canceled:
        if life.phase is Phase.STARTING:  # otherwise no record of it would exist
            emit_start(life)
        life.core.log.stop()
    life.cancel("the engine was closed")
