"""One run: how its parts begin, with a start, an answer, or what a journal tells of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import trio

from trioflow import events as ev
from trioflow._engine.base.find_call import find_call
from trioflow._engine.history.replay import Replay
from trioflow._engine.history.suspensions import Suspension, select
from trioflow._engine.life.driving import DrivenRun
from trioflow._engine.running.shared_context import SharedContext
from trioflow._engine.running.workflow_call import recorded_result
from trioflow._engine.stream.fairness import Pacer
from trioflow.errors import HistoryGap, NotResumableError, RunAlreadyStartedError
from trioflow.record import RESUMABLE
from trioflow.results import RunResult
from trioflow.tracing import NO_TRACING, TracingContext, TracingOptions


class Execution(DrivenRun):
    """Everything that makes up one run."""

    # ------------------------------------------------------------ a start
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
        if runtime_context:
            self.core.context = SharedContext(runtime_context)
        self.core.tracing_context = tracing_context or NO_TRACING
        self.core.per_step = per_step
        self.trace.begin(self.core.tracing_context, tracing_options, self.resource_id)
        self.begun = True

    def _structured_input(self) -> Any:
        structure = self.plan.structure_input
        return self._input if structure is None else structure(self._input)

    # ------------------------------------------------------------ an answer
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
          RunStateError: if the engine that would drive it is closed.
          NotResumableError, NotSuspendedError, AmbiguousResumeError, InvalidValueError: as
            `begin_resume` does.

        **Checkpoints**: always.
        """
        if self.home is not None:  # before anything is recorded that nobody would do
            self.home.check_open(self.core.log.state)
        if self._resuming is None:
            self._resuming = trio.Lock()
        part = self.part
        async with self._resuming:
            if self.part != part:  # even if it asks again by now: that is another question.
                # What happened in another process may be news to this run, but not to its caller.
                state = self.core.log.state
                problem = "another answer, given at the same time, was taken"
                raise NotResumableError(state.run_id, state.status, problem)
            if self.keeper is not None and self.result is not None:
                await self._until_settled()  # or the claim would be given back with the last part
                await self.keeper.claim(self)
            last = self.core.log.state.next_seq - 1
            try:
                self.begin_resume(step, data, label, index, runtime_context, per_step)
            except BaseException:
                # If the run is running, it was another answer that came first: the claim is its.
                here = not self.is_settled and not self._goes_on_elsewhere
                if self.keeper is not None and not here:
                    with trio.CancelScope(shield=True):
                        await self.keeper.release(self)
                raise
        return last

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
        if log.state.status not in RESUMABLE or not self.is_settled:
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
            span_id=self.trace.go_on(self.core.tracing_context, self.resource_id),
        )
        self.core.per_step = per_step
        self._begin_part()

    def _check_answer(self, targets: Sequence[Suspension], data: Any) -> None:
        for target in targets:
            plan = find_call(self.plan, target.address)
            if plan.structure_resume is not None and data is not None:
                plan.structure_resume(data)

    def check_no_open_stream(self) -> None:
        """Check that no stream is open in which the run would go on.

        Raises:
          NotResumableError: if there is one; two tasks would drive the run.
        """
        if self._parked is not None:
            state = self.core.log.state
            problem = "its stream is still open; answer with resume() and read on there"
            raise NotResumableError(state.run_id, state.status, problem)

    # ------------------------------------------------------------ the death of a process
    async def restart(self) -> RunResult[Any]:
        """Go on where a dead process has left off, or return what there is.

        Raises:
          NotResumableError: if the run waits for an answer, or goes on here.
          RunClaimedError: if it goes on elsewhere.
        """
        state = self.core.log.state
        if self.result is not None and state.status not in RESUMABLE:
            await trio.lowlevel.checkpoint()
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

    def begin_recovery(self) -> None:
        """Begin the part of the run that follows the death of its process."""
        self._goes_on_elsewhere = False
        if self.core.log.journal is not None:
            self.core.log.journal.claimed = True
        self._was_canceled = any(isinstance(e, ev.Canceled) for e in self.core.log.history())
        if not self._was_canceled:
            self.core.log.emit(
                ev.Recover, span_id=self.trace.go_on(self.core.tracing_context, self.resource_id)
            )
            self._begin_part()

    def _begin_part(self) -> None:
        state = self.core.log.state
        self.part += 1
        self.result = None
        self.is_settled, self._settling = False, None
        self.core.begin_part(state.runtime_context, state.received.values())
        self.core.pacer = Pacer(self.core.log, self.plan.reputation)
        self.core.replay = Replay(state, from_journal=self._from_journal)

    # ------------------------------------------------------------ a journal
    def adopt(self, events: Sequence[ev.Event]) -> None:
        """Become the run that a journal tells of, settled or not."""
        log = self.core.log
        log.adopt(events)
        log.start_clock()
        state = log.state
        state.state = self.plan.initial_state(state.state)
        self._input = state.input
        self._value = self._structured_input()
        self.trace.id, self.resource_id = state.trace_id, state.resource_id
        self.trace.metadata = next((e.metadata for e in events if isinstance(e, ev.Start)), None)
        self.begun = True
        self._from_journal = True
        self._goes_on_elsewhere = state.status in ("pending", "running")
        if self._goes_on_elsewhere:  # perhaps it had settled, and others went on with it
            self.result, self.is_settled, self._settling = None, False, None
        else:
            self.result = recorded_result(self.plan, state)
            self._tell_settled()

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
        if log.readers.holds(None):
            return log.history()
        if self.keeper is None:
            raise HistoryGap(log.history()[0].seq)
        return await self.keeper.events(self)

    # ------------------------------------------------------------ travelling back
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
