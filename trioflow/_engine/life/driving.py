"""Driving a run: a part of it in a task, to where it settles, and what reaches it from outside."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, Protocol

import attrs
import trio

from trioflow import events as ev
from trioflow._engine.base.outcome import Failed, Outcome, Paused, Suspended
from trioflow._engine.base.plan import WorkflowPlan
from trioflow._engine.life.trace import RunTrace
from trioflow._engine.planning.environment import Environment
from trioflow._engine.running.frame import Scope
from trioflow._engine.running.run_core import RunCore
from trioflow._engine.running.workflow_call import call_end_hooks, run_workflow, workflow_result
from trioflow._engine.stream.fairness import Pacer
from trioflow._engine.stream.log import RunLog
from trioflow.errors import RunFinishedError, RunStateError
from trioflow.record import RESUMABLE, RunState
from trioflow.results import RunResult

WAITING = (Suspended, Paused)
"""The outcomes of a part after which the run may go on. (A union made anew for each run would
take 0.4 µs.)"""


class Keeper(Protocol):
    """What a run needs of the one who ties it to the store.

    Each method takes a run, whose whole class is known only to modules that import this one.
    """

    async def claim(self, run: Any) -> None: ...
    async def release(self, run: Any) -> None: ...
    def begin(self, run: Any) -> None: ...
    def keep(self, run: Any) -> None: ...
    async def events(self, run: Any) -> Sequence[ev.Event]: ...


class Home(Protocol):
    """What a run needs of the one who drives it in a nursery of its own."""

    def check_open(self, state: RunState) -> None: ...
    def start_soon(self, run: Any) -> None: ...
    def let_go(self, run_id: str) -> None: ...


@attrs.define
class Driver:
    """The task that drives a run, for whoever looks at what goes on in it."""

    task: trio.lowlevel.Task
    nurseries: int
    """How many nurseries were open in it before, and are not the run's."""


