"""What all calls of one run share, and the place in it from which user code looks at it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

import attrs
import trio

from trioflow.context import MISSING
from trioflow.engine.instruments import tracing_inside
from trioflow.engine.log import RunLog
from trioflow.engine.mailbox import Mailbox
from trioflow.engine.pacer import Pacer
from trioflow.engine.shared_context import SharedContext
from trioflow.errors import NoResultError
from trioflow.tracing import TracingContext

if TYPE_CHECKING:
    from cattrs import Converter

    from trioflow.engine.plan import CallPlan, WorkflowPlan
    from trioflow.engine.replay import Replay


TRIES = 2
"""How many calls of a function have to be brief before it is taken to be so. With a single one
a function whose first call had nothing to do would pass for brief."""
TRIES_AGAIN = 64
"""How many calls of a function that has taken long have to be brief. Few enough to cost no more
than the long one did: it may have been the garbage collector's time, or another program's, and
with no way back half the steps of a chain of 10,000 took 27 µs instead of 10."""


@attrs.define(eq=False)
class RunCore:
    """The parts of one run, nested workflows included."""

    log: RunLog
    pacer: Pacer
    mailbox: Mailbox
    cancel: Callable[[str | None], None]
    converter: Callable[[], Converter]
    state_fields: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None
    """Structures the keys of a state update; None if the state is a plain dict."""
    runtime_context: SharedContext = attrs.field(factory=SharedContext)
    tracing_context: TracingContext = attrs.field(factory=TracingContext)
    replay: Replay | None = None
    """What is known of earlier parts of the run; None in the first part."""
    per_step: bool = False
    """Whether the run pauses after each node of the outermost workflow."""
    brief: set[object] = attrs.field(factory=lambda: {None})
    """The code of bodies that have run a few times in this run without taking long."""
    tries: dict[object, int] = attrs.field(factory=dict)
    """How many more times the bodies that may take long have to be brief, if they have run."""
    bodies: int = 0
    """How many bodies of steps and tools run right now."""
    awaits_idle: bool = False
    """Whether somebody waits until no body runs."""
    idle: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)
    """Where those park who wait until no body runs."""

    def boundary_before(self, plan: CallPlan) -> Awaitable[None]:
        """Pass the boundary before a call of *plan*, see `Pacer.boundary`.

        If its body may keep the loop busy, readers first see what has happened.
        """
        if plan.code in self.brief:
            return self.pacer.boundary()
        tries = self.tries.get(plan.code, TRIES) - 1
        self.tries[plan.code] = tries
        if tries == 0:
            self.brief.add(plan.code)
        return self.pacer.slow_boundary()

    def was_long(self, plan: CallPlan) -> None:
        """Take note that a call took so long that others may have waited for it."""
        if plan.code is not None:  # None stands for no function at all
            self.brief.discard(plan.code)
            self.tries[plan.code] = TRIES_AGAIN

    async def wait_idle(self) -> None:
        """Wait until no body runs. A checkpoint in any case."""
        await trio.lowlevel.checkpoint()
        self.awaits_idle = True
        while self.bodies:
            await self.idle.park()

    def tell_idle(self) -> None:
        """Wake those who wait until no body runs, if none does."""
        if not self.bodies:
            self.idle.unpark_all()


@attrs.define(eq=False)
class Scope:
    """One call of one workflow: the root of a run, or a nested one."""

    core: RunCore
    plan: WorkflowPlan
    prefix: str
    """What stands before the ids of its steps: ``""``, or ``"outer."``."""
    address: str
    """What stands before the addresses of its calls: ``""``, or ``"2/"``."""
    init_data: Any = None
    results: dict[str, Any] = attrs.field(factory=dict)
    """The outputs of its steps so far, by id; of several calls the last."""
    failed_to_start: bool = False
    """Whether its on_start hook raised, so that it never ran."""


@attrs.define(eq=False)
class Frame:
    """A place in a run, as conditions, mapping functions and hooks see it."""

    scope: Scope
    iteration: int | None = None

    @property
    def run_id(self) -> str:
        return self.scope.core.log.run_id

    @property
    def workflow_id(self) -> str:
        return self.scope.plan.id

    @property
    def init_data(self) -> Any:
        return self.scope.init_data

    @property
    def runtime_context(self) -> MutableMapping[str, Any]:
        return self.scope.core.runtime_context

    @property
    def tracing_context(self) -> TracingContext:
        return tracing_inside(self.scope.core)

    @property
    def state(self) -> Any:
        return self.scope.core.log.state.state

    def step_result(self, step_id: str, default: object) -> Any:
        result = self.scope.results.get(step_id, default)
        if result is MISSING:
            raise NoResultError(step_id)
        return result

    def abort(self, reason: str | None) -> None:
        self.scope.core.cancel(reason)
