"""The runs of an engine: which there are, when they start, and who keeps them alive."""

from __future__ import annotations

import logging
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import Context, copy_context
from typing import Any
from weakref import WeakValueDictionary

import trio

from trioflow._engine.base.nursery import open_owned_nursery
from trioflow.errors import JournalConflictError, NotSerializableError, RunStateError, StoreError
from trioflow.record import RESUMABLE, RunState
from trioflow.run import Run

logger = logging.getLogger("trioflow")

KEEP_FINISHED = 64
"""How many submitted runs an engine remembers after their end, with all that they recorded."""
MAX_STARTS = 16
"""How many runs have their first turn in one pass of Trio's scheduler, in which all that is ready
has a turn. Of 1,000 runs of 10 steps, submitted at once and started at once, no reader saw anything
for 0.1 s, and the garbage collector, going through their unread events, took 0.4 of the time."""
PATIENCE = 0.1
"""How many seconds runs wait in a queue before each that begins lets in two others. For runs that
take more than a turn, which cannot be told before, it would otherwise get slower all the time."""


@asynccontextmanager
async def open_registry() -> AsyncGenerator[RunRegistry, None]:
    """Open a registry for the runs of an engine; leaving the block ends them, see `end_all`."""
    registry = RunRegistry()
    try:
        async with open_owned_nursery(registry.end_all) as registry.nursery:
            yield registry
    finally:
        registry.is_closed = True


class RunRegistry:
    """Finds runs by id, and holds those that nobody else may hold."""

    nursery: trio.Nursery
    """Where the runs are driven."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[str, Run[Any, Any]] = WeakValueDictionary()
        self._submitted: dict[str, Run[Any, Any]] = {}
        self._waiting: dict[str, Run[Any, Any]] = {}
        self._is_closing = False
        self.is_closed = False
        """Whether no run can be driven here any more."""
        self._starting = 0
        """How many runs have a task that has not had its first turn."""
        self._queue: OrderedDict[Run[Any, Any], Context] = OrderedDict()
        """Runs that have no task yet, and what their steps find in context variables."""
        self._queued_since = 0.0
        self._finished: deque[Run[Any, Any]] = deque(maxlen=KEEP_FINISHED)

    def add(self, run: Run[Any, Any]) -> None:
        """Know a run as long as someone holds it."""
        self._known[run.run_id] = run

    def find(self, run_id: str) -> Run[Any, Any] | None:
        """Return the run of that id, or None."""
        return self._known.get(run_id)

    def known(self) -> list[Run[Any, Any]]:
        """Return all runs that are known, oldest first."""
        return list(self._known.values())

    def own(self, run: Run[Any, Any]) -> None:
        """Have a run driven here whenever it goes on."""
        run.execution.home = self

    def check_open(self, state: RunState) -> None:
        """Check that a run can be driven here.

        Raises:
          RunStateError: if the engine is closed.
        """
        if self.is_closed:
            problem = "its engine is closed; open another one for it"
            raise RunStateError(state.run_id, state.status, problem)

    def start_soon(self, run: Run[Any, Any]) -> None:
        """Drive a run in a task of its own, to where it settles, and hold it until then.

        Raises:
          RunStateError: if the engine is closed.
        """
        self.check_open(run.state)
        if self._starting < MAX_STARTS:
            self.nursery.start_soon(self.drive, run)
            self._starting += 1
        else:
            if not self._queue:
                self._queued_since = trio.current_time()
            self._queue[run] = copy_context()
        self._submitted[run.run_id] = run

    def _start_next(self) -> None:
        """Let others have their first turn after this run's."""
        self._starting -= 1
        if self._queue:
            for _ in range(min(2 if self._is_slow() else 1, len(self._queue))):
                run, context = self._queue.popitem(last=False)
                context.run(self.nursery.start_soon, self.drive, run)
                self._starting += 1

    def _is_slow(self) -> bool:
        """Tell whether runs have waited for long, and those before them do not end soon."""
        going_on = len(self._submitted) - len(self._queue) - self._starting
        return going_on > MAX_STARTS and trio.current_time() > self._queued_since + PATIENCE

    async def drive(self, run: Run[Any, Any]) -> None:
        """Drive a run to where it settles, and hold it for a while then."""
        self._start_next()
        run_id = run.run_id
        if self._is_closing:  # it was answered while the engine waited for others to end
            run.halt()
        try:
            # Whatever cancels the engine reaches its runs through end_all, never directly: a
            # durable run must not take the end of its process for its own.
            await run.execution.drive(by_engine=True)
        except (StoreError, JournalConflictError, NotSerializableError) as exc:
            # run.wait() raises it; the other runs of the engine go on.
            logger.error("run %s could not be saved: %s", run_id, exc)
        finally:
            if self._submitted.get(run_id) is run:  # it may have been recovered already
                del self._submitted[run_id]
            self._keep_settled(run)

    def _keep_settled(self, run: Run[Any, Any]) -> None:
        waits = run.status in RESUMABLE
        if waits and run.execution.keeper is None:
            self._waiting[run.run_id] = run  # nobody else has it
            return
        self._waiting.pop(run.run_id, None)
        self._finished.append(run)
        if not waits:
            run.execution.home = None  # whoever holds this run need not hold the others

    def let_go(self, run_id: str) -> None:
        """Hold a run no longer than others that are over: it was canceled while it waited."""
        run = self._waiting.get(run_id)
        if run is not None:
            self._keep_settled(run)

    def end_all(self) -> None:
        """Stop all runs that are driven: durable ones can go on later, others are canceled."""
        self._is_closing = True
        for run in tuple(self._submitted.values()):  # an instrument that hears of it may add some
            run.execution.halt()
