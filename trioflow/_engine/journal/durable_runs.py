"""Durable runs: what ties the runs of an engine to the store."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import attrs
import trio

from trioflow import events as ev
from trioflow._engine.base.nursery import open_owned_nursery
from trioflow._engine.history.restore import restore
from trioflow._engine.journal.claims import Claims
from trioflow._engine.journal.codec import FORMAT, check_format, decode_recorded
from trioflow._engine.journal.journal import RunJournal
from trioflow._engine.journal.reading import sources_of
from trioflow._engine.journal.writer import JournalWriter, open_writer
from trioflow._engine.life.ending import break_off
from trioflow._engine.life.life import Life
from trioflow._engine.life.ports import Keeper
from trioflow._engine.life.recovering import restore_journal
from trioflow._engine.planning.fingerprint import difference, fingerprint
from trioflow.abc import RunHeader, Store, StoredRun
from trioflow.errors import (
    JournalFormatError,
    RunClaimedError,
    StoreError,
    UnknownRunError,
    WorkflowChangedError,
)
from trioflow.record import fold

PAGE = 1000
"""How many entries are read at a time."""


@attrs.define(eq=False)
class DurableRuns:
    """Writes, claims and loads the runs of one engine. A `Keeper` of lives."""

    writer: JournalWriter
    claims: Claims
    make: Callable[[StoredRun, Keeper], Life]
    """Makes a life for a stored run; raises UnknownNameError if its workflow is unknown."""
    on_begin: Callable[[str], None] = attrs.field(default=lambda run_id: None)
    """Is told of each run that is driven here from now on."""
    on_broken: Callable[[str], None] = attrs.field(default=lambda run_id: None)
    """Is told of each run that is interrupted because the store is away."""

    @property
    def store(self) -> Store:
        return self.writer.store

    @property
    def owner(self) -> str:
        return self.writer.owner

    # ------------------------------------------------------------ runs of this engine
    def keep(self, life: Life, *, stored: StoredRun | None = None) -> None:
        """Have the events of a run written from now on."""
        assert life.journaled is not None  # it was made for this keeper
        last = stored.last_seq if stored else -1
        life.journaled.journal = RunJournal(
            header=stored.header if stored else _header(life),
            writer=self.writer,
            plan=life.plan,
            record=life.record,
            on_failure=partial(self._break_off, life),
            stored=last,
            added=last,
            claimed=stored is None,
            is_begun=stored is not None,
        )

    def _break_off(self, life: Life, failure: Exception) -> None:
        if isinstance(failure, StoreError):
            self.on_broken(life.run_id)
        break_off(life, failure)

    def begin(self, life: Life) -> None:
        """Take note that a run is driven here from now on."""
        journal = journal_of(life)
        journal.claimed = True
        self.claims.add(life.run_id, journal)
        self.on_begin(life.run_id)

    def stop(self, life: Life) -> None:
        """Write no further event of a run; those that have happened are still written."""
        journal_of(life).stop()

    def is_complete(self, life: Life) -> bool:
        """Tell whether all that has happened to a run is written."""
        return journal_of(life).is_complete

    def acknowledge(self, life: Life, requests: Sequence[int]) -> None:
        """Have stored requests removed, together with what is written next of the run."""
        journal_of(life).acknowledge(requests)

    async def wait_stored(self, life: Life) -> None:
        """Wait until all that has happened is on disk, and raise what prevents it."""
        await journal_of(life).wait_stored()

    async def claim(self, life: Life) -> None:
        """Make this engine the one that drives a run, and take over what is new.

        Raises:
          RunClaimedError: if it is driven elsewhere.
          JournalFormatError: if what is new is damaged.
        """
        journal = journal_of(life)
        if not journal.is_begun:
            return  # its first write claims it
        await journal.wait_stored()  # what came from outside while the run waited
        before = await self.store.get(life.run_id)
        if not await self.store.claim(life.run_id, self.owner, self.writer.claim_seconds):
            raise await self.claimed_elsewhere(life.run_id)
        # Who halts a run gives its claim back; who dies does not.
        if before is not None and before.owner != self.owner:
            life.has_crashed = before.owner is not None
        journal.claimed = True
        try:
            await self.catch_up(life)
        except BaseException:  # nobody could drive the run until the claim expires
            with trio.CancelScope(shield=True):
                await self.release(life)
            raise

    async def claimed_elsewhere(self, run_id: str) -> Exception:
        """Return what to raise if a run cannot be claimed."""
        stored = await self.store.get(run_id)
        if stored is None:
            return UnknownRunError(run_id)
        return RunClaimedError(run_id, stored.owner, stored.held_for)

    async def catch_up(self, life: Life) -> None:
        """Take over what others have added to the journal of a run that is not driven here.

        Raises:
          JournalFormatError: if it is damaged.
        """
        journal = journal_of(life)
        news = await self._read(life.run_id, journal.stored)
        if news and not life.is_driven_here:
            restore_journal(life, news, await sources_of(self.store, news, self.writer.codec))
            journal.stored = journal.added = news[-1].seq

    async def release(self, life: Life) -> None:
        """Let others drive a run that is not driven here any more."""
        self.claims.remove(life.run_id)
        journal_of(life).claimed = False
        await self.store.release(life.run_id, self.owner)

    async def events(self, life: Life) -> Sequence[ev.Event]:
        """Return all events that the journal of a run holds."""
        return restore(life.plan, await self._read(life.run_id, -1)).events

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
        restore_journal(life, recorded)
        return life

    async def _read(self, run_id: str, after: int) -> list[ev.Event]:
        events: list[ev.Event] = []
        while True:
            entries = await self.store.read(run_id, after, PAGE)
            events += decode_recorded(run_id, entries, self.writer.codec)
            if len(entries) < PAGE:
                return events
            after = entries[-1].seq


@asynccontextmanager
async def open_durable_runs(runs: DurableRuns) -> AsyncGenerator[None, None]:
    """Connect the store, and write and renew in the background while the block runs."""
    background = trio.CancelScope(shield=True)

    async def keep_claims() -> None:
        with background:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(runs.claims.renew_forever)
                nursery.start_soon(runs.claims.watch_forever)

    async with (
        runs.store,
        runs.store.open_owner(runs.owner),
        open_writer(runs.writer),
        open_owned_nursery(background.cancel) as nursery,
    ):
        nursery.start_soon(keep_claims)
        yield


def journal_of(life: Life) -> RunJournal:
    """Return the journal of a durable run."""
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
        tags=life.tags,
    )
