"""Durable runs: what ties the runs of an engine to the store."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import asynccontextmanager

import attrs
import trio

from trioflow import events as ev
from trioflow._engine.base.nursery import open_owned_nursery
from trioflow._engine.journal.codec import FORMAT, decode
from trioflow._engine.journal.journal import JournalWriter, RunJournal, open_writer
from trioflow._engine.life.execution import Execution
from trioflow._engine.planning.fingerprint import difference, fingerprint
from trioflow.abc import RunHeader, Store, StoredRun
from trioflow.errors import (
    JournalConflictError,
    JournalFormatError,
    RunClaimedError,
    StoreError,
    UnknownRunError,
    WorkflowChangedError,
)
from trioflow.events import RunStatus

UNFINISHED: Collection[RunStatus] = ("pending", "running")
PAGE = 1000
"""How many entries are read at a time."""

logger = logging.getLogger("trioflow")


@attrs.define(eq=False)
class Keeper:
    """Writes, claims and loads the runs of one engine."""

    writer: JournalWriter
    make: Callable[[StoredRun], Execution]
    """Makes an execution for a stored run; raises UnknownNameError if its workflow is unknown."""
    _claimed: dict[str, Execution] = attrs.field(factory=dict)
    """The runs that this engine goes on with."""

    @property
    def store(self) -> Store:
        return self.writer.store

    # ------------------------------------------------------------ runs of this engine
    def keep(self, execution: Execution, *, stored: StoredRun | None = None) -> None:
        """Have the events of a run written from now on."""
        log = execution.core.log
        header = stored.header if stored else None
        log.journal = RunJournal(
            header=header or _header(execution),
            writer=self.writer,
            state=log.state,
            on_failure=execution.break_off,
            stored=stored.last_seq if stored else -1,
            added=stored.last_seq if stored else -1,
            claimed=stored is None,
        )
        execution.keeper = self

    async def claim(self, execution: Execution) -> None:
        """Make this engine the one that goes on with a run, and take over what is new.

        Raises:
          RunClaimedError: if it is going on elsewhere.
        """
        journal = execution.core.log.journal
        if journal is None or journal.stored < 0:
            return  # its first write claims it
        run_id = journal.header.run_id
        await journal.wait_stored()  # what came from outside while the run waited
        if not await self.store.claim(run_id, self.writer.owner, self.writer.claim_seconds):
            stored = await self.store.get(run_id)
            raise RunClaimedError(run_id, stored.owner if stored else None)
        journal.claimed = True
        try:
            news = await self._read(run_id, journal.stored)
        except BaseException:  # nobody could go on with the run until the claim expires
            with trio.CancelScope(shield=True):
                await self.release(execution)
            raise
        if news:
            execution.adopt(news)
            journal.stored = journal.added = news[-1].seq

    async def events(self, execution: Execution) -> Sequence[ev.Event]:
        """Return all events of a run that its journal holds."""
        return await self._read(execution.core.log.run_id, -1)

    def begin(self, execution: Execution) -> None:
        """Take note that a run of this engine is going on."""
        log = execution.core.log
        self._claimed[log.run_id] = execution
        if log.journal is not None:
            log.journal.claimed = True

    async def release(self, execution: Execution) -> None:
        """Let others go on with a run that has settled here."""
        log = execution.core.log
        run_id = log.run_id
        self._claimed.pop(run_id, None)
        if log.journal is not None:
            log.journal.claimed = False
        await self.store.release(run_id, self.writer.owner)

    async def renew_forever(self) -> None:
        """Renew the claims of the runs that are going on. A run whose claim is lost stops."""
        while True:
            await trio.sleep(self.writer.claim_seconds / 3)
            if not self._claimed:
                continue
            expected = dict(self._claimed)
            try:
                held = await self.store.renew(self.writer.owner, self.writer.claim_seconds)
            except StoreError as exc:
                logger.warning("claims not renewed: %s", exc)
                continue
            for run_id, execution in expected.items():
                journal = execution.core.log.journal
                lost = run_id not in held and self._claimed.get(run_id) is execution
                if lost and journal is not None and journal.stored >= 0:
                    journal.fail(JournalConflictError(run_id, "its claim was lost to another"))

    # ------------------------------------------------------------ runs of the store
    async def load(self, run_id: str) -> Execution:
        """Return a stored run, settled or not, without going on with it.

        Raises:
          UnknownRunError: if the store does not have it.
          JournalFormatError: if it was written by a later version.
          WorkflowChangedError: if its workflow contradicts what is recorded.
        """
        stored = await self.store.get(run_id)
        if stored is None:
            raise UnknownRunError(run_id)
        if stored.header.format > FORMAT:
            raise JournalFormatError(run_id, stored.header.format, FORMAT)
        execution = self.make(stored)
        execution.adopt(await self._read(run_id, -1))
        changed = difference(stored.header.fingerprint, execution.plan, execution.core.log.state)
        if changed is not None:
            raise WorkflowChangedError(run_id, stored.header.workflow_id, changed)
        self.keep(execution, stored=stored)
        return execution

    async def recoverable(self) -> list[str]:
        """Return the ids of runs that no living process goes on with, oldest first."""
        runs = await self.store.list_runs(status=UNFINISHED)
        return [run.header.run_id for run in reversed(runs)]

    async def _read(self, run_id: str, after: int) -> list[ev.Event]:
        events: list[ev.Event] = []
        while True:
            entries = await self.store.read(run_id, after, PAGE)
            events += decode(entries)
            if len(entries) < PAGE:
                return events
            after = entries[-1].seq


@asynccontextmanager
async def open_keeper(keeper: Keeper) -> AsyncGenerator[None, None]:
    """Connect the store, and write and renew in the background while the block runs."""
    renewing = trio.CancelScope(shield=True)

    async def renew() -> None:
        with renewing:
            await keeper.renew_forever()

    async with (
        keeper.store,
        open_writer(keeper.writer),
        open_owned_nursery(renewing.cancel) as nursery,
    ):
        nursery.start_soon(renew)
        yield


def _header(execution: Execution) -> RunHeader:
    log = execution.core.log
    return RunHeader(
        run_id=log.run_id,
        workflow_id=execution.plan.id,
        resource_id=execution.resource_id,
        created_at=time.time(),
        format=FORMAT,
        fingerprint=fingerprint(execution.plan),
    )