class DrivenRun:
    """A run as far as it is going on here.

    How its parts begin, first and later ones, is what `trioflow._engine.life.execution` adds.
    """

    def __init__(
        self, plan: WorkflowPlan, environment: Environment, run_id: str, resource_id: str | None
    ) -> None:
        log = RunLog(run_id, environment.instruments)
        self.plan = plan
        self.environment = environment
        self.resource_id = resource_id
        self.trace = RunTrace(log, plan.id)
        self.core = RunCore(
            log=log,
            readers=log.readers,
            pacer=Pacer(log, plan.reputation),
            converter=environment.converter,
            state_fields=plan.state_fields,
        )
        self._input: Any = None
        """What the caller gave."""
        self._value: Any = None
        """The same, structured."""
        self._state: Any = None
        """The initial state, structured."""
        self.begun = False
        self._from_journal = False
        self._goes_on_elsewhere = False
        self.result: RunResult[Any] | None = None
        """How the run has settled; None before its start and while it is going on."""
        self.part = 0
        """How often the run has gone on."""
        self.close_on_suspend = True
        """Whether a suspension is the end of the streams, until the run is resumed."""
        self.failure: Exception | None = None
        """Why the journal could not be written."""
        self._parked: trio.Event | None = None
        """What whoever drives the run waits for while it is suspended."""
        self._resuming: trio.Lock | None = None
        """Held from the claim for an answer to the beginning of the part that follows. Made for
        the first answer."""
        self._was_canceled = False
        """Whether its process died between its cancellation and its end."""
        self._left = False
        """Whether the stream was left for which the run is driven."""
        self.keeper: Keeper | None = None
        """Ties the run to the store, if it is a durable one."""
        self.home: Home | None = None
        """The engine that drives the run, if it is not its caller who does."""
        self._early: tuple[tuple[str, Any], ...] = ()
        """What was sent to the run before its start."""
        self.driver: Driver | None = None
        """Where the run is driven right now."""
        self.is_settled = False
        """Whether the part that was driven last has come to its end, on disk too if it has to."""
        self._settling: trio.Event | None = None
        """What those wait for who wait for that. Made for the first one."""

    # ------------------------------------------------------------ going on
    async def drive(self, by_engine: bool = False) -> RunResult[Any]:
        """Run a part of the workflow in this task, to where it settles.

        The run is over, or waits, with all its events, when this returns or raises; it
        raises only for a cancellation from outside, if something other than an Exception
        got out of a step, or if the journal cannot be written.

        Args:
          by_engine: Whether an engine drives the run in a new task: only `cancel` and `halt` end
            it then, no cancellation that reaches the task, and it begins with a whole turn.

        **Checkpoints**: at least one, unless an engine drives the run.
        """
        scope = Scope(self.core, self.plan, prefix="", address="", init_data=self._value)
        task = trio.lowlevel.current_task()
        self.driver = Driver(task, len(task.child_nurseries))
        if self.keeper is not None:
            self.keeper.begin(self)
        if self.core.log.journal is not None:
            self.core.pacer.follow(self.core.log.journal)
        if self.core.log.state.status == "pending":
            self._emit_start()
        if by_engine:
            self.core.pacer.begin_turn()
        outcome: Outcome | None = None
        try:
            try:
                with self.core.open_scope(shield=by_engine):
                    if not self._was_canceled:
                        outcome = await run_workflow(scope, self._value)
                    await self.core.readers.wait_for_room()
                if self.core.is_canceled:
                    # A cancel that was accepted is never followed by success.
                    outcome = None if self.failure is None else Failed(self.failure)
            finally:
                if outcome is None and not self._was_canceled:
                    self.core.log.emit(ev.Canceled, reason=self.core.reason)
                if self.plan.has_end_hooks:
                    with trio.CancelScope(shield=by_engine):
                        await call_end_hooks(scope, self._input, outcome)
        finally:
            self._settle(scope, outcome)
            result = self.result
            await self._save()
        if not self.core.pacer.has_given_way:  # nothing was called
            await trio.lowlevel.checkpoint()
        if self.failure is not None:
            raise self.failure
        if result is None:
            raise self._no_result()
        return result

    async def _save(self) -> None:
        """Let the run have settled once its journal says so too.

        Shielded: the events are there, and how long a write may take is for the writer to
        bound.
        """
        journal = self.core.log.journal
        if journal is not None and self.keeper is not None:
            with trio.CancelScope(shield=True):
                try:
                    try:
                        await journal.wait_stored()
                    finally:  # whoever can write to it may go on with the run
                        await self.keeper.release(self)
                except Exception as exc:
                    self.failure = self.failure or exc
        self.driver = None
        self._tell_settled()

    def _tell_settled(self) -> None:
        self.is_settled = True
        if self._settling is not None:
            self._settling.set()

    def break_off(self, failure: Exception) -> None:
        """Stop the run because its journal cannot be written."""
        self.failure = failure
        self.core.cancel(None)

    def halt(self) -> None:
        """Stop the run, but not for good: its journal ends here, and it can go on from there.

        Not if somebody has canceled it, for then its end belongs into the journal.
        """
        log = self.core.log
        if log.journal is not None and not self.is_canceled:
            if log.state.status == "pending" and self.begun:  # or nobody would know of it
                self._emit_start()
            log.journal.stop()
        self.cancel("the engine was closed")

    async def drive_open(self) -> None:
        """Run part after part, until the run is over and not only waits for an answer."""
        self._left = False
        try:
            while True:
                # There before the run settles, so that an answer that comes at once finds it.
                parked = self._parked = None if self.close_on_suspend else trio.Event()
                result = await self.drive()
                if parked is None or result.status not in RESUMABLE:
                    return
                await parked.wait()
                if self._left and self.result is not None:
                    return
        finally:
            self._parked = None

    def leave(self, part: int) -> None:
        """Let the task that drives the run come to an end: canceled, or still suspended.

        Args:
          part: Which part of the run it drove first. If it has ended with that one, a
            later part is driven by somebody else, and is not canceled.
        """
        self._left = True
        if self.result is None and (self._parked is not None or part == self.part):
            self.cancel("its stream was left")
        elif self.result is not None and self._parked is not None:
            self._parked.set()

    async def carry_on(self, run: Any) -> RunResult[Any]:
        """Drive the part that has begun: where the run is driven already, else in this task.

        Args:
          run: What users hold of this run; whoever drives it then holds that, too.
        """
        if self._parked is not None:
            self._parked.set()
            return await self.wait()
        if self.home is not None:
            self.home.start_soon(run)
            return await self.wait()
        return await self.drive()

    # ------------------------------------------------------------ from outside
    @property
    def goes_on_here(self) -> bool:
        """Whether this process drives the run, or is about to."""
        return self.begun and self.result is None and not self._goes_on_elsewhere

    @property
    def is_canceled(self) -> bool:
        """Whether somebody has canceled the run, even if it has not come to its end."""
        return self.core.is_canceled

    @property
    def is_lost(self) -> bool:
        """Whether this process has no more to do with the run than any other."""
        failed = self.failure is not None and self.is_settled
        return failed or self._goes_on_elsewhere

    def cancel(self, reason: str | None) -> None:
        """Cancel the run, or do nothing if it is over or canceled already."""
        if self.core.log.state.status in RESUMABLE and self.result is not None:
            self._cancel_waiting(reason)
        elif self.result is None:
            self.core.cancel(reason)

    def receive(self, name: str, data: Any) -> None:
        """Take an event from outside.

        Raises:
          RunFinishedError: if the run is over.
          MailboxFullError: if very many events of that name wait to be taken.
        """
        log = self.core.log
        if self.result is not None and log.state.status not in RESUMABLE:
            raise RunFinishedError(log.run_id, log.state.status, f"event {name!r} comes too late")
        self.core.mailbox.check_room(name)
        if log.state.status == "pending":
            self._early += ((name, data),)
        else:
            self.core.mailbox.put(log.emit(ev.EventReceived, event=name, data=data))

    async def wait(self) -> RunResult[Any]:
        """Wait until the run settles and return its result.

        Raises:
          StoreError, JournalConflictError, NotSerializableError: if the run could not be saved.
        """
        if self._goes_on_elsewhere:
            log = self.core.log
            raise RunStateError(
                log.run_id, log.state.status, "it goes on elsewhere; use engine.observe()"
            )
        while True:
            settling = await self._until_settled()
            if self.failure is not None:
                raise self.failure
            if self.result is not None:
                return self.result
            if settling is self._settling:
                raise self._no_result()
            # Somebody has resumed it before this task had its turn.

    async def _until_settled(self) -> trio.Event:
        """Wait until the part that is driven now has settled. A checkpoint."""
        if self._settling is None:
            self._settling = trio.Event()
            if self.is_settled:
                self._settling.set()
        settling = self._settling
        await settling.wait()
        return settling

    def _no_result(self) -> RuntimeError:
        return RuntimeError(f"run {self.core.log.run_id} is done without a result")

    # ------------------------------------------------------------ inside
    def _emit_start(self) -> None:
        log = self.core.log
        log.start_clock()
        log.emit(
            ev.Start,
            workflow_id=self.plan.id,
            input=self._input,
            state=self._state,
            runtime_context=dict(self.core.context or ()),
            trace_id=self.trace.id,
            metadata=self.trace.metadata or {},
            resource_id=self.resource_id,
            span_id=self.trace.span_id,
        )
        for name, data in self._early:
            self.core.mailbox.put(log.emit(ev.EventReceived, event=name, data=data))
        self._early = ()

    def _cancel_waiting(self, reason: str | None) -> None:
        """End a run in which nothing runs."""
        self.core.log.emit(ev.Canceled, reason=reason)
        self._settle(Scope(self.core, self.plan, prefix="", address=""), None)
        self._tell_settled()
        if self.home is not None:
            self.home.let_go(self.core.log.run_id)

    def _settle(self, scope: Scope, outcome: Outcome | None) -> None:
        """Emit the events that end a part, and let everyone know."""
        log = self.core.log
        waits = isinstance(outcome, WAITING)
        self.core.owner = weakref.ref(self) if waits else None
        if waits:
            log.emit(ev.Suspended if isinstance(outcome, Suspended) else ev.Paused)
        self.result = result = workflow_result(scope, self._input, outcome)
        if not waits or self.close_on_suspend:
            log.emit(ev.Finish, status=result.status, result=result.result, error=result.error)
            self.core.readers.end_part(is_over=not waits)
