"""A run: one execution of a workflow, and what a caller can ask of it."""

from __future__ import annotations

import math
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Generic, TypeVar

import trio

from trioflow.engine.environment import Environment, bare_environment
from trioflow.engine.execution import Execution
from trioflow.engine.ownership import open_owned_nursery
from trioflow.engine.planner import plan_workflow
from trioflow.engine.stream import EventStream
from trioflow.errors import RunFinishedError, RunStateError
from trioflow.events import RunStatus
from trioflow.results import RunResult
from trioflow.state import RunState
from trioflow.tracing import TracingContext, TracingOptions
from trioflow.workflow import NO_INPUT, Workflow

In = TypeVar("In")
Out = TypeVar("Out")

BUFFER_SIZE = 64
"""How many events a reader may have unread before the run waits for it."""


def create_run(
    workflow: Workflow[In, Out],
    *,
    environment: Environment | None = None,
    run_id: str | None = None,
    resource_id: str | None = None,
) -> Run[In, Out]:
    """Create a run of *workflow*; what is wrong with the workflow is raised here."""
    environment = environment or bare_environment()
    plan = plan_workflow(workflow, environment)
    return Run(Execution(plan, environment, run_id or str(uuid.uuid4()), resource_id))


class RunStream(EventStream, Generic[Out]):
    """The stream that `Run.stream` opens: the run's events, and its end."""

    def __init__(self, run: Run[Any, Out], max_buffer_size: int) -> None:
        super().__init__(max_buffer_size, run.execution.core.log.make_room)
        self._run = run

    @property
    def run_id(self) -> str:
        """Id of the run."""
        return self._run.run_id

    @property
    def trace_id(self) -> str:
        """Id of the trace that the run belongs to: 32 hexadecimal digits, or the caller's."""
        return self._run.trace_id

    async def get_workflow_state(self) -> RunResult[Out]:
        """Wait for the end of the run and return its result; works without reading, too.

        While someone waits here the buffer is not bounded: events that nobody reads are
        kept for a later reader, and the run does not wait for one.

        **Cancellation**: the run goes on.

        **Checkpoints**: always.
        """
        self.lift_bound()
        try:
            return await self._run.wait()
        finally:
            self.restore_bound()


