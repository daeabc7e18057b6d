"""Send a command to a stored run, wherever it is driven."""

from __future__ import annotations

import logging

import attrs
import trio

from trioflow._engine.base.outcome import must_pass
from trioflow._engine.base.reporting import report
from trioflow._engine.history.answers import check_answers
from trioflow._engine.history.suspensions import select
from trioflow._engine.journal.applying import command_here
from trioflow._engine.journal.durable_runs import DurableRuns, journal_of
from trioflow._engine.journal.end_stored import End, end_stored
from trioflow._engine.journal.inbox import (
    Cancel,
    Command,
    Drain,
    Resume,
    Send,
    to_request,
)
from trioflow._engine.journal.reading import JournalReader
from trioflow._engine.journal.stored_runs import StoredRuns
from trioflow._engine.life.ending import receive
from trioflow._engine.life.life import Life
from trioflow._engine.life.registry import RunRegistry
from trioflow._engine.life.resuming import Answer, not_resumable, resume
from trioflow._phases import Phase
from trioflow.errors import (
    JournalFormatError,
    RunClaimedError,
    UnknownNameError,
    WorkflowChangedError,
)
from trioflow.events import WAITING_STATUSES
from trioflow.record import RunRecord
from trioflow.wire._shown import message_of

logger = logging.getLogger("trioflow")


async def send_command(runs: StoredRuns, run_id: str, command: Command, by: str | None) -> None:
    """Send a command to a run, wherever it is driven. On disk when this returns.

    Raises: what the methods of `Engine` raise.
    """
    async with runs.registry.lock(run_id):
        sender = _Sender(runs, run_id, by)
        life = runs.registry.find(run_id)
        if life is not None and life.is_driven_here:
            await sender.send_here(life, command)
        else:
            await sender.send_stored(command)


@attrs.frozen
class _Sender:
    """Sends commands to one run, whose lock is held."""

    runs: StoredRuns
    run_id: str
    by: str | None

    @property
    def durable(self) -> DurableRuns:
        return self.runs.durable

    @property
    def registry(self) -> RunRegistry:
        return self.runs.registry

    async def send_here(self, life: Life, command: Command) -> None:
        journal = journal_of(life)
        match command:
            case Send(name=name, data=data):
                receive(life, name, data, self.by)
                if journal.is_begun:  # otherwise it is lost together with the run
                    await journal.wait_stored()
            case Resume():
                raise not_resumable(life)
            case _ if journal.is_begun:
                await self._post(command)
                await self.runs.attendant.attend([life.run_id])
            case _:
                command_here(life, command, self.by, self.registry)
                await trio.lowlevel.checkpoint()

    async def send_stored(self, command: Command) -> None:
        try:
            match command:
                case Cancel(reason=reason):
                    await self._end(reason)
                    return
                case Drain():
                    await self._end("drained")
                    return
                case Resume(answer=answer):
                    await self._resume(answer)
                    return
        except RunClaimedError:
            pass  # its owner applies it
        except UnknownNameError:
            if isinstance(command, Resume):
                await self._check_answer(command.answer)
            logger.info("run %s is left to an engine that knows its workflow", self.run_id)
        await self._post(command)
        try:
            if not await self._is_enqueued():
                await self.runs.take_up(self.run_id)  # if it is not driven anywhere
        except BaseException as exc:
            if must_pass(exc):
                raise
            text = "run %s is left to others: %s"
            report(text, self.run_id, message_of(exc), level=logging.INFO)

    async def _check_answer(self, answer: Answer) -> None:
        """Check an answer as far as possible without the workflow.

        Raises:
          NotSuspendedError, AmbiguousResumeError: as for `Engine.resume_run`.
          InvalidValueError: if it does not fit the question it is for.
        """
        record = RunRecord()
        reader = JournalReader(self.durable.store, self.run_id, self.durable.writer.codec)
        async for event in reader.events():
            record.apply(event)
        if record.status == "suspended":
            targets = select(record, answer.step, answer.label, answer.index)
            check_answers(targets, answer.data, {}, None)

    async def _post(self, command: Command) -> None:
        writer = self.durable.writer
        writer.forms.noted.clear()
        request = to_request(self.run_id, command, self.by, writer)
        if writer.forms.noted and writer.values is not None:
            await writer.values.mark(self.run_id, frozenset(writer.forms.noted))
        await self.durable.store.post_request(request)

    async def _end(self, reason: str | None) -> None:
        if await self._end_with_hooks(reason):
            return
        await end_stored(self.durable, self.run_id, End(reason=reason, by=self.by))
        life = self.registry.find(self.run_id)
        # For a run that was halted here, memory holds more events than the journal.
        if life is not None and life.unreadable is None and life.phase is not Phase.HALTED:
            await self.durable.catch_up(life)

    async def _end_with_hooks(self, reason: str | None) -> bool:
        """Cancel a waiting run if its workflow is known here and has hooks to call.

        Raises:
          RunClaimedError: if another process drives it.
        """
        stored = await self.durable.store.get(self.run_id)
        if stored is None or stored.status not in WAITING_STATUSES:
            return False
        try:
            life = await self.runs.load(self.run_id)
        except (UnknownNameError, WorkflowChangedError, JournalFormatError):
            return False
        if life.phase is not Phase.WAITING or not life.plan.has_end_hooks:
            return False
        async with life.resuming:
            await self.durable.claim(life)
            if life.is_driven_here:  # an answer came in the meantime
                self._start_soon(life)
                life.cancel(reason, self.by)
                return True
            if life.phase is not Phase.WAITING:
                await self.durable.release(life)
                return False
            life.begin_end(reason, self.by, self._start_soon)
        await self.durable.wait_stored(life)
        return True

    def _start_soon(self, life: Life) -> None:
        self.registry.own(life)
        self.registry.start_soon(life)

    async def _resume(self, answer: Answer) -> None:
        if await self._is_claimed_elsewhere():  # by a program that may know more
            raise await self.durable.claimed_elsewhere(self.run_id)
        life = await self.runs.load(self.run_id)
        if life.phase is Phase.ELSEWHERE:
            raise await self.durable.claimed_elsewhere(self.run_id)
        await resume(life, answer, self.by)
        self._start_soon(life)
        await self.durable.wait_stored(life)

    async def _is_enqueued(self) -> bool:
        """Return whether the run waits for a worker to begin it."""
        stored = await self.durable.store.get(self.run_id)
        return stored is not None and stored.status == "pending"

    async def _is_claimed_elsewhere(self) -> bool:
        stored = await self.durable.store.get(self.run_id)
        is_others = stored is not None and stored.owner not in (None, self.durable.owner)
        return stored is not None and is_others and stored.held_for > 0
