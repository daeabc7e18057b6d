"""The engine's side of one run: its parts, from a start or a resume to where it settles."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import attrs
import trio

from trioflow import events as ev
from trioflow.abc import PartInfo, TraceIds
from trioflow.engine.core import RunCore, Scope
from trioflow.engine.environment import Environment
from trioflow.engine.instruments import tell_begin
from trioflow.engine.log import RunLog
from trioflow.engine.mailbox import Mailbox
from trioflow.engine.outcome import Failed, Outcome, Paused, Suspended
from trioflow.engine.pacer import Pacer
from trioflow.engine.plan import WorkflowPlan
from trioflow.engine.positions import find_call
from trioflow.engine.replay import Replay
from trioflow.engine.shared_context import SharedContext
from trioflow.engine.suspensions import Suspension, select
from trioflow.engine.workflows import (
    call_end_hooks,
    recorded_result,
    run_workflow,
    workflow_result,
)
from trioflow.errors import (
    HistoryGap,
    NotResumableError,
    RunAlreadyStartedError,
    RunFinishedError,
    RunStateError,
)
from trioflow.results import RunResult
from trioflow.tracing import NO_TRACING, TracingContext, TracingOptions


class Keeper(Protocol):
    """What a run needs of the one who ties it to the store."""

    async def claim(self, execution: Execution) -> None: ...
    async def release(self, execution: Execution) -> None: ...
    def begin(self, execution: Execution) -> None: ...
    def keep(self, execution: Execution) -> None: ...
    async def events(self, execution: Execution) -> Sequence[ev.Event]: ...


RESUMABLE = ("suspended", "paused")


@attrs.frozen
class Driver:
    """The task that drives a run, for whoever looks at what goes on in it."""

    task: trio.lowlevel.Task
    nurseries: int
    """How many nurseries were open in it before, and are not the run's."""


