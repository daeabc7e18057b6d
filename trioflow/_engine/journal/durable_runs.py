"""Durable runs: the connection between the runs of an engine and the store."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import attrs
import trio

from trioflow import events as ev
from trioflow._engine.base.nursery import open_owned_nursery
from trioflow._engine.history.restore import restore
from trioflow._engine.journal.claims import Claims
from trioflow._engine.journal.codec import check_format, decode_recorded
from trioflow._engine.journal.headers import header_of
from trioflow._engine.journal.journal import RunJournal
from trioflow._engine.journal.observing import Journals
from trioflow._engine.journal.reading import PAGE, sources_of
from trioflow._engine.journal.writer import JournalWriter, open_writer
from trioflow._engine.life.ending import break_off
from trioflow._engine.life.life import Life
from trioflow._engine.life.ports import Keeper
from trioflow._engine.life.recovering import restore_journal
from trioflow._engine.planning.fingerprint import difference, fingerprint
from trioflow._engine.running.leases import Leases
from trioflow._engine.stream.fetching import Source
from trioflow._phases import Phase
from trioflow.abc import Store, StoredRun
from trioflow.errors import (
    DefinitionError,
    DuplicateRunError,
    JournalFormatError,
    NotResumableError,
    RunClaimedError,
    StoreError,
    UnknownRunError,
    WorkflowChangedError,
)
from trioflow.record import fold


@attrs.define(eq=False)
class DurableRuns:
    """Writes, claims and loads the runs of one engine. The `Keeper` of its lives."""

    writer: JournalWriter
    claims: Claims
    make: Callable[[StoredRun, Keeper], Life]
    """Makes a life for a stored run; raises UnknownNameError if its workflow is unknown."""
    on_begin: Callable[[str], None] = attrs.field(default=lambda run_id: None)
    """Called for each run that is driven here from now on."""
    on_broken: Callable[[str], None] = attrs.field(default=lambda run_id: None)
    """Called for each run that is interrupted because the store is unavailable."""
    on_duplicate: Callable[[Life], None] = attrs.field(default=lambda life: None)
    """Called for each run that cannot begin because its id is taken."""
    begin_or_attach: Callable[[Life], Awaitable[bool]] = attrs.field(init=False)
    """See `Keeper.begin_once`; the engine sets it."""
    attend_claimed: Callable[[Life], Awaitable[None]] = attrs.field(init=False)
    """See `Keeper.attend`; `StoredRuns` sets it."""
    on_followed: Callable[[Life], None] = attrs.field(default=lambda life: None)
    """Called for each run that is to be followed, see `Keeper.follow`."""
    journals: Journals = attrs.field(init=False)
    """Where observers continue to read."""

    @journals.default
    def _journals(self) -> Journals:
        return Journals(self.store, self.writer.codec, retries=self.writer.retries)

    @property
    def store(self) -> Store:
        return self.writer.store

    @property
    def owner(self) -> str:
        return self.writer.owner

    def check_writable(self) -> None:
        """Check that runs can be started here.

        Raises:
          StoreError: if the store is read-only.
        """
        if self.store.is_read_only:
            problem = "it is open for reading only, so no run can be started or continued"
            raise StoreError(repr(self.store), problem)

    # ------------------------------------------------------------ runs of this engine
    def check_new(self, life: Life) -> None:
        """Check that a run can be kept from its start.

        Raises:
          StoreError: if the store is read-only.
          DefinitionError: if a value of its workflow is a secret and there is no codec.
        """
        self.check_writable()
        forms = life.plan.forms
        if forms is not None and forms.secret is not None:
            problem = f"{forms.secret}, which could be read in the store"
            remedy = "open the engine with a codec=, or leave the secret out"
            raise DefinitionError(f"workflow {life.plan.id!r}", problem, remedy)

    def keep(self, life: Life, *, stored: StoredRun | None = None) -> None:
        """Write the events of a run from now on."""
        assert life.journaled is not None  # created for this keeper
        last = stored.last_seq if stored else -1
        life.journaled.journal = RunJournal(
            header=stored.header if stored else header_of(life),
            writer=self.writer,
            plan=life.plan,
            record=life.record,
            on_failure=partial(self._break_off, life),
            stored=last,
            added=last,
            claimed=stored is None,
            is_begun=stored is not None,
            check_claims=self.claims.check,
        )

    def _break_off(self, life: Life, failure: BaseException) -> None:
        if isinstance(failure, StoreError):
            self.on_broken(life.run_id)
        if isinstance(failure, DuplicateRunError):
            self.on_duplicate(life)
        life.core.readers.step_aside()
        break_off(life, failure)
        if life.phase is Phase.WAITING and life.driver is None:  # otherwise its end follows
            life.move("halt")

    async def begin_once(self, life: Life) -> bool:
        """Begin a run on disk, or make it the stored run with its id; see `Keeper`."""
        return await self.begin_or_attach(life)

    def begin(self, life: Life) -> None:
        """Record that a run is driven here from now on."""
        journal = journal_of(life)
        journal.claimed = True
        self.claims.add(life.run_id, journal)
        self.on_begin(life.run_id)

    def is_complete(self, life: Life) -> bool:
        """Return whether everything that has happened to a run is written."""
        return journal_of(life).is_complete

    def acknowledge(self, life: Life, requests: Sequence[int]) -> None:
        """Remove stored requests together with the next write of the run."""
        journal_of(life).acknowledge(requests)

    async def wait_stored(self, life: Life) -> None:
        """Wait until everything that has happened is on disk, and raise what prevents it."""
        await journal_of(life).wait_stored()

    async def claim(self, life: Life, claimed: StoredRun | None = None) -> None:
        """Claim a run for this engine, and take over its new events.

        Args:
          claimed: What the store had of the run when this engine claimed it, if it has.

        Raises:
          RunClaimedError: if another process drives it.
          JournalFormatError: if the new entries are damaged.
        """
        journal = journal_of(life)
        if not journal.is_begun:
            return  # its first write claims it
        await journal.wait_stored()  # what came from outside while the run waited
        before = claimed
        if claimed is None or claimed.owner == self.owner:
            before = await self.store.get(life.run_id)
            if not await self.store.claim(life.run_id, self.owner, self.writer.claim_seconds):
                raise await self.claimed_elsewhere(life.run_id)
        # A process that halts a run releases its claim; one that dies does not. If it had not
        # begun the run, no body was running.
        if before is not None and before.owner != self.owner:
            life.has_crashed = before.owner is not None and before.status != "pending"
        journal.claimed = True
        try:
            if claimed is None or claimed.last_seq != journal.stored:
                await self.catch_up(life)
        except BaseException:  # otherwise no engine could drive the run until the claim expires
            with trio.CancelScope(shield=True):
                await self.release(life)
            raise

    async def attend(self, life: Life) -> None:
        """Apply earlier requests for a waiting run that was just claimed; see `Keeper`."""
        await self.attend_claimed(life)

    async def claimed_elsewhere(self, run_id: str) -> Exception:
        """Return the error for a run that cannot be claimed."""
        stored = await self.store.get(run_id)
        if stored is None:
            return UnknownRunError(run_id)
        return RunClaimedError(run_id, stored.owner, stored.held_for)

    async def catch_up(self, life: Life) -> None:
        """Take over what other processes have added to a run's journal.

        The run waits, or another process drives it. The known events of any other run need not be
        a prefix of its journal.

        Raises:
          JournalFormatError: if the journal is damaged.
        """
        journal = journal_of(life)
        read = await self._read(life.run_id, journal.stored)
        sources = await sources_of(self.store, read, self.writer.codec)
        # Other tasks may have taken over some or all of it in the meantime.
        sources += [event for event in read if event.seq <= journal.stored]
        news = [event for event in read if event.seq > journal.stored]
        # If there are new entries, what came from outside while the run waited can no longer be
        # written. This life then ends as soon as the writer finds out.
        is_clean = journal.added == journal.stored
        if news and is_clean and life.phase in (Phase.WAITING, Phase.ELSEWHERE):
            restore_journal(life, news, sources)
            journal.stored = journal.added = news[-1].seq

    async def release(self, life: Life) -> None:
        """Release the claim on a run that is no longer driven here."""
        self.claims.remove(life.run_id)
        journal_of(life).claimed = False
        await self.store.release(life.run_id, self.owner)

    def follow(self, life: Life) -> None:
        """Follow what other processes write of a run, until it finishes or suspends."""
        if not life.is_followed:
            self.on_followed(life)
            life.is_followed = True

    async def source(self, life: Life) -> tuple[Source | None, bool]:
        """Return the source for an observer of a run, and whether the observer must begin there."""
        if self.journals.is_closed:
            return None, False
        is_lost = life.is_lost and life.phase is not Phase.ELSEWHERE
        if life.phase is Phase.WAITING:  # another process may have resumed it
            stored = await self.journals.get(life.run_id)
            is_lost = stored is not None and stored.last_seq >= life.record.next_seq
        return self.journals.source(life.run_id), is_lost

    async def events(self, life: Life) -> Sequence[ev.Event]:
        """Return all events in the journal of a run."""
        return restore(life.plan, await self._read(life.run_id, -1)).events

    # ------------------------------------------------------------ runs of the store
    async def load(self, run_id: str, stored: StoredRun | None = None) -> Life:
        """Return a stored run, whatever its status, without driving it.

        Args:
          stored: What the store has of it, if that is known.

        Raises:
          UnknownRunError: if the store does not have it.
          UnknownNameError: if its workflow is unknown.
          JournalFormatError: if it is damaged or was written by a later version.
          WorkflowChangedError: if its workflow contradicts what is recorded.
        """
        if stored is None:
            stored = await self.store.get(run_id)
        if stored is None:
            raise UnknownRunError(run_id)
        life = self.make(stored, self)
        await self.fill(life, stored)
        return life

    async def fill(self, life: Life, stored: StoredRun) -> None:
        """Fill a life in which nothing has happened with a stored run.

        Raises:
          NotResumableError: if it is only registered.
          JournalFormatError: if its journal is damaged or was written by a later version.
          WorkflowChangedError: if its workflow contradicts what is recorded.
        """
        header = stored.header
        check_format(header)
        recorded = await self._read(header.run_id, -1)
        if not recorded and stored.status == "pending":
            problem = "it is registered and has not started; start it with start_once()"
            raise NotResumableError(header.run_id, stored.status, problem)
        if not recorded:  # any other run is stored together with its start
            raise JournalFormatError(header.run_id, 0, "there is no such entry")
        if header.fingerprint != fingerprint(life.plan):
            changed = difference(header.fingerprint, life.plan, fold(recorded))
            if changed is not None:
                raise WorkflowChangedError(header.run_id, header.workflow_id, changed)
        # The run may have continued since it was looked up.
        self.keep(life, stored=attrs.evolve(stored, last_seq=recorded[-1].seq))
        restore_journal(life, recorded)

    async def _read(self, run_id: str, after: int) -> list[ev.Event]:
        events: list[ev.Event] = []
        while True:
            entries = await self.store.read(run_id, after, PAGE)
            events += decode_recorded(run_id, entries, self.writer.codec)
            is_last = len(entries) < PAGE
            del entries
            # Until this task's next turn, Trio keeps what the last call returned: long texts.
            await trio.lowlevel.checkpoint()
            if is_last:
                return events
            after = events[-1].seq


@asynccontextmanager
async def open_durable_runs(
    runs: DurableRuns, leases: Leases | None = None
) -> AsyncGenerator[None, None]:
    """Connect the store, and write and renew in the background while the block runs.

    Args:
      leases: The places of limits that the store gives, attended likewise.
    """
    background = trio.CancelScope(shield=True)

    async def keep_claims() -> None:
        with background:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(runs.claims.renew_forever)
                nursery.start_soon(runs.claims.watch_forever)
                if leases is not None:
                    leases.open(runs.store, runs.owner, runs.writer.claim_seconds)
                    nursery.start_soon(leases.attend_forever)

    async with runs.store:
        try:
            if runs.store.is_read_only:  # nothing to claim, nothing to write
                yield
                return
            async with (
                runs.store.open_owner(runs.owner),
                open_writer(runs.writer),
                open_owned_nursery(background.cancel) as nursery,
            ):
                nursery.start_soon(keep_claims)
                yield
        finally:
            runs.journals.is_closed = True


def journal_of(life: Life) -> RunJournal:
    """Return the journal of a durable run."""
    journal = None if life.journaled is None else life.journaled.journal
    assert isinstance(journal, RunJournal)  # keep() comes first
    return journal
