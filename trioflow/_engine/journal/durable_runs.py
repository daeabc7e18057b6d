"""Durable runs: what ties the runs of an engine to the store."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import attrs
import trio

from trioflow import events as ev
from trioflow._engine.base.nursery import open_owned_nursery
from trioflow._engine.journal.codec import FORMAT, check_format, decode
from trioflow._engine.journal.journal import RunJournal
from trioflow._engine.journal.writer import JournalWriter, open_writer
from trioflow._engine.life.ending import break_off
from trioflow._engine.life.life import Life
from trioflow._engine.life.ports import Keeper
from trioflow._engine.life.recovering import adopt
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
from trioflow.record import fold

UNFINISHED: tuple[RunStatus, ...] = ("pending", "running")
PAGE = 1000
"""How many entries are read at a time."""

logger = logging.getLogger("trioflow")


@attrs.define(eq=False)
class DurableRuns:
    """Writes, claims and loads the runs of one engine. A `Keeper` of lives."""

    writer: JournalWriter
    make: Callable[[StoredRun, Keeper], Life]
    """Makes a life for a stored run; raises UnknownNameError if its workflow is unknown."""
    _journals: dict[str, RunJournal] = attrs.field(factory=dict)
    """The journals of the runs that are driven here."""

    @property
    def store(self) -> Store:
        return self.writer.store

    # ------------------------------------------------------------ runs of this engine
    def keep(self, life: Life, *, stored: StoredRun | None = None) -> None:
        """Have the events of a run written from now on."""
        assert life.journaled is not None  # it was made for this keeper
        last = stored.last_seq if stored else -1
        life.journaled.journal = RunJournal(
            header=stored.header if stored else _header(life),
            writer=self.writer,
            record=life.record,
            on_failure=partial(break_off, life),
            stored=last,
            added=last,
            claimed=stored is None,
        )

    def begin(self, life: Life) -> None:
        """Take note that a run is driven here from now on."""
        journal = _journal_of(life)
        journal.claimed = True
        self._journals[life.run_id] = journal

    def stop(self, life: Life) -> None:
        """Write no further event of a run; those that have happened are still written."""
        _journal_of(life).stop()

    def is_complete(self, life: Life) -> bool:
        """Tell whether all that has happened to a run is written."""
        return _journal_of(life).is_complete

    async def wait_stored(self, life: Life) -> None:
        """Wait until all that has happened is on disk, and raise what prevents it."""
        await _journal_of(life).wait_stored()

    async def claim(self, life: Life) -> None:
        """Make this engine the one that drives a run, and take over what is new.

        Raises:
          RunClaimedError: if it is driven elsewhere.
          JournalFormatError: if what is new is damaged.
        """
        journal = _journal_of(life)
        if journal.stored < 0:
            return  # its first write claims it
        await journal.wait_stored()  # what came from outside while the run waited
        if not await self.store.claim(life.run_id, self.writer.owner, self.writer.claim_seconds):
            stored = await self.store.get(life.run_id)
            raise RunClaimedError(life.run_id, stored.owner if stored else None)
        journal.claimed = True
        try:
            await self.catch_up(life)
        except BaseException:  # nobody could drive the run until the claim expires
            with trio.CancelScope(shield=True):
                await self.release(life)
            raise

    async def catch_up(self, life: Life) -> None:
        """Take over what others have added to the journal of a run that is not driven here.

        Raises:
          JournalFormatError: if it is damaged.
        """
        journal = _journal_of(life)
        news = await self._read(life.run_id, journal.stored)
        if news and not life.is_driven_here:
            adopt(life, news)
            journal.stored = journal.added = news[-1].seq

    async def release(self, life: Life) -> None:
        """Let others drive a run that is not driven here any more."""
        self._journals.pop(life.run_id, None)
        _journal_of(life).claimed = False
        await self.store.release(life.run_id, self.writer.owner)

    async def events(self, life: Life) -> Sequence[ev.Event]:
        """Return all events that the journal of a run holds."""
        return await self._read(life.run_id, -1)

    async def renew_forever(self) -> None:
        """Renew the claims of the runs that are driven. A run whose claim is lost stops."""
        while True:
            await trio.sleep(self.writer.claim_seconds / 3)
            if self._journals:
                await self._renew(dict(self._journals))

    async def _renew(self, expected: dict[str, RunJournal]) -> None:
        try:
            held = await self.store.renew(self.writer.owner, self.writer.claim_seconds)
        except StoreError as exc:
            logger.warning("claims not renewed: %s", exc)
            return
        for run_id, journal in expected.items():
            lost = run_id not in held and self._journals.get(run_id) is journal
            if lost and journal.stored >= 0:
                journal.fail(JournalConflictError(run_id, "its claim was lost to another"))

    # ------------------------------------------------------------ runs of the store
    async def load(self, run_id: str) -> Life:
        """Return a stored run, whatever its status, without driving it.

        Raises:
          UnknownRunError: if the store does not have it.
          UnknownNameError: if its workflow is unknown.
          JournalFormatError: if it is damaged, or was written by a later version.
          WorkflowChangedError: if its workflow contradicts what is recorded.
        """
        stored = await self.store.get(run_id)
        if stored is None:
            raise UnknownRunError(run_id)
        header = stored.header
        check_format(header)
        life = self.make(stored, self)
        recorded = await self._read(run_id, -1)
        if not recorded:  # a run is stored together with its start
            raise JournalFormatError(run_id, 0, "there is no such entry")
        changed = difference(header.fingerprint, life.plan, fold(recorded))
        if changed is not None:
            raise WorkflowChangedError(run_id, header.workflow_id, changed)
        self.keep(life, stored=stored)
        adopt(life, recorded)
        return life

    async def recoverable(self) -> list[str]:
        """Return the ids of runs that no living process drives, oldest first."""
        runs = await self.store.list_runs(status=UNFINISHED)
        return [run.header.run_id for run in reversed(runs)]

    async def _read(self, run_id: str, after: int) -> list[ev.Event]:
        events: list[ev.Event] = []
        while True:
            entries = await self.store.read(run_id, after, PAGE)
            events += decode(run_id, entries)
            if len(entries) < PAGE:
                return events
            after = entries[-1].seq


@asynccontextmanager
async def open_durable_runs(runs: DurableRuns) -> AsyncGenerator[None, None]:
    """Connect the store, and write and renew in the background while the block runs."""
    renewing = trio.CancelScope(shield=True)

    async def renew() -> None:
        with renewing:
            await runs.renew_forever()

    async with (
        runs.store,
        open_writer(runs.writer),
        open_owned_nursery(renewing.cancel) as nursery,
    ):
        nursery.start_soon(renew)
        yield


def _journal_of(life: Life) -> RunJournal:
    journal = None if life.journaled is None else life.journaled.journal
    assert isinstance(journal, RunJournal)  # keep() comes first
    return journal


def _header(life: Life) -> RunHeader:
    return RunHeader(
        run_id=life.run_id,
        workflow_id=life.plan.id,
        resource_id=life.resource_id,
        created_at=time.time(),
        format=FORMAT,
        fingerprint=fingerprint(life.plan),
    )
