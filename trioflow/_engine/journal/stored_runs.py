"""The runs of a store for one engine: loaded once, recovered, and taken up on request."""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from functools import partial

import attrs
import trio

from trioflow._engine.base.nursery import open_owned_nursery
from trioflow._engine.base.outcome import must_pass
from trioflow._engine.base.reporting import report, reported
from trioflow._engine.history.answers import check_answers
from trioflow._engine.history.suspensions import select
from trioflow._engine.journal.applying import apply, command_here
from trioflow._engine.journal.codec import decode_entry
from trioflow._engine.journal.durable_runs import DurableRuns, journal_of
from trioflow._engine.journal.end_stored import End, end_stored
from trioflow._engine.journal.followers import Followers, open_followers
from trioflow._engine.journal.inbox import (
    Cancel,
    Command,
    Drain,
    Resume,
    Send,
    to_request,
)
from trioflow._engine.journal.reading import JournalReader
from trioflow._engine.journal.writer import Retries
from trioflow._engine.life.due import begin_due
from trioflow._engine.life.ending import receive
from trioflow._engine.life.life import Life
from trioflow._engine.life.recovering import open_recovery
from trioflow._engine.life.registry import RunRegistry
from trioflow._engine.life.resuming import Answer, not_resumable, resume
from trioflow._engine.stream.calendar import calendar_now
from trioflow._phases import Phase
from trioflow.abc import StoredRun
from trioflow.errors import (
    CrashLoopError,
    JournalFormatError,
    NotResumableError,
    RunClaimedError,
    RunTimeoutError,
    UnknownNameError,
    WorkflowChangedError,
)
from trioflow.events import ACTIVE_STATUSES, WAITING_STATUSES, Start
from trioflow.record import RunRecord, crashes_after
from trioflow.wire._shown import message_of

LOOK = 1.0
"""Seconds between two searches for runs whose process has died; no event announces a death."""
PAGE = 100
"""How many runs one search takes from the store at a time."""

logger = logging.getLogger("trioflow")


