"""A run: one execution of a workflow, and what a caller can ask of it."""

from __future__ import annotations

import math
import secrets
import weakref
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Generic, Self, TypeVar

from trioflow._constructor import NoPublicConstructor
from trioflow._engine.base.given import check_optional_string
from trioflow._engine.base.nursery import open_owned_nursery
from trioflow._engine.history.fork_past import check_fits, invented, prefix
from trioflow._engine.history.fork_target import find_destination
from trioflow._engine.life.driving import (
    beginning,
    carry_on,
    drive,
    drive_open,
    end_undriven,
    leave,
)
from trioflow._engine.life.ending import drain, halt, receive
from trioflow._engine.life.forking import begin_fork, sibling
from trioflow._engine.life.life import Life
from trioflow._engine.life.ports import Keeper
from trioflow._engine.life.recovering import open_recovery, recorded_events, recover
from trioflow._engine.life.resuming import Answer, check_no_open_stream, resume
from trioflow._engine.life.starting import begin
from trioflow._engine.planning.environment import Environment, bare_environment
from trioflow._engine.planning.planner import plan_workflow
from trioflow._engine.stream.reader import OnFull, Reader
from trioflow._engine.stream.receive_end import EventStream
from trioflow._ids import check_run_names
from trioflow._phases import Phase
from trioflow.context import MISSING
from trioflow.errors import RunStateError
from trioflow.events import RunStatus
from trioflow.record import RunRecord
from trioflow.results import RunResult
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
    keeper: Keeper | None = None,
    tags: Collection[str] = (),
) -> Run[In, Out]:
    """Create a run of *workflow*; what is wrong with the workflow or a name is raised here."""
    check_run_names(run_id, resource_id, tags)
    environment = environment or bare_environment()
    plan = plan_workflow(workflow, environment)
    run_id = new_run_id() if run_id is None else run_id
    return run_of(Life(plan, environment, run_id, resource_id, keeper, tuple(tags)))


def run_of(life: Life) -> Run[Any, Any]:
    """Return what users hold of a run: the same object for as long as somebody holds it."""
    held = None if life.handle is None else life.handle()
    run: Run[Any, Any] = Run._create(life) if held is None else held
    return run


def new_run_id() -> str:
    """Return an id that no other run has, as random as a UUID (shortcut `run-id`)."""
    return secrets.token_hex(16)


class RunStream(EventStream, Generic[Out]):
    """The stream that `Run.stream` opens: the run's events, and its end."""

    __slots__ = ("_run",)
    _source = "Run.stream()"

    def __init__(self, reader: Reader, run: Run[Any, Out]) -> None:
        super().__init__(reader)
        self._run = run

    def _another(self) -> Self:
        another: Self = type(self)._create(self._reader, self._run)
        return another

    @property
    def run(self) -> Run[Any, Out]:
        """The run that is read; after `Run.time_travel_stream` the new one."""
        return self._run

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
        self._reader.lift_bound()
        try:
            return await self._run.wait()
        finally:
            self._reader.restore_bound()


