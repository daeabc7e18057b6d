"""What reaches a run from outside: events, a cancel, and the end of its engine."""

from __future__ import annotations

from typing import Any

from trioflow import events as ev
from trioflow._engine.life.life import Life
from trioflow._engine.life.starting import emit_start
from trioflow._phases import Phase
from trioflow.errors import RunFinishedError


def receive(life: Life, name: str, data: Any) -> None:
    """Take a named event from outside.

    Raises:
      RunFinishedError: if the run has finished.
      MailboxFullError: if very many events wait to be taken.
      NotSerializableError: if the run is durable and *data* cannot be written.
    """
    log, mailbox = life.core.log, life.core.mailbox
    if life.phase in (Phase.FINISHED, Phase.HALTED):
        raise RunFinishedError(life.run_id, log.state.status, f"event {name!r} comes too late")
    mailbox.check_room(name)
    if life.phase in (Phase.PENDING, Phase.STARTING):
        if life.journaled is not None:
            life.journaled.check(ev.EventReceived, event=name, data=data)
        life.early = [*(life.early or ()), (name, data)]
    else:
        mailbox.put(log.emit(ev.EventReceived, event=name, data=data))


def break_off(life: Life, failure: Exception) -> None:
    """Stop the run because its journal cannot be written."""
    life.failure = failure
    life.core.cancel(None)


def halt(life: Life) -> None:
    """Stop the run, but not for good: its journal ends here, and it can be recovered from there.

    Not if it was canceled before, for then its end belongs into the journal.
    """
    if not life.is_driven_here:
        return
    if life.keeper is not None and not life.core.is_canceled:
        if life.phase is Phase.STARTING:  # or nobody would know of it
            emit_start(life)
        life.keeper.stop(life)
    life.cancel("the engine was closed")
