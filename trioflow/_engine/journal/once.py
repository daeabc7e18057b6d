"""Runs of which only one may exist: started here, or attached to the existing run."""

from __future__ import annotations

import logging

import trio

from trioflow._engine.journal.durable_runs import journal_of
from trioflow._engine.journal.first_start import start_if_new
from trioflow._engine.journal.inbox import Cancel, Command, Send
from trioflow._engine.journal.requesting import send_command
from trioflow._engine.journal.stored_runs import StoredRuns
from trioflow._engine.life.ending import give_up
from trioflow._engine.life.life import Life
from trioflow.abc import StoredRun
from trioflow.errors import DuplicateRunError, JournalConflictError, TrioflowError

logger = logging.getLogger("trioflow")


async def register(runs: StoredRuns, life: Life) -> bool:
    """Store that a run will be started later; return False if its id is taken.

    The caller holds the run's lock, and the run is forgotten: another process may start it.

    Raises:
      StoreError: if it cannot be written.
    """
    runs.registry.forget(life)
    try:
        await runs.durable.writer.append(journal_of(life).registration())
    except JournalConflictError:
        return False
    return True


async def start_once(runs: StoredRuns, life: Life, tick: tuple[str, float] | None = None) -> bool:
    """Drive a run here, or forget it if its id is taken. The caller holds the run's lock.

    Args:
      tick: The tick of a schedule that the run is of, see ``Append.tick``.

    Raises:
      StoreError, JournalConflictError: if the start cannot be written. The run is forgotten.
    """
    is_started = False
    try:
        is_started = await _start(runs, life, tick) is None
    finally:
        if not is_started:
            runs.registry.forget(life)
    return is_started


async def begin_or_attach(runs: StoredRuns, life: Life) -> bool:
    """Begin a run for its caller to drive, or make it the stored run with its id.

    Return False if it is the stored run.

    Raises:
      StoreError, JournalConflictError, DuplicateRunError: if neither is possible. The run is
      forgotten.
    """
    try:
        # Shielded: otherwise, a run that has begun on disk would have no driver.
        with trio.CancelScope(shield=True):
            async with runs.registry.lock(life.run_id):
                taken = await start_if_new(runs.durable, life)
                if taken is None:
                    return True
                await _attach(runs, life, taken)
    except BaseException as exc:
        runs.registry.forget(life)
        give_up(life, exc)
        raise
    await _hand_on(runs, life)
    return False


async def start_or_attach(runs: StoredRuns, life: Life) -> None:
    """Drive a run here, or make it the stored run with its id.

    If neither is possible, `Run.wait` raises the reason and the engine forgets the run.
    """
    try:
        async with runs.registry.lock(life.run_id):
            taken = await _start(runs, life)
            if taken is None:
                return
            await _attach(runs, life, taken)
    except Exception as exc:
        runs.registry.forget(life)
        give_up(life, exc)
    else:
        await _hand_on(runs, life)


async def _start(
    runs: StoredRuns, life: Life, tick: tuple[str, float] | None = None
) -> StoredRun | None:
    """Drive a run here, unless its id is taken; return the run that has it."""
    taken = await start_if_new(runs.durable, life, tick)
    if taken is None:
        runs.durable.begin(life)  # its first turn may come late
        runs.registry.start_soon(life)
    return taken


async def _attach(runs: StoredRuns, life: Life, taken: StoredRun) -> None:
    if taken.header.workflow_id != life.plan.id:
        raise DuplicateRunError(life.run_id)
    await runs.durable.fill(life, taken)
    life.tags = taken.header.tags
    life.follow()


async def _hand_on(runs: StoredRuns, life: Life) -> None:
    """Send the stored run the requests that its new caller made before the run was found."""
    core = life.core
    early = core.mailbox.take_early() if core.has_mail else []
    commands: list[tuple[Command, str | None]] = []
    commands += [(Send(each.event, each.data), each.by) for each in early]
    commands += [(Cancel(core.reason), core.by)] if core.is_canceled else []
    core.is_canceled, core.reason, core.by = False, None, None
    for command, by in commands:
        try:
            await send_command(runs, life.run_id, command, by)
        except TrioflowError as exc:
            logger.warning("run %s refused a request (%s): %s", life.run_id, command.kind, exc)