class Run(Generic[In, Out], metaclass=NoPublicConstructor):
    """One execution of a workflow. Made by `Workflow.create_run` or by an engine."""

    _source = "Workflow.create_run() or Engine.create_run()"

    def __init__(self, life: Life) -> None:
        self._life = life
        life.handle = weakref.ref(self)

    @property
    def run_id(self) -> str:
        """Id of the run, unique over all runs."""
        return self._life.run_id

    @property
    def workflow_id(self) -> str:
        """Id of the workflow that is run."""
        return self._life.plan.id

    @property
    def resource_id(self) -> str | None:
        """Whom the run belongs to, if its creator said so."""
        return self._life.resource_id

    @property
    def tags(self) -> tuple[str, ...]:
        """By which the run can be listed, in the order in which its creator gave them."""
        return self._life.tags

    @property
    def trace_id(self) -> str:
        """Id of the trace that the run belongs to: 32 hexadecimal digits, or the caller's."""
        return self._life.trace.id

    def __repr__(self) -> str:
        return f"<Run {self.run_id!r} of {self.workflow_id!r}, {self.status}>"

    @property
    def status(self) -> RunStatus:
        """Where the run is: ``"pending"`` until it starts, then as its events say."""
        return self._life.record.status

    @property
    def record(self) -> RunRecord:
        """The fold of all events so far. Live, and read only."""
        return self._life.record

    # ------------------------------------------------------------ running
    def stream(
        self,
        input_data: In = NO_INPUT,
        *,
        runtime_context: Mapping[str, Any] | None = None,
        tracing_context: TracingContext | None = None,
        tracing_options: TracingOptions | None = None,
        initial_state: Any = None,
        max_buffer_size: int = BUFFER_SIZE,
        close_on_suspend: bool = True,
        per_step: bool = False,
    ) -> AbstractAsyncContextManager[RunStream[Out]]:
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
          close_on_suspend: True: a suspended run ends the stream with a `Finish`, and
            `resume_stream` opens the next part. False: the stream stays open, and `resume`
            goes on in it; leaving the block then leaves the run suspended.
          per_step: Whether the run pauses after one node of the workflow; `resume` goes on.

        Raises:
          RunAlreadyStartedError: if the run has been started before.
          InvalidValueError: if input or state do not fit the workflow's types.
          ValueError: at the call already, if *max_buffer_size* is below 1.

        **Cancellation**: cancels the run; it is properly ended when the block is left.

        **Checkpoints**: entering has none; leaving waits for the run.
        """

        def start() -> None:
            begin(
                self._life,
                input_data,
                runtime_context,
                tracing_context,
                tracing_options,
                initial_state,
                per_step,
            )
            self._life.close_on_suspend = close_on_suspend

        return self._reading(self._new_reader(max_buffer_size), None, start)

    @asynccontextmanager
    async def resume_stream(
        self,
        step: Any = None,
        resume_data: Any = None,
        label: str | None = None,
        index: int | None = None,
        *,
        runtime_context: Mapping[str, Any] | None = None,
        max_buffer_size: int = BUFFER_SIZE,
        per_step: bool = False,
    ) -> AsyncGenerator[RunStream[Out], None]:
        """Answer a suspended run, and read the events of its next part.

        ``seq`` goes on where the part before ended. Everything else is as in `stream`. Refused
        with NotResumableError while a stream of the run that stays open is read: `resume` goes
        on in that one.

        Args and Raises: as for `resume` and `stream`.
        """
        reader = self._new_reader(max_buffer_size)
        check_no_open_stream(self._life)
        answer = _answer(step, resume_data, label, index, runtime_context, per_step)
        last = await resume(self._life, answer)
        self._life.close_on_suspend = True
        async with self._reading(reader, last) as stream:
            yield stream

    @asynccontextmanager
    async def _reading(
        self,
        reader: Reader,
        after: int | None,
        start: Callable[[], None] | None = None,
    ) -> AsyncGenerator[RunStream[Out], None]:
        """Drive the run in a task of its own while a stream is read."""
        life = self._life

        def on_leave() -> None:
            # In this order: closing first would wake writers that wait for room, to go on.
            leave(life, part)
            stream.close()

        if start is not None:
            start()
        part = life.part
        try:
            life.core.log.add_reader(reader, after)
            stream: RunStream[Out] = RunStream._create(reader, self)
            async with open_owned_nursery(on_leave) as nursery:
                nursery.start_soon(drive_open, life)
                yield stream
        except BaseException as exc:
            await end_undriven(life, exc)
            raise

    async def start(
        self,
        input_data: In = NO_INPUT,
        *,
        runtime_context: Mapping[str, Any] | None = None,
        tracing_context: TracingContext | None = None,
        tracing_options: TracingOptions | None = None,
        initial_state: Any = None,
        per_step: bool = False,
    ) -> RunResult[Out]:
        """Run the workflow in this task and return its result. A failed step raises nothing.

        Args and Raises: as for `stream`.

        **Cancellation**: cancels the run and waits for its clean-up.

        **Checkpoints**: always.
        """
        begin(
            self._life,
            input_data,
            runtime_context,
            tracing_context,
            tracing_options,
            initial_state,
            per_step,
        )
        return await drive(self._life)

    async def resume(
        self,
        step: Any = None,
        resume_data: Any = None,
        label: str | None = None,
        index: int | None = None,
        *,
        runtime_context: Mapping[str, Any] | None = None,
        per_step: bool = False,
    ) -> RunResult[Out]:
        """Answer a suspended run, and return the result when it settles again.

        The step starts from its top and finds the answer in ``ctx.resume_data``. Steps whose
        outcome is recorded do not run again, and neither do conditions. Of two concurrent
        answers exactly one is taken.

        Args:
          step: Which step: itself, its id, or its path as ``"outer.inner"`` or a list; or
            something that contains it. None if only one step waits.
          resume_data: The answer, structured into the step's ``resume`` type.
          label: The label that the step suspended with.
          index: Which item of a foreach, counted from 0; without it all that wait are given
            the same answer.
          runtime_context: Entries to set in the runtime context before the run goes on.
          per_step: Whether the run pauses after the next node.

        Raises:
          NotResumableError: if the run is finished, canceled, running or not started.
          RunClaimedError: if the run is going on in another process.
          RunStateError: if the engine that it was submitted to is closed.
          NotSuspendedError: if no such step waits; the error lists those that do.
          AmbiguousResumeError: if several may be meant.
          InvalidValueError: if the answer does not fit.

        **Cancellation**: cancels the run, unless an open stream or an engine drives it.

        **Checkpoints**: always.
        """
        answer = _answer(step, resume_data, label, index, runtime_context, per_step)
        await resume(self._life, answer)
        return await carry_on(self._life)

    # ------------------------------------------------------------ going back
    async def restart(self) -> RunResult[Out]:
        """Go on with a run whose process has died, or return the result it has ended with.

        Raises:
          NotResumableError: if it waits for an answer, or is going on here.
          RunClaimedError: if it is going on in another process.

        **Cancellation**: cancels the run.

        **Checkpoints**: always.
        """
        return await recover(self._life)

    @asynccontextmanager
    async def restart_stream(
        self, *, max_buffer_size: int = BUFFER_SIZE
    ) -> AsyncGenerator[RunStream[Out], None]:
        """Do as `restart` does, and read the events from where the run goes on.

        Raises:
          NotResumableError: if it has settled, or is going on here.
          RunClaimedError: if it is going on in another process.
          ValueError: if *max_buffer_size* is below 1.
        """
        reader = self._new_reader(max_buffer_size)
        last = await open_recovery(self._life)
        async with self._reading(reader, last) as stream:
            yield stream

    async def time_travel(
        self,
        step: Any,
        input_data: Any = MISSING,
        *,
        context: Mapping[str, Any] | None = None,
        resume_data: Any = None,
        run_id: str | None = None,
        per_step: bool = False,
    ) -> RunResult[Out]:
        """Go back to a step, and on from there, as a new run that shares what came before.

        This run stays as it is. The new one begins with its recorded events up to *step*;
        what is recorded there does not run again. Of a foreach, items that have ended well
        are kept.

        Args:
          step: Where to go back to: a step, its id, or its path into nested workflows as
            ``"outer.inner"`` or a list. Of a loop the last iteration is meant.
          input_data: Another input for that step; its recorded one if not given.
          context: Other outputs for steps before it, by id.
          resume_data: What the step finds in ``ctx.resume_data``.
          run_id: Id of the new run; a random one if not given.
          per_step: Whether the new run pauses after one node.

        Raises:
          InvalidIdError: if *run_id* cannot be one.
          UnknownStepError: if the workflow has no such step.
          NotResumableError: if this run is going on, or has not started.
          UnreadableRunError: if a value before the step does not fit its type any more.
          HistoryGap: if the events before the step are no longer held, and it is not durable.

        **Cancellation**: cancels the new run.

        **Checkpoints**: always.
        """
        life = await self._travel(step, input_data, context, resume_data, run_id, per_step)
        return await drive(life)

    @asynccontextmanager
    async def time_travel_stream(
        self,
        step: Any,
        input_data: Any = MISSING,
        *,
        context: Mapping[str, Any] | None = None,
        resume_data: Any = None,
        run_id: str | None = None,
        per_step: bool = False,
        max_buffer_size: int = BUFFER_SIZE,
    ) -> AsyncGenerator[RunStream[Out], None]:
        """Do as `time_travel` does, and read the events of the new run from where it goes on.

        Args and Raises: as for `time_travel` and `stream`.
        """
        life = await self._travel(step, input_data, context, resume_data, run_id, per_step)
        run = run_of(life)
        reader = run._new_reader(max_buffer_size)
        # Recover, which marks where the prefix ends, is the first event of the stream.
        async with run._reading(reader, run.record.next_seq - 2) as stream:
            yield stream

    async def _travel(
        self,
        step: Any,
        input_data: Any,
        context: Mapping[str, Any] | None,
        resume_data: Any,
        run_id: str | None,
        per_step: bool,
    ) -> Life:
        check_run_names(run_id, None, ())
        old, outputs = self._life, context or {}
        recorded = await recorded_events(old)
        destination = find_destination(old.plan, step_path(step) or "", recorded)
        check_fits(old.misfits, recorded, destination, outputs)
        new = sibling(old, new_run_id() if run_id is None else run_id)
        past = prefix(recorded, destination, new.run_id, outputs)
        past += invented(old.plan, destination, past, outputs)
        inputs = {} if input_data is MISSING else {str(destination.address): input_data}
        async with beginning(new):
            begin_fork(new, past, inputs, resume_data, str(destination.address), per_step)
        return new

    # ------------------------------------------------------------ control
    def cancel(self, reason: str | None = None) -> None:
        """Cancel the run: its bodies see ``trio.Cancelled``, and it ends as canceled.

        Returns at once; `wait` waits for the end. Does nothing if the run is over. A run
        that has not started will end as canceled as soon as it does.
        """
        check_optional_string("reason", reason)
        self._life.cancel(reason)

    def halt(self) -> None:
        """Stop the run here, but not for good: what leaving an engine does to its runs.

        Running bodies see ``trio.Cancelled``, and here the run ends as canceled. Its journal
        ends before that, so that `restart` or `Engine.recover` can go on from there, in this
        process or another. A run that is not durable is canceled. Does nothing if the run is
        over or waits for an answer.
        """
        halt(self._life)

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
        if self._life.phase is Phase.PENDING:
            raise RunStateError(self.run_id, self.status, "nothing runs that could be let end")
        await drain(self._life, grace)
        return await self.wait()

    def send_event(self, name: str, data: Any = None) -> None:
        """Hand an event to the step that waits for it, now or later.

        Each event is taken by one wait; until then it is kept.

        Raises:
          RunFinishedError: if the run is over.
          MailboxFullError: if very many events of that name wait to be taken.
        """
        receive(self._life, name, data)

    def observe(
        self,
        after: int | None = None,
        *,
        max_buffer_size: int = BUFFER_SIZE,
        on_full: OnFull = "wait",
    ) -> EventStream:
        """Return another stream of the run's events, from the first one or from after *after*.

        It can be had before, during and after the run, any number of times, and of a run that
        is driven in another process, too. Each has its own buffer. Close it (``async with``) if
        it is not read to its end.

        Args:
          after: The ``seq`` of the last event that is not wanted.
          max_buffer_size: How many events may be unread.
          on_full: What happens then. ``"wait"``: the run waits. ``"gap"``: the run goes on,
            and the stream ends with `HistoryGap` behind what is in the buffer.

        Raises:
          HistoryGap: if events that are wanted are no longer held; ``engine.observe`` reads
            them from the journal of a durable run.
          RunStateError: if the run is driven in another process, and the engine is closed.
        """
        reader = self._new_reader(max_buffer_size, on_full)
        self._life.core.log.add_reader(reader, after)
        self._life.follow()
        stream: EventStream = EventStream._create(reader)
        return stream

    def _new_reader(self, max_buffer_size: int, on_full: OnFull = "wait") -> Reader:
        return Reader(max_buffer_size, self._life.core.readers, on_full)

    async def wait(self) -> RunResult[Out]:
        """Wait until a run that someone else drives is over or waits for an answer.

        A run of an engine with a store may be driven in any process. One whose process has died
        is waited for until some engine has recovered it.

        Raises:
          RunStateError: if it is driven in another process, and this engine is closed.
          DuplicateRunError: if it could not start because its id is taken.
          StoreError, JournalConflictError: if it could not be saved.

        **Cancellation**: the run goes on.

        **Checkpoints**: always.
        """
        return await self._life.wait()


def _answer(
    step: Any,
    data: Any,
    label: str | None,
    index: int | None,
    runtime_context: Mapping[str, Any] | None,
    per_step: bool,
) -> Answer:
    return Answer(
        step=step_path(step),
        data=data,
        label=label,
        index=index,
        runtime_context=runtime_context or {},
        per_step=per_step,
    )


def step_path(step: Any) -> str | tuple[str, ...] | None:
    """Return a way to name a step, as the ids on the way to it."""
    if step is None or isinstance(step, str):
        return step
    if isinstance(step, list | tuple):
        return tuple(part if isinstance(part, str) else part.id for part in step)
    id: str = step.id
    return id
