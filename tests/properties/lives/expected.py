"""With what a run, or its engine, must refuse what is asked of it."""

from __future__ import annotations

from tests.properties.lives.processes import Process
from tests.properties.lives.world import TAKEN, Errors, World
from trioflow import Run
from trioflow._phases import Phase
from trioflow.errors import (
    DuplicateRunError,
    JournalConflictError,
    NotResumableError,
    RunAlreadyStartedError,
    RunClaimedError,
    RunFinishedError,
    RunStateError,
    UnknownRunError,
    UnreadableRunError,
)
from trioflow.events import WAITING_STATUSES

AnyRun = Run[tuple[()], object]
LOST = (Phase.ELSEWHERE, Phase.HALTED, Phase.UNREADABLE)


def start(world: World, run: AnyRun) -> Errors:
    if run._life.phase is not Phase.PENDING:
        return (RunAlreadyStartedError,)
    return TAKEN if world.status is None else (DuplicateRunError,)


def load(world: World, process: Process) -> Errors:
    return TAKEN if process.life is not None or world.status is not None else (UnknownRunError,)


def recover_run(world: World, process: Process, run: AnyRun) -> Errors:
    match run._life.phase:
        case Phase.FINISHED:
            return TAKEN
        case Phase.UNREADABLE:
            return (UnreadableRunError,)
        case Phase.ELSEWHERE if not world.is_free_for(process):
            return (RunClaimedError,)
        case Phase.ELSEWHERE if not world.has_ended and not world.is_readable(process):
            return (UnreadableRunError,)
        case Phase.ELSEWHERE:
            return TAKEN
    return (NotResumableError,)


def answer(world: World, process: Process, run: AnyRun) -> Errors:
    """Return with what an answer must be refused, be it right or wrong."""
    match run._life.phase:
        case Phase.UNREADABLE:
            return (UnreadableRunError,)
        case Phase.WAITING if not world.is_free_for(process):
            return (RunClaimedError,)
        case Phase.WAITING if not world.has_ended and not world.is_readable(process):
            return (UnreadableRunError,)
        case Phase.WAITING if world.status in WAITING_STATUSES:
            return TAKEN
    return (NotResumableError,)


def resume_run(world: World, process: Process) -> Errors:
    """Return with what an engine must refuse an answer. It takes what others have to do."""
    life = process.life
    if life is not None and life.is_driven_here:
        return (NotResumableError,)
    if world.status is None:
        return (UnknownRunError,) if life is None else (NotResumableError,)
    if world.has_ended:
        return (NotResumableError, RunFinishedError)
    if not world.is_free_for(process):
        return TAKEN
    if not world.is_readable(process):
        return (UnreadableRunError,)
    return TAKEN


def send(run: AnyRun) -> Errors:
    match run._life.phase:
        case Phase.FINISHED | Phase.HALTED:
            return (RunFinishedError,)
        case Phase.ELSEWHERE:
            return (RunClaimedError,)
        case Phase.UNREADABLE:
            return (UnreadableRunError,)
    return TAKEN


def cancel(run: AnyRun) -> Errors:
    match run._life.phase:
        case Phase.ELSEWHERE:
            return (RunClaimedError,)
        case Phase.UNREADABLE:
            return (UnreadableRunError,)
    return TAKEN


def drain(world: World, run: AnyRun) -> Errors:
    match run._life.phase:
        case Phase.PENDING:
            return (RunStateError,)
        case Phase.WAITING if world.is_news_to(run._life):
            return (JournalConflictError,)
        case Phase.HALTED if isinstance(run._life.failure, Exception):
            return (type(run._life.failure),)
    return cancel(run)


def request(world: World, process: Process) -> Errors:
    """Return with what an engine must refuse an event, a cancel or a drain."""
    life = process.life
    if life is not None and life.is_driven_here:
        return TAKEN
    if world.status is None:
        return (UnknownRunError,)
    return (RunFinishedError, NotResumableError) if world.has_ended else TAKEN


def fork(process: Process, run: AnyRun) -> Errors:
    life = run._life
    if life.result is None:
        return (NotResumableError, UnreadableRunError)
    return TAKEN