class Execution:
    """Everything that makes up one run."""

    def __init__(
        self, plan: WorkflowPlan, environment: Environment, run_id: str, resource_id: str | None
    ) -> None:
        log = RunLog(run_id, environment.instruments)
        self.plan = plan
        self.environment = environment
        self.resource_id = resource_id
        self.trace_id = os.urandom(16).hex()  # as W3C Trace Context has it
        self._span_id: str | None = None
        """What an instrument calls the span of the first part of the run."""
        self._metadata: Mapping[str, Any] = {}
        self.core = RunCore(
            log=log,
            pacer=Pacer(log, plan.habits),
            mailbox=Mailbox(),
            owner=weakref.ref(self),
            converter=environment.converter,
            state_fields=plan.state_fields,
        )
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
        self._resuming = trio.Lock()
        """Held from the claim for an answer to the beginning of the part that follows."""
        self._was_canceled = False
        """Whether its process died between its cancellation and its end."""
        self._left = False
        """Whether the stream was left for which the run is driven."""
        self.keeper: Keeper | None = None
        """Ties the run to the store, if it is a durable one."""
        self.spawn: Callable[[], None] | None = None
        """Starts `drive` in the nursery of the engine that owns the run."""
        self._early: list[tuple[str, Any]] = []
        self.driver: Driver | None = None
        """Where the run is driven right now."""
        self._settled = trio.Event()
        self._cancel_scope = trio.CancelScope()
        self._reason: str | None = None

    # ------------------------------------------------------------ beginning
    def begin(
        self,
        input_data: Any,
        runtime_context: Mapping[str, Any] | None,
        tracing_context: TracingContext | None,
        tracing_options: TracingOptions | None,
        initial_state: Any,
        per_step: bool = False,
    ) -> None:
        """Take what the caller gives to the run, once, and check all of it.

        Raises:
          RunAlreadyStartedError: the second time.
          InvalidValueError: if input or state do not fit; the run can begin again then.
        """
        if self.begun:
            raise RunAlreadyStartedError(
                self.core.log.run_id,
                self.core.log.state.status,
                "it was started before; create a run for each start",
            )
        self._input = input_data
        self._value = self._structured_input()
        self._state = self.plan.initial_state(initial_state)
        self._metadata = {} if tracing_options is None else tracing_options.metadata
        self.core.runtime_context = SharedContext(runtime_context)
        self.core.tracing_context = tracing_context or NO_TRACING
        self.core.per_step = per_step
        self._begin_trace()
        self.begun = True

    def begin_resume(
        self,
        step: str | Sequence[str] | None,
        data: Any,
        label: str | None,
        index: int | None,
        runtime_context: Mapping[str, Any] | None,
        per_step: bool = False,
    ) -> None:
        """Take an answer and begin the next part of the run.

        Whoever comes second, with whatever answer, finds the run running.

        Raises:
          NotResumableError: if the run does not wait for anything.
          NotSuspendedError: if no step waits that the answer could be meant for.
          AmbiguousResumeError: if several do.
          InvalidValueError: if the answer does not fit the step's ``resume`` type.
        """
        log = self.core.log
        if log.state.status not in RESUMABLE or not self._settled.is_set():
            raise NotResumableError(
                log.run_id, log.state.status, "it does not wait for an answer that could be given"
            )
        targets: tuple[Suspension, ...] = ()
        if log.state.status == "suspended":
            targets = select(log.state, step, label, index)
            self._check_answer(targets, data)
        log.emit(
            ev.Resume,
            targets=tuple(target.address for target in targets),
            data=data,
            runtime_context=dict(runtime_context or {}),
            span_id=self._go_on_in_trace(),
        )
        self.core.per_step = per_step
        self._begin_part()

    def _check_answer(self, targets: Sequence[Suspension], data: Any) -> None:
        for target in targets:
            plan = find_call(self.plan, target.address)
            if plan.structure_resume is not None and data is not None:
                plan.structure_resume(data)

    def _begin_part(self) -> None:
        state = self.core.log.state
        self.part += 1
        self.result = None
        self._settled = trio.Event()
        self._cancel_scope = trio.CancelScope()
        self._reason = None
        self.core.runtime_context = SharedContext(state.runtime_context)
        self.core.mailbox = Mailbox(state.received.values())
        self.core.pacer = Pacer(self.core.log, self.plan.habits)
        self.core.replay = Replay(state, from_journal=self._from_journal)

    # ------------------------------------------------------------ from a journal
    def adopt(self, events: Sequence[ev.Event]) -> None:
        """Become the run that a journal tells of, settled or not."""
        log = self.core.log
        log.adopt(events)
        log.start_clock()
        state = log.state
        state.state = self.plan.initial_state(state.state)
        self._input = state.input
        self._value = self._structured_input()
        self.trace_id, self.resource_id = state.trace_id, state.resource_id
        self._metadata = next((e.metadata for e in events if isinstance(e, ev.Start)), {})
        self.begun = True
        self._from_journal = True
        self._goes_on_elsewhere = state.status in ("pending", "running")
        if self._goes_on_elsewhere:  # perhaps it had settled, and others went on with it
            self.result, self._settled = None, trio.Event()
        else:
            self.result = recorded_result(self.plan, state)
            self._settled.set()

    def sibling(self, run_id: str) -> Execution:
        """Return another run of the same workflow, durable if this one is."""
        other = Execution(self.plan, self.environment, run_id, self.resource_id)
        if self.keeper is not None:
            self.keeper.keep(other)
        return other

    def begin_travel(
        self, events: Sequence[ev.Event], inputs: Mapping[str, Any], answer: Any, address: str
    ) -> None:
        """Begin a run with the events of another one, up to the call at *address*."""
        self.adopt(events)
        log = self.core.log
        if log.journal is not None:
            log.journal.add(events)
        self.begin_recovery()
        if self.core.replay is not None:
            self.core.replay.inputs = inputs
            if answer is not None:
                self.core.replay.answer(address, answer)

    def begin_recovery(self) -> None:
        """Begin the part of the run that follows the death of its process."""
        self._goes_on_elsewhere = False
        self._was_canceled = any(isinstance(e, ev.Canceled) for e in self.core.log.history())
        if not self._was_canceled:
            self.core.log.emit(ev.Recover, span_id=self._go_on_in_trace())
            self._begin_part()

    # ------------------------------------------------------------ going on
    async def drive(self) -> RunResult[Any]:
        """Run a part of the workflow in this task, to where it settles.

        The run is over, or waits, with all its events, when this returns or raises; it
        raises only for a cancellation from outside, if something other than an Exception
        got out of a step, or if the journal cannot be written.
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
        outcome: Outcome | None = None
        try:
            try:
                with self._cancel_scope:
                    if not self._was_canceled:
                        outcome = await run_workflow(scope, self._value)
                    await self.core.log.wait_for_room()
                if self._cancel_scope.cancel_called:
                    # A cancel that was accepted is never followed by success.
                    outcome = None if self.failure is None else Failed(self.failure)
            finally:
                if outcome is None and not self._was_canceled:
                    self.core.log.emit(ev.Canceled, reason=self._reason)
                await call_end_hooks(scope, self._input, outcome)
        finally:
            self._settle(scope, outcome)
            result = self.result
            await self._save()
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
        self._settled.set()

    def break_off(self, failure: Exception) -> None:
        """Stop the run because its journal cannot be written."""
        self.failure = failure
        self._cancel_scope.cancel()

    def halt(self) -> None:
        """Stop the run, but not for good: its journal ends here, and it can go on from there."""
        if self.core.log.journal is not None:
            self.core.log.journal.stop()
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

    def check_no_open_stream(self) -> None:
        """Check that no stream is open in which the run would go on.

        Raises:
          NotResumableError: if there is one; two tasks would drive the run.
        """
        if self._parked is not None:
            state = self.core.log.state
            problem = "its stream is still open; answer with resume() and read on there"
            raise NotResumableError(state.run_id, state.status, problem)

    async def carry_on(self) -> RunResult[Any]:
        """Drive the part that has begun: where the run is driven already, else in this task."""
        if self._parked is not None:
            self._parked.set()
            return await self.wait()
        if self.spawn is not None:
            self.spawn()
            return await self.wait()
        return await self.drive()

    async def restart(self) -> RunResult[Any]:
        """Go on where a dead process has left off, or return what there is.

        Raises:
          NotResumableError: if the run waits for an answer, or goes on here.
          RunClaimedError: if it goes on elsewhere.
        """
        state = self.core.log.state
        if self.result is not None and state.status not in RESUMABLE:
            return self.result
        await self._claim_dead()
        if self.result is None:  # it has not settled in the meantime
            self.begin_recovery()
            return await self.drive()
        return self.result

    async def begin_restart(self) -> int:
        """Begin the part that follows the death of the run's process.

        Returns the ``seq`` of the last event before it.

        Raises:
          NotResumableError: if the run has settled, or goes on here.
          RunClaimedError: if it goes on elsewhere.
        """
        await self._claim_dead()
        if self.result is not None:
            state = self.core.log.state
            raise NotResumableError(state.run_id, state.status, "it has settled in the meantime")
        last = self.core.log.state.next_seq - 1
        self.begin_recovery()
        return last

    async def _claim_dead(self) -> None:
        """Claim a run whose process has died, unless its journal says that it has settled."""
        if not self._goes_on_elsewhere or self.keeper is None:
            state = self.core.log.state
            raise NotResumableError(
                state.run_id, state.status, "only a run whose process has died can be restarted"
            )
        await self.keeper.claim(self)
        if self.result is not None:
            await self.keeper.release(self)

    async def recorded_events(self) -> Sequence[ev.Event]:
        """Return all events of a run that has settled.

        Raises:
          NotResumableError: if it has not.
          HistoryGap: if the first ones are gone.
        """
        log = self.core.log
        if self.result is None:
            raise NotResumableError(
                log.run_id, log.state.status, "only what has settled can be travelled back in"
            )
        if log.holds(None):
            return log.history()
        if self.keeper is None:
            raise HistoryGap(log.history()[0].seq)
        return await self.keeper.events(self)

    async def resume(
        self,
        step: str | Sequence[str] | None,
        data: Any,
        label: str | None,
        index: int | None,
        runtime_context: Mapping[str, Any] | None,
        per_step: bool,
    ) -> int:
        """Begin the next part of the run, and return the ``seq`` of the last event before it.

        A durable run is claimed first, so that nobody else goes on with it, and what others
        have done with it in the meantime is taken over.

        Raises:
          RunClaimedError: if it is going on elsewhere.
          NotResumableError, NotSuspendedError, AmbiguousResumeError, InvalidValueError: as
            `begin_resume` does.

        **Checkpoints**: always.
        """
        async with self._resuming:
            if self.keeper is not None and self.result is not None:
                await self._settled.wait()  # or the claim would be given back with the last part
                await self.keeper.claim(self)
            last = self.core.log.state.next_seq - 1
            try:
                self.begin_resume(step, data, label, index, runtime_context, per_step)
            except BaseException:
                # If the run is running, it was another answer that came first: the claim is its.
                here = not self._settled.is_set() and not self._goes_on_elsewhere
                if self.keeper is not None and not here:
                    with trio.CancelScope(shield=True):
                        await self.keeper.release(self)
                raise
        return last

    # ------------------------------------------------------------ from outside
    @property
    def goes_on_here(self) -> bool:
        """Whether this process drives the run, or is about to."""
        return self.begun and self.result is None and not self._goes_on_elsewhere

    @property
    def is_canceled(self) -> bool:
        """Whether somebody has canceled the run, even if it has not come to its end."""
        return self._cancel_scope.cancel_called

    @property
    def is_lost(self) -> bool:
        """Whether this process has no more to do with the run than any other."""
        failed = self.failure is not None and self._settled.is_set()
        return failed or self._goes_on_elsewhere

    def cancel(self, reason: str | None) -> None:
        """Cancel the run, or do nothing if it is over or canceled already."""
        if self.core.log.state.status in RESUMABLE and self.result is not None:
            self._cancel_waiting(reason)
        elif self.result is None and not self._cancel_scope.cancel_called:
            self._reason = reason
            self._cancel_scope.cancel()

    def receive(self, name: str, data: Any) -> None:
        """Take an event from outside.

        Raises:
          RunFinishedError: if the run is over.
          MailboxFullError: if very many events of that name wait to be taken.
        """
        log, mailbox = self.core.log, self.core.mailbox
        if self.result is not None and log.state.status not in RESUMABLE:
            raise RunFinishedError(log.run_id, log.state.status, f"event {name!r} comes too late")
        mailbox.check_room(name)
        if log.state.status == "pending":
            self._early.append((name, data))
        else:
            mailbox.put(log.emit(ev.EventReceived, event=name, data=data))

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
            settled = self._settled
            await settled.wait()
            if self.failure is not None:
                raise self.failure
            if self.result is not None:
                return self.result
            if settled is self._settled:
                raise self._no_result()
            # Somebody has resumed it before this task had its turn.

    def _no_result(self) -> RuntimeError:
        return RuntimeError(f"run {self.core.log.run_id} is done without a result")

    # ------------------------------------------------------------ inside
    def _structured_input(self) -> Any:
        structure = self.plan.structure_input
        return self._input if structure is None else structure(self._input)

    def _begin_trace(self) -> None:
        """Find out which trace the run belongs to: its caller's, or what an instrument says."""
        trace_id = self.core.tracing_context.trace_id
        ids = self._trace_ids(trace_id, None)
        if ids is not None:
            self._span_id = ids.span_id
        self.trace_id = trace_id or (self.trace_id if ids is None else ids.trace_id)

    def _go_on_in_trace(self) -> str | None:
        """Return what an instrument calls the span of the part that is about to begin."""
        ids = self._trace_ids(self.trace_id, self.core.log.state.span_id)
        return None if ids is None else ids.span_id

    def _trace_ids(self, trace_id: str | None, previous_span_id: str | None) -> TraceIds | None:
        log = self.core.log
        if not log.instruments:
            return None
        part = PartInfo(
            is_start=log.state.status == "pending",
            run_id=log.run_id,
            workflow_id=self.plan.id,
            resource_id=self.resource_id,
            tracing_context=self.core.tracing_context,
            metadata=self._metadata,
            trace_id=trace_id,
            previous_span_id=previous_span_id,
        )
        return tell_begin(log, part)

    def _emit_start(self) -> None:
        log = self.core.log
        log.start_clock()
        log.emit(
            ev.Start,
            workflow_id=self.plan.id,
            input=self._input,
            state=self._state,
            runtime_context=dict(self.core.runtime_context),
            trace_id=self.trace_id,
            metadata=self._metadata,
            resource_id=self.resource_id,
            span_id=self._span_id,
        )
        for name, data in self._early:
            self.core.mailbox.put(log.emit(ev.EventReceived, event=name, data=data))
        self._early.clear()

    def _cancel_waiting(self, reason: str | None) -> None:
        """End a run in which nothing runs."""
        self.core.log.emit(ev.Canceled, reason=reason)
        self._settle(Scope(self.core, self.plan, prefix="", address=""), None)
        self._settled.set()

    def _settle(self, scope: Scope, outcome: Outcome | None) -> None:
        """Emit the events that end a part, and let everyone know."""
        log = self.core.log
        waits = isinstance(outcome, Suspended | Paused)
        if waits:
            log.emit(ev.Suspended if isinstance(outcome, Suspended) else ev.Paused)
        self.result = result = workflow_result(scope, self._input, outcome)
        if not waits or self.close_on_suspend:
            log.emit(ev.Finish, status=result.status, result=result.result, error=result.error)
            log.end_part()
