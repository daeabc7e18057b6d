"""One run, as seen by this process.

`Life` holds the data. Starting, driving, resuming, recovering and ending a run are functions over
it, each in its own module. `trioflow._phases` defines which of them is possible when.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from trioflow import events as ev
from trioflow._engine.base.outcome import Outcome, Paused, Suspended
from trioflow._engine.base.plan import WorkflowPlan
from trioflow._engine.base.reporting import reported
from trioflow._engine.life.ports import Driver, Home, Keeper
from trioflow._engine.life.trace import RunTrace
from trioflow._engine.planning.environment import Environment
from trioflow._engine.running.frame import Scope
from trioflow._engine.running.results import workflow_result
from trioflow._engine.running.run_core import RunCore
from trioflow._engine.stream.fairness import Pacer
from trioflow._engine.stream.journaled_log import JournaledLog
from trioflow._engine.stream.log import RunLog
from trioflow._numbers import is_number
from trioflow._phases import Phase
from trioflow.errors import RunClaimedError, RunStateError, UnreadableRunError
from trioflow.results import RunResult

if TYPE_CHECKING:
    from trioflow._engine.life.forking import Fork

E = TypeVar("E", bound=ev.Event)

WAITING = (Suspended, Paused)
"""Outcomes of a part after which the run may be resumed."""
DRIVEN_HERE = frozenset({Phase.STARTING, Phase.RUNNING, Phase.ENDING})
"""Phases in which a task of this process drives the run, or is about to."""
AT_REST = frozenset({Phase.WAITING, Phase.FINISHED})
"""Phases that a part driven here leads to."""


class Life:
    """What this process knows about one run, including its phase."""

    misfits: tuple[UnreadableRunError, ...] = ()
    """All journal values that do not fit their type. A finished run keeps them as plain JSON, and
    cannot be forked after them."""
    cancel_requests: tuple[int, ...] = ()
    """Ids of the stored requests that are canceling it."""
    has_crashed: bool = False
    """Whether the previous process that drove it died rather than halted it."""
    is_followed: bool = False
    """Whether a task follows what happens to the run in other processes."""
    fork: Fork | None = None
    """The past it begins with, if it is a fork that was made here."""
    retry: Life | None = None
    """The run that retries this one, if it was made here."""
    timeout: float | None = None
    """Seconds from its start within which the run must finish."""
    # These seven stay class attributes until one is set, because few runs set any. All others are
    # set in __init__: Python stores the attributes of an object compactly only if all objects of
    # the class get them in the same order from the start.

    def __init__(
        self,
        plan: WorkflowPlan,
        environment: Environment,
        run_id: str,
        resource_id: str | None,
        keeper: Keeper | None = None,
        tags: tuple[str, ...] = (),
    ) -> None:
        """Create a run that has not started.

        Args:
          keeper: Connects the run to its store, if it is durable.
        """
        log_type = RunLog if keeper is None else JournaledLog
        log = log_type(run_id, environment.instruments)
        self.run_id = run_id
        self.record = log.record
        """The fold of all events so far."""
        self.plan = plan
        self.environment = environment
        self.resource_id = resource_id
        self.tags = tags
        self.created_at = 0.0
        """When an engine without a store created it: seconds since the epoch. The header of a
        durable run holds this instead."""
        self.trace = RunTrace(log, plan.id, plan.metadata)
        self.core = RunCore(
            log=log,
            readers=log.readers,
            pacer=Pacer(log, plan.reputation),
            services=environment.services,
            state_fields=plan.state_fields,
            reducers=plan.reducers,
            start_run=environment.start_run,
        )
        self.phase = Phase.PENDING
        self.part = 0
        """How often the run was resumed or recovered here."""
        self.input: Any = None
        """The input as the caller passed it."""
        self.value: Any = None
        """The structured input."""
        self.initial_state: Any = None
        self.by: str | None = None
        """Who started the run, if given."""
        self.result: RunResult[Any] | None = None
        """The result of the last part; None before, and while a part is driven."""
        self.failure: BaseException | None = None
        """Why `wait` raises instead of returning the result."""
        self.unreadable: Exception | None = None
        """Which value of the journal does not fit, if the run is unreadable."""
        self.driver: Driver | None = None
        """The task that drives the run now, until the end of its part is on disk."""
        self.close_on_suspend = True
        """Whether streams end while the run is suspended."""
        self.parked: trio.Event | None = None
        """What the task of an open stream waits for while the run is suspended."""
        self.is_left = False
        """Whether the reader left the stream that the run is driven for."""
        self.keeper = keeper
        self.home: Home | None = None
        """The engine that drives the run; None if its caller does."""
        self.handle: weakref.ref[Any] | None = None
        """The user's handle of the run, while it is in use."""
        self._resuming: trio.Lock | None = None
        self._rest: trio.Event | None = None

    # ------------------------------------------------------------ the facts
    @property
    def journaled(self) -> JournaledLog | None:
        """The log, if the run is durable."""
        log = self.core.log
        return log if isinstance(log, JournaledLog) else None

    @property
    def is_driven_here(self) -> bool:
        """Whether this process drives the run, or is about to."""
        return self.phase in DRIVEN_HERE

    @property
    def is_at_rest(self) -> bool:
        """Whether the run has finished or waits, also on disk if it is durable."""
        if self.driver is not None:
            return False
        has_ended = self.result is not None or self.failure is not None
        return has_ended or self.unreadable is not None

    @property
    def is_lost(self) -> bool:
        """Whether this process knows no more about the run than any other does."""
        return self.phase in (Phase.ELSEWHERE, Phase.HALTED, Phase.UNREADABLE)

    @property
    def resuming(self) -> trio.Lock:
        """Held from the claim for an answer until the following part begins."""
        if self._resuming is None:  # few runs need it
            self._resuming = trio.Lock()
        return self._resuming

    # ------------------------------------------------------------ changes
    def move(self, cause: str) -> None:
        """Enter the next phase, because of an event or of an action of this process.

        Raises:
          RunStateError: if *cause* is not allowed in the current phase.
        """
        after = self.phase.after.get(cause)
        if after is None:
            problem = f"{cause!r} is not possible while the run is {self.phase.value}"
            raise RunStateError(self.run_id, self.record.status, problem)
        self.phase = after

    def emit(self, event_type: type[E], **fields: Any) -> E:
        """Emit an event that changes the phase.

        The phase changes even if an instrument raises.
        """
        return self.happen(event_type, fields)

    @trio.lowlevel.enable_ki_protection
    def happen(self, event_type: type[E], fields: Mapping[str, Any]) -> E:
        """Do the work of `emit`, without copying the keyword arguments again."""
        log = self.core.log
        state = log.record
        before = state.next_seq
        try:
            event = log.next_event(event_type, fields)
            log.add(event)
            return event
        finally:
            if state.next_seq > before:
                self.move(event_type.type)

    def usage(self) -> dict[str, Any]:
        """Return what language models have used, as a field of the event that ends the part."""
        if not self.record.private:
            return {}
        with reported("the usage of run %s was not counted", self.run_id):  # it ends nevertheless
            used = self.core.services.usage(self.record) or {}
            numbers = {str(name): number for name, number in used.items() if _is_finite(number)}
            return {"usage": numbers} if numbers else {}
        return {}

    def end_part(self, scope: Scope, outcome: Outcome | None) -> None:
        """Emit the events that end a part, and publish its result; *outcome* None means
        canceled."""
        waits = isinstance(outcome, WAITING)
        if waits:
            self.emit(ev.Suspended if isinstance(outcome, Suspended) else ev.Paused)
        self.result = result = workflow_result(scope, self.input, outcome)
        try:
            if not waits or self.close_on_suspend:
                fields = {"status": result.status, "result": result.output, "error": result.error}
                fields |= self.usage()
                self.happen(ev.Finish, fields)
        finally:
            if waits or self.record.ended_at is not None:  # otherwise it could not happen
                self.core.readers.end_part(has_ended=not waits)

    def cancel(self, reason: str | None, by: str | None = None) -> None:
        """Cancel the run; do nothing if it has finished or is already canceled.

        Raises:
          RunClaimedError: if another process drives it.
          UnreadableRunError: if its journal cannot be used here.
        """
        if self.unreadable is not None:
            raise self.unreadable
        if self.phase is Phase.ELSEWHERE:
            raise RunClaimedError(self.run_id, call="engine.cancel_run()")
        if self.phase is Phase.WAITING:
            self._cancel_waiting(reason, by)
        elif self.result is None:
            self.core.cancel(reason, by)

    def emit_canceled(self, reason: str | None, by: str | None) -> None:
        """Emit that the run is canceled; its last event follows later."""
        self.emit(ev.Canceled, reason=reason, by=by)
        if self.keeper is not None and self.cancel_requests:
            self.keeper.acknowledge(self, self.cancel_requests)
            self.cancel_requests = ()

    def begin_end(
        self,
        reason: str | None,
        by: str | None,
        start_soon: Callable[[Life], None] | None = None,
    ) -> None:
        """Cancel a waiting run and begin its end, in which its hooks are called.

        Args:
          start_soon: Starts the task that drives it; if None, the caller drives it.
        """
        self.core.cancel(reason, by)
        try:
            self.emit_canceled(reason, by)
        finally:
            # Even if an instrument raised. A task that still saves the last part drives the end.
            if self.phase is Phase.ENDING and self.driver is None:
                self.leave_rest()
                if start_soon is not None:
                    start_soon(self)

    def _cancel_waiting(self, reason: str | None, by: str | None) -> None:
        """End a run in which nothing is running, even if an instrument raises."""
        try:
            self.emit_canceled(reason, by)
        finally:
            if self.phase is Phase.ENDING:
                self._end_waiting()

    def _end_waiting(self) -> None:
        try:
            self.end_part(Scope(self.core, self.plan, prefix="", address=""), None)
        except BaseException as exc:
            if self.phase is Phase.ENDING:  # an error in trioflow itself: its end has not happened
                self.failure, self.phase = exc, Phase.HALTED
                self.core.readers.end_part(has_ended=True)
            raise
        finally:
            if self.is_at_rest:
                self.come_to_rest()
            if self.home is not None:
                self.home.let_go(self.run_id)

    def come_to_rest(self) -> None:
        """Wake the tasks that wait for the end of the driven part."""
        self.driver = None
        waits = self.phase is Phase.WAITING
        self.core.owner = weakref.ref(self) if waits else None
        if self._rest is not None:
            self._rest.set()

    def leave_rest(self) -> None:
        """Make tasks that wait for the end of a part wait for the next part."""
        self.result = self.failure = None
        if self._rest is not None and self._rest.is_set():
            self._rest = None

    # ------------------------------------------------------------ waiting
    async def wait(self) -> RunResult[Any]:
        """Wait until the run finishes or suspends, in whatever process, and return its result.

        Raises:
          RunStateError: if another process drives it and its engine is closed.
          Exception: what prevented it from ending or from being saved.
        """
        self.follow()
        while True:
            rest = await self.wait_for_rest()
            if self.keeper is not None and self.failure is None and self.result is not None:
                await self.keeper.wait_stored(self)  # it may have been canceled while it waited
            if rest is self._rest:  # otherwise it was resumed before this task had its turn
                return self.outcome()

    def outcome(self) -> RunResult[Any]:
        """Return the result of the part that has ended, or raise its failure."""
        if self.unreadable is not None and self.result is None:
            raise self.unreadable
        if self.failure is not None:
            raise self.failure
        if self.result is None:
            raise RuntimeError(f"run {self.run_id} is at rest without a result")
        return self.result

    def follow(self) -> None:
        """Start to follow a run that another process drives."""
        if self.keeper is not None and self.phase is Phase.ELSEWHERE:
            self.keeper.follow(self)

    async def wait_for_rest(self) -> trio.Event:
        """Wait until the part that is driven now has ended. A checkpoint."""
        rest = self._rest
        if rest is None:
            is_at_rest = self.is_at_rest
            rest = self._rest = trio.Event()
            if is_at_rest:
                rest.set()
        await rest.wait()
        return rest


def _is_finite(value: object) -> bool:
    return is_number(value) and math.isfinite(value)
