"""Apply a stored request to its run."""

from __future__ import annotations

import logging

import trio

from trioflow._engine.base.outcome import must_pass
from trioflow._engine.base.reporting import report, reported
from trioflow._engine.journal.inbox import Cancel, Command, Drain, Resume, Send, from_request
from trioflow._engine.journal.journal import RunJournal
from trioflow._engine.life.ending import cancel, drain, receive
from trioflow._engine.life.life import Life
from trioflow._engine.life.registry import RunRegistry
from trioflow._engine.life.resuming import begin_resume
from trioflow._phases import Phase
from trioflow.abc import Request
from trioflow.errors import RunFinishedError
from trioflow.wire._shown import message_of


def apply(life: Life, journal: RunJournal, request: Request, nursery: trio.Nursery) -> None:
    """Apply a request, once, to a run that this engine has claimed.

    The request is removed from the store together with the events of its effect. A request that the
    run refuses, such as an answer for a step that is not waiting, is logged and removed.
    """
    if request.id <= journal.applied:
        return
    journal.applied = request.id
    try:
        done = _apply(life, from_request(request, journal.writer), request, nursery)
    except BaseException as exc:  # structuring an answer calls user code
        if must_pass(exc):
            raise
        message = "run %s has refused a request (%s): %s"
        report(message, life.run_id, request.kind, message_of(exc), level=logging.WARNING)
        done = True
    if done:
        journal.acknowledge((request.id,))


def is_early(life: Life, journal: RunJournal, request: Request) -> bool:
    """Return whether a request came while this engine is releasing a run that waits.

    Other processes see that the run is suspended before its claim is released.
    """
    is_saved = journal.claimed and (request.kind != "resume" or life.is_at_rest)
    return life.phase is Phase.WAITING and not is_saved


def _apply(life: Life, command: Command, request: Request, nursery: trio.Nursery) -> bool:
    """Begin the request; return whether its effect is recorded already."""
    match command:
        case Send(name=name, data=data):
            receive(life, name, data, request.by)
            return True
        case Resume(answer=answer):
            begin_resume(life, answer, request.by)
            return True
        case Cancel(reason=reason):
            return _end(life, request, reason)
        case Drain(grace=grace) if life.is_driven_here:
            life.cancel_requests += (request.id,)
            nursery.start_soon(_drain, life, grace, request.by)
            return False
        case Drain():
            return _end(life, request, "drained")  # no body of it is running


async def _drain(life: Life, grace: float, by: str | None) -> None:
    with reported("run %s could not be drained", life.run_id):
        await drain(life, grace, by)


def _end(life: Life, request: Request, reason: str | None) -> bool:
    if life.core.is_canceled and life.is_driven_here:
        return True  # it is ending already
    life.cancel_requests += (request.id,)  # to be removed when its end is recorded
    if life.phase is Phase.WAITING and life.plan.has_end_hooks:
        life.begin_end(reason, request.by)  # the engine that claimed it drives it
    else:
        life.cancel(reason, request.by)
    return False


def command_here(life: Life, command: Command, by: str | None, registry: RunRegistry) -> None:
    """Apply a command to a run that no store has.

    Raises: what `Life.cancel`, `receive` and `begin_resume` raise.
      RunFinishedError: if it has finished.
    """
    if life.phase is Phase.FINISHED and isinstance(command, Cancel | Drain):
        problem = "there is nothing left to cancel"
        raise RunFinishedError(life.run_id, life.record.status, problem)
    match command:
        case Cancel(reason=reason):
            cancel(life, reason, by)
        case Send(name=name, data=data):
            receive(life, name, data, by)
        case Resume(answer=answer):
            registry.check_open(life.record)
            begin_resume(life, answer, by)
            registry.own(life)
            registry.start_soon(life)
        case Drain(grace=grace):
            registry.nursery.start_soon(drain, life, grace, by)