class Run(Generic[In, Out]):
    """One execution of a workflow. Made by `Workflow.create_run` or by an engine."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        """The engine's side of the run; not for users."""

    @property
    def run_id(self) -> str:
        """Id of the run, unique over all runs."""
        return self.execution.core.log.run_id

    @property
    def workflow_id(self) -> str:
        """Id of the workflow that is run."""
        return self.execution.plan.id

    @property
    def resource_id(self) -> str | None:
        """Whom the run belongs to, if its creator said so."""
        return self.execution.resource_id

    @property
    def trace_id(self) -> str:
        """Id of the trace that the run belongs to: 32 hexadecimal digits, or the caller's."""
        return self.execution.trace_id

    def __repr__(self) -> str:
        return f"<Run {self.run_id!r} of {self.workflow_id!r}, {self.status}>"

    @property
    def status(self) -> RunStatus:
        """Where the run is: ``"pending"`` until it starts, then as its events say."""
        return self.execution.core.log.state.status

    @property
    def state(self) -> RunState:
        """The fold of all events so far. Live, and read only."""
        return self.execution.core.log.state

    # ------------------------------------------------------------ running
    @asynccontextmanager
    async def stream(
        self,
        input_data: In = NO_INPUT,
        *,
        runtime_context: Mapping[str, Any] | None = None,
        tracing_context: TracingContext | None = None,
        tracing_options: TracingOptions | None = None,
        initial_state: Any = None,
        max_buffer_size: int = BUFFER_SIZE,
    ) -> AsyncGenerator[RunStream[Out], None]:
        """Run the workflow and read its events: ``async with run.stream(...) as stream``.

        Leaving the block early cancels the run and waits for its clean-up. What the block
        raises leaves it as itself, not in a group. A failed step raises nothing here.

        Args:
          input_data: The input; structured into the workflow's input type.
          runtime_context: Entries that all steps see and may change; copied.
          tracing_context: Where the run stands in the caller's trace.
          tracing_options: Metadata for whoever writes traces.
          initial_state: The state that the steps share, at the start.
          max_buffer_size: How many events may be unread before the run waits for the
            reader. Closing events of running steps come on top, so that none is lost.

        Raises:
          RunAlreadyStartedError: if the run has been started before.
          InvalidValueError: if input or state do not fit the workflow's types.
          ValueError: if *max_buffer_size* is below 1.

        **Cancellation**: cancels the run; it is properly ended when the block is left.

        **Checkpoints**: entering has none; leaving waits for the run.
        """
        stream = RunStream(self, max_buffer_size)
        self.execution.begin(
            input_data, runtime_context, tracing_context, tracing_options, initial_state
        )
        self.execution.core.log.add_reader(stream, None)

        def leave() -> None:
            # In this order: closing first would wake writers that wait for room, to go on.
            self.cancel("its stream was left")
            stream.close()

        async with open_owned_nursery(leave) as nursery:
            nursery.start_soon(self.execution.drive)
            yield stream

    async def start(
        self,
        input_data: In = NO_INPUT,
        *,
        runtime_context: Mapping[str, Any] | None = None,
        tracing_context: TracingContext | None = None,
        tracing_options: TracingOptions | None = None,
        initial_state: Any = None,
    ) -> RunResult[Out]:
        """Run the workflow in this task and return its result. A failed step raises nothing.

        Args and Raises: as for `stream`.

        **Cancellation**: cancels the run and waits for its clean-up.

        **Checkpoints**: always.
        """
        self.execution.begin(
            input_data, runtime_context, tracing_context, tracing_options, initial_state
        )
        return await self.execution.drive()

    # ------------------------------------------------------------ control
    def cancel(self, reason: str | None = None) -> None:
        """Cancel the run: its bodies see ``trio.Cancelled``, and it ends as canceled.

        Returns at once; `wait` waits for the end. Does nothing if the run is over. A run
        that has not started will end as canceled as soon as it does.
        """
        self.execution.cancel(reason)

    async def drain(self, grace: float = math.inf) -> RunResult[Out]:
        """Start no further step, let running ones end, and return the result.

        Sleeps, waits for events and waits between attempts are not let end: nothing runs
        in them. A run that had nothing left to do ends with its own status, any other as
        canceled with reason ``"drained"``.

        Args:
          grace: Seconds that running steps get. Steps that need longer are canceled.

        Raises:
          ValueError: if *grace* is negative or NaN.
          RunStateError: if the run has not started.

        **Cancellation**: no further step starts all the same.

        **Checkpoints**: always at least one, even if no step is running.
        """
        if not grace >= 0:  # also catches NaN
            raise ValueError(f"grace must be >= 0 seconds, not {grace!r}")
        if not self.execution.begun:
            raise RunStateError(self.run_id, self.status, "nothing runs that could be let end")
        self.execution.core.pacer.hold()
        with trio.move_on_after(grace):
            await self.execution.core.wait_idle()
        # A step may complete between the time-out and the cancel. That is fine: its
        # result is folded already, and the cancel then finds nothing to stop.
        self.cancel("drained")
        return await self.wait()

    def send_event(self, name: str, data: Any = None) -> None:
        """Hand an event to the step that waits for it, now or later.

        Each event is taken by one wait; until then it is kept.

        Raises:
          RunFinishedError: if the run is over.
          MailboxFullError: if very many events of that name wait to be taken.
        """
        if self.execution.result is not None:
            raise RunFinishedError(self.run_id, self.status, f"event {name!r} comes too late")
        self.execution.core.mailbox.put(name, data)

    def observe(
        self, after: int | None = None, *, max_buffer_size: int = BUFFER_SIZE
    ) -> EventStream:
        """Return another stream of the run's events, from the first one or from after *after*.

        It can be had before, during and after the run, any number of times. Like every
        reader it is waited for, so close it (``async with``) if it is not read to its end.

        Args:
          after: The ``seq`` of the last event that is not wanted.
          max_buffer_size: How many events may be unread before the run waits.

        Raises:
          HistoryGap: if events that are wanted are no longer held.
        """
        log = self.execution.core.log
        reader = EventStream(max_buffer_size, log.make_room)
        log.add_reader(reader, after)
        return reader

    async def wait(self) -> RunResult[Out]:
        """Wait for the end of a run that someone else drives, and return its result.

        **Cancellation**: the run goes on.

        **Checkpoints**: always.
        """
        return await self.execution.wait()