@attrs.define(eq=False)
class StoredRuns:
    """Finds the runs of a store for one engine, and makes one life of each."""

    durable: DurableRuns
    registry: RunRegistry
    max_recoveries: int
    """How many consecutive crashes a run survives while it runs together with others."""
    broken: set[str] = attrs.field(factory=set)
    """Runs of this engine that were interrupted because the store was unavailable."""
    _reported: dict[str, int] = attrs.field(factory=dict)
    """Runs that could not be recovered, and where their journals ended."""

    # ------------------------------------------------------------ one run
    async def load(self, run_id: str) -> Life:
        """Return the one life of a run in this engine, from its journal unless it is driven here.

        The caller holds the run's lock (`RunRegistry.lock`).

        Raises: what `DurableRuns.load` raises.
        """
        life = self.registry.find(run_id)
        if life is not None and life.phase is Phase.PENDING and await self.is_stored(run_id):
            life = None  # it was created here, but another run has its id
        if life is not None and life.phase in (Phase.WAITING, Phase.ELSEWHERE):
            await self.durable.catch_up(life)
        if life is not None and (not life.is_lost or life.phase is Phase.ELSEWHERE):
            return life
        if life is not None and journal_of(life).in_flight:
            raise RunClaimedError(run_id)  # what it wrote may reach the disk at any moment
        life = await self.durable.load(run_id)
        self.registry.add(life)
        self.registry.own(life)
        return life

    def find(self, run_id: str) -> Life | None:
        """Return the run with that id if it is in memory, else None."""
        return self.registry.find(run_id)

    def lock(self, run_id: str) -> trio.Lock:
        """Return the lock to hold while looking up a run and adding it."""
        return self.registry.lock(run_id)

    def add(self, life: Life) -> None:
        """Register a run for as long as it is referenced."""
        self.registry.add(life)

    async def is_stored(self, run_id: str) -> bool:
        """Return whether the store has a run with that id."""
        return await self.durable.store.get(run_id) is not None

    async def _is_claimed_elsewhere(self, run_id: str) -> bool:
        stored = await self.durable.store.get(run_id)
        is_others = stored is not None and stored.owner not in (None, self.durable.owner)
        return stored is not None and is_others and stored.held_for > 0

    async def take_up(self, run_id: str) -> Life | None:
        """Recover a run if it is interrupted, and apply its requests; None if there were none.

        The caller holds the run's lock.

        Raises: whatever prevents it. The claim is then released.
        """
        known = self.registry.find(run_id)
        if known is not None and known.is_driven_here:
            return None
        life = await self.load(run_id)
        if life.unreadable is not None:
            raise life.unreadable
        if life.phase is Phase.ELSEWHERE:
            return await self._recover(life)
        if life.phase is Phase.WAITING:
            return await self._attend_waiting(life)
        return None

    async def _recover(self, life: Life) -> Life | None:
        await self.durable.claim(life)  # then it is known whether its process has died
        crashes = crashes_after(life.record, time.time()) if life.has_crashed else 0
        if crashes > self.max_recoveries:
            await self._end_crash_loop(life, crashes)
            return None
        await open_recovery(life)
        if crashes == self.max_recoveries:
            self.durable.begin(life)  # its first turn may come late
            self.registry.start_alone(life)
        else:
            self.registry.start_soon(life)
        return life

    async def _end_crash_loop(self, life: Life, crashes: int) -> None:
        error = CrashLoopError(life.run_id, crashes)
        logger.error("%s", error)
        await end_stored(self.durable, life.run_id, End(error=error, crashed=True))
        await self.durable.catch_up(life)

    async def _attend_waiting(self, life: Life) -> Life | None:
        """Apply the requests for a waiting run; it may end, run or continue to wait."""
        async with life.resuming:
            if life.phase is not Phase.WAITING:  # an answer came first, and is driven
                return None
            await self.durable.claim(life)
            try:
                await self._attend([life.run_id])
                if life.phase is Phase.WAITING:
                    begin_due(life)
            finally:
                if not life.is_driven_here:
                    with trio.CancelScope(shield=True):
                        try:
                            await self.durable.wait_stored(life)
                        finally:
                            await self.durable.release(life)
        if life.is_driven_here:
            self.registry.start_soon(life)
        return life

    # ------------------------------------------------------------ requests to a run
    async def request(self, run_id: str, command: Command, by: str | None) -> None:
        """Send a command to a run, wherever it is driven. On disk when this returns.

        Raises: what the methods of `Engine` raise.
        """
        async with self.registry.lock(run_id):
            life = self.registry.find(run_id)
            if life is not None and life.is_driven_here:
                await self._request_here(life, command, by)
            else:
                await self._request_stored(run_id, command, by)

    async def _request_here(self, life: Life, command: Command, by: str | None) -> None:
        journal = journal_of(life)
        match command:
            case Send(name=name, data=data):
                receive(life, name, data, by)
                if journal.is_begun:  # otherwise it is lost together with the run
                    await journal.wait_stored()
            case Resume():
                raise not_resumable(life)
            case _ if journal.is_begun:
                await self._post(life.run_id, command, by)
                await self._attend([life.run_id])
            case _:
                command_here(life, command, by, self.registry)
                await trio.lowlevel.checkpoint()

    async def _request_stored(self, run_id: str, command: Command, by: str | None) -> None:
        try:
            match command:
                case Cancel(reason=reason):
                    await self._end(run_id, reason, by)
                    return
                case Drain():
                    await self._end(run_id, "drained", by)
                    return
                case Resume(answer=answer):
                    await self._resume(run_id, answer, by)
                    return
        except RunClaimedError:
            pass  # its owner applies it
        except UnknownNameError:
            if isinstance(command, Resume):
                await self._check_answer(run_id, command.answer)
            logger.info("run %s is left to an engine that knows its workflow", run_id)
        await self._post(run_id, command, by)
        try:
            await self.take_up(run_id)  # if it is not driven anywhere
        except BaseException as exc:
            if must_pass(exc):
                raise
            report("run %s is left to others: %s", run_id, message_of(exc), level=logging.INFO)

    async def _check_answer(self, run_id: str, answer: Answer) -> None:
        """Check an answer as far as possible without the workflow.

        Raises:
          NotSuspendedError, AmbiguousResumeError: as for `Engine.resume_run`.
          InvalidValueError: if it does not fit the question it is for.
        """
        record = RunRecord()
        reader = JournalReader(self.durable.store, run_id, self.durable.writer.codec)
        async for event in reader.events():
            record.apply(event)
        if record.status == "suspended":
            targets = select(record, answer.step, answer.label, answer.index)
            check_answers(targets, answer.data, {}, None)

    async def _post(self, run_id: str, command: Command, by: str | None) -> None:
        request = to_request(run_id, command, by, self.durable.writer)
        await self.durable.store.post_request(request)

    async def _end(self, run_id: str, reason: str | None, by: str | None) -> None:
        if await self._end_with_hooks(run_id, reason, by):
            return
        await end_stored(self.durable, run_id, End(reason=reason, by=by))
        life = self.registry.find(run_id)
        # For a run that was halted here, memory holds more events than the journal.
        if life is not None and life.unreadable is None and life.phase is not Phase.HALTED:
            await self.durable.catch_up(life)

    async def _end_with_hooks(self, run_id: str, reason: str | None, by: str | None) -> bool:
        """Cancel a waiting run if its workflow is known here and has hooks to call.

        Raises:
          RunClaimedError: if another process drives it.
        """
        stored = await self.durable.store.get(run_id)
        if stored is None or stored.status not in WAITING_STATUSES:
            return False
        try:
            life = await self.load(run_id)
        except (UnknownNameError, WorkflowChangedError, JournalFormatError):
            return False
        if life.phase is not Phase.WAITING or not life.plan.has_end_hooks:
            return False
        async with life.resuming:
            await self.durable.claim(life)
            if life.phase is not Phase.WAITING:
                await self.durable.release(life)
                return False
            life.begin_end(reason, by, self._start_soon)
        await self.durable.wait_stored(life)
        return True

    def _start_soon(self, life: Life) -> None:
        self.registry.own(life)
        self.registry.start_soon(life)

    async def _resume(self, run_id: str, answer: Answer, by: str | None) -> None:
        if await self._is_claimed_elsewhere(run_id):  # by a program that may know more
            raise await self.durable.claimed_elsewhere(run_id)
        life = await self.load(run_id)
        if life.phase is Phase.ELSEWHERE:
            raise await self.durable.claimed_elsewhere(run_id)
        await resume(life, answer, by)
        self._start_soon(life)
        await self.durable.wait_stored(life)

    # ------------------------------------------------------------ all of them
    async def recover(self, *, is_patient: bool = True) -> list[Life]:
        """Take up all free runs that have something to do; return those that run.

        Args:
          is_patient: Whether to retry what may succeed later, for as long as writers do.

        Raises:
          StoreError: if the store cannot be read or written.
        """
        self.durable.check_writable()
        taken = []
        retries = self.durable.writer.retries() if is_patient else Retries(-math.inf)
        for stored in await self._claimable(retries):
            life = await self._try_to_take_up(stored, retries)
            if life is not None:
                taken.append(life)
        return taken

    async def _claimable(self, retries: Retries) -> list[StoredRun]:
        found: list[StoredRun] = []
        look = partial(self.durable.store.list_claimable, limit=PAGE)
        cursor = None
        while True:
            page = await retries.run(partial(look, now=calendar_now(), cursor=cursor))
            found += page
            if len(page) < PAGE:
                return found
            cursor = page[-1].cursor

    async def _try_to_take_up(self, stored: StoredRun, retries: Retries) -> Life | None:
        """Take up a run if possible; an error of one run must not affect the others."""
        run_id = stored.header.run_id
        async with self.registry.lock(run_id):
            try:
                return await retries.run(partial(self.take_up, run_id))
            except (NotResumableError, RunClaimedError):
                return None  # another engine was faster
            except BaseException as exc:  # structuring values calls user code
                if must_pass(exc):
                    raise
                if await self._end_overdue(stored):
                    return None
                if not self._was_told(run_id, stored.last_seq):
                    report("run %s cannot be recovered: %s", run_id, message_of(exc))
                return None

    async def _end_overdue(self, stored: StoredRun) -> bool:
        """End a run that cannot be read or driven here, if its deadline has passed."""
        run_id = stored.header.run_id
        with reported("the deadline of run %s could not be checked", run_id):
            for entry in await self.durable.store.read(run_id, -1, 1):
                start = decode_entry(run_id, entry)
                deadline = start.deadline if isinstance(start, Start) else None
                if deadline is not None and deadline <= calendar_now():
                    error = RunTimeoutError(run_id, stored.header.workflow_id, deadline)
                    await end_stored(self.durable, run_id, End(error=error))
                    return True
        return False

    def _was_told(self, run_id: str, last_seq: int) -> bool:
        is_reported = self._reported.get(run_id) == last_seq
        self._reported[run_id] = last_seq
        return is_reported

    # ------------------------------------------------------------ tasks of the engine
    async def look_forever(self, always: bool) -> None:
        """Take up runs for as long as the engine is open.

        Args:
          always: Whether to search for runs of dead processes; otherwise, only for runs of this
            engine that were interrupted because the store was unavailable.
        """
        while True:
            await trio.sleep(LOOK * random.uniform(0.8, 1.2))  # so that engines do not look in step
            with reported("the store could not be searched for runs to recover"):
                if always:
                    await self.recover(is_patient=False)  # it searches again soon
                elif self.broken:
                    await self._recover_broken()

    async def _recover_broken(self) -> None:
        await self.durable.claims.renew()  # otherwise they could expire again
        for run_id in tuple(self.broken):
            life = self.registry.find(run_id)
            if life is not None and journal_of(life).in_flight:
                continue
            stored = await self.durable.store.get(run_id)
            if (
                stored is None
                or stored.status not in ACTIVE_STATUSES
                or await self._try_to_take_up(stored, Retries(-math.inf)) is not None
            ):
                self.broken.discard(run_id)

    async def attend_forever(self) -> None:
        """Apply what other processes request of the runs that are driven here."""
        while True:
            with reported("requests could not be read"):
                await self.durable.store.wait_requests(self.durable.owner)
                await self._attend(None)
                continue
            await trio.sleep(LOOK)

    def attend_soon(self, run_id: str) -> None:
        """Apply requests made to a run before it was driven here."""
        self.registry.nursery.start_soon(self._attend_quietly, run_id)

    async def _attend_quietly(self, run_id: str) -> None:
        """Apply the requests of a run. No further notification comes, so this must not give up."""
        was_told = False
        while True:
            try:
                return await self._attend([run_id])
            except BaseException as exc:
                if must_pass(exc):
                    raise
                if not was_told:
                    message = "requests for run %s could not be read: %s"
                    report(message, run_id, message_of(exc), level=logging.WARNING)
                was_told = True
            await trio.sleep(LOOK)
            life = self.registry.find(run_id)
            if life is None or not life.is_driven_here:
                return None

    async def _attend(self, run_ids: Collection[str] | None) -> None:
        after = 0
        while True:
            requests = await self.durable.store.take_requests(
                self.durable.owner, run_ids=run_ids, after=after
            )
            for request in requests:
                life = self.registry.find(request.run_id)
                if life is not None and not life.is_lost:
                    apply(life, journal_of(life), request, self.registry.nursery)
            if not requests:
                return
            after = requests[-1].id


@asynccontextmanager
async def open_stored_runs(stored: StoredRuns, always: bool) -> AsyncGenerator[None, None]:
    """Search for runs and requests in the background while the block runs."""
    stored.durable.on_begin = stored.attend_soon
    stored.durable.on_broken = stored.broken.add
    stored.durable.on_duplicate = stored.registry.forget
    stored.durable.journals.find = stored.registry.find
    stored.durable.journals.closing = stored.registry.closing
    followers = Followers(stored.durable, stored.registry)
    stored.durable.on_followed = followers.follow
    tasks = trio.CancelScope()

    async def work() -> None:
        with tasks:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stored.look_forever, always)
                nursery.start_soon(stored.attend_forever)

    async with open_followers(followers), open_owned_nursery(tasks.cancel) as nursery:
        if not stored.durable.store.is_read_only:
            nursery.start_soon(work)
        yield
