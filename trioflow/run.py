"""A run: one execution of a workflow, and the methods that control it."""

from __future__ import annotations

import math
import secrets
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, Generic, Self, TypeVar

from trioflow._constructor import NoPublicConstructor
from trioflow._durations import Duration
from trioflow._engine.base.given import check_optional_string
from trioflow._engine.base.nursery import open_owned_nursery
from trioflow._engine.life.driving import carry_on, drive, end_undriven
from trioflow._engine.life.ending import cancel, drain, receive
from trioflow._engine.life.forking import begin_fork, fork, prepare_fork
from trioflow._engine.life.life import Life
from trioflow._engine.life.observing import Observation, check_observing, open_observer
from trioflow._engine.life.open_streams import drive_open, leave
from trioflow._engine.life.ports import Keeper
from trioflow._engine.life.recovering import recover
from trioflow._engine.life.resuming import Answer, check_no_open_stream, resume
from trioflow._engine.life.retrying import open_retry
from trioflow._engine.life.starting import begin
from trioflow._engine.planning.environment import Environment, bare_environment
from trioflow._engine.planning.planner import plan_workflow
from trioflow._engine.stream.opening import Opening
from trioflow._engine.stream.reader import OnFull, Reader, Until
from trioflow._engine.stream.receive_end import EventStream
from trioflow._ids import check_run_names, is_retry
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
"""How many unread events a reader may have before the run waits for it."""


def create_run(
    workflow: Workflow[In, Out],
    *,
    environment: Environment | None = None,
    run_id: str | None = None,
    resource_id: str | None = None,
    keeper: Keeper | None = None,
    tags: Collection[str] = (),
) -> Run[In, Out]:
    """Create a run of *workflow*. Errors in the workflow or in a name are raised here."""
    check_run_names(run_id, resource_id, tags)
    environment = environment or bare_environment()
    plan = plan_workflow(workflow, environment)
    run_id = new_run_id() if run_id is None else run_id
    return run_of(Life(plan, environment, run_id, resource_id, keeper, tuple(tags)))


def run_of(life: Life) -> Run[Any, Any]:
    """Return the `Run` of a life: always the same object while it is in use."""
    held = None if life.handle is None else life.handle()
    run: Run[Any, Any] = Run._create(life) if held is None else held
    return run


def new_run_id() -> str:
    """Return a unique id for a run, as random as a UUID (shortcut `run-id`)."""
    return secrets.token_hex(16)


class RunStream(EventStream, Generic[Out]):
    """The stream that `Run.stream` opens: the run's events and its result."""

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
        """The run whose events this stream yields."""
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
        """Wait until the run finishes or suspends, and return its result.

        Also works if nobody reads the events. While a task waits here the buffer is not bounded:
        unread events are kept for a later reader, and the run does not wait for one.

        **Cancellation**: the run continues.

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
        """Id of the run's workflow."""
        return self._life.plan.id

    @property
    def resource_id(self) -> str | None:
        """The resource (user, tenant, ...) that the run belongs to, if any."""
        return self._life.resource_id

    @property
    def tags(self) -> tuple[str, ...]:
        """Tags to list the run by, in the given order."""
        return self._life.tags

    @property
    def trace_id(self) -> str:
        """Id of the trace that the run belongs to: 32 hexadecimal digits, or the caller's."""
        return self._life.trace.id

    @property
    def forked_from(self) -> str | None:
        """Id of the run that it was forked from, if it is a fork or a retry."""
        fork = self._life.fork
        return self._life.record.forked_from if fork is None else fork.origin

    def __repr__(self) -> str:
        return f"<Run {self.run_id!r} of {self.workflow_id!r}, {self.status}>"

    @property
    def status(self) -> RunStatus:
        """Status of the run: ``"pending"`` until it starts, then as its events say."""
        return self._life.record.status

    @property
    def record(self) -> RunRecord:
        """The fold of all events so far. Live and read-only."""
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
        timeout: Duration | None = None,
        max_buffer_size: int = BUFFER_SIZE,
        close_on_suspend: bool = True,
        per_step: bool = False,
    ) -> AbstractAsyncContextManager[RunStream[Out]]:
        """Run the workflow and read its events: ``async with run.stream(...) as stream``.

        Leaving the block early cancels the run and waits for its clean-up. An exception raised in
        the block is not wrapped in a group. A failed step raises nothing here. This stream applies
        back-pressure: the run waits for a slow reader. By default, observers do not.

        Args:
          input_data: The input; structured into the workflow's input type. A fork takes its input,
            context, state and metadata from the run that it was forked from.
          runtime_context: Entries that all steps can read and change. The mapping is copied.
          tracing_context: Parent of the run in the caller's trace.
          tracing_options: Metadata for instruments that write traces.
          initial_state: Initial value of the state that the steps share.
          timeout: Seconds, or a timedelta, in which the run must finish. Overrides the ``timeout``
            of the `Workflow`.
          max_buffer_size: How many unread events there may be before the run waits for the reader.
            The final events of running steps may exceed this bound; they are never dropped.
          close_on_suspend: True: a suspended run ends the stream with a `Finish`, and
            `resume_stream` opens the next part. False: the stream stays open, and `resume`
            continues the run in it; leaving the block then leaves the run suspended.
          per_step: Whether the run pauses after one node of the workflow; `resume` continues it.

        Raises:
          RunAlreadyStartedError: if the run has already been started. A retry is attached to
            instead: the stream yields its events, and leaving the block does not cancel it.
          RunStateError: if a fork gets an argument that it takes from its original run.
          InvalidValueError: if input or state do not fit the workflow's types.
          ValueError: if *max_buffer_size* is below 1; raised by the call, before the block.

        **Cancellation**: cancels the run. It has finished when the block is left.

        **Checkpoints**: entering has none, except for a retry; leaving waits for the run.
        """
        reader = self._new_reader(max_buffer_size, close_on_suspend)

        def begin_it() -> int | None:
            self._life.close_on_suspend = close_on_suspend
            given = (input_data, runtime_context, tracing_options, initial_state, timeout)
            return self._begin(*given, tracing_context, per_step)

        if is_retry(self.run_id):
            given = (input_data, runtime_context, tracing_options, initial_state, timeout)
            begin_retry = partial(self._begin_retry, given, tracing_context, per_step)
            block = self._reading_retry(reader, begin_retry)
        else:
            block = self._reading(reader, begin_it)
        return Opening(block, "run.stream(...)")

    def _begin(
        self,
        input_data: Any,
        runtime_context: Mapping[str, Any] | None,
        tracing_options: TracingOptions | None,
        initial_state: Any,
        timeout: Duration | None,
        tracing_context: TracingContext | None,
        per_step: bool,
    ) -> int | None:
        """Begin the run, and return the ``seq`` before the first event of its stream."""
        life = self._life
        if life.fork is not None:
            given = (input_data, runtime_context, tracing_options, initial_state, timeout)
            prepare_fork(life, given, tracing_context, per_step)
            begin_fork(life)
            return life.record.next_seq - 2
        begin(
            life,
            input_data,
            runtime_context,
            tracing_context,
            tracing_options,
            initial_state,
            per_step,
            timeout=timeout,
        )
        return None

    async def _begin_retry(
        self, given: tuple[Any, ...], tracing_context: TracingContext | None, per_step: bool
    ) -> bool:
        """Begin a retry; return False if it has already begun, here or in another process."""
        life = self._life
        if life.fork is None or life.phase is not Phase.PENDING:
            return False
        prepare_fork(life, given, tracing_context, per_step)
        if life.keeper is not None:
            return await life.keeper.begin_once(life)
        begin_fork(life)
        return True

    def resume_stream(
        self,
        data: Any = MISSING,
        *,
        step: Any = None,
        label: str | None = None,
        index: int | None = None,
        runtime_context: Mapping[str, Any] | None = None,
        max_buffer_size: int = BUFFER_SIZE,
        per_step: bool = False,
    ) -> AbstractAsyncContextManager[RunStream[Out]]:
        """Resume a suspended run, and read the events of its next part.

        ``seq`` continues from the previous part. Everything else is as in `stream`. Raises
        NotResumableError while a ``close_on_suspend=False`` stream is open: use `resume`, which
        continues the run in that stream.

        Args and Raises: as for `resume` and `stream`.
        """
        answer = _answer(data, step, label, index, runtime_context, per_step)
        reader = self._new_reader(max_buffer_size)
        return Opening(self._resuming(reader, answer), "run.resume_stream(...)")

    @asynccontextmanager
    async def _resuming(
        self, reader: Reader, answer: Answer
    ) -> AsyncGenerator[RunStream[Out], None]:
        check_no_open_stream(self._life)
        last = await resume(self._life, answer)
        self._life.close_on_suspend = True
        async with self._reading(reader, lambda: last) as stream:
            yield stream

    @asynccontextmanager
    async def _reading(
        self, reader: Reader, begin_it: Callable[[], int | None]
    ) -> AsyncGenerator[RunStream[Out], None]:
        """Drive the run in its own task while a stream is read."""
        life = self._life

        def on_leave() -> None:
            # In this order: closing first would wake writers that wait for room in the buffer.
            leave(life, part)
            stream.close()

        after = begin_it()
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

    @asynccontextmanager
    async def _reading_retry(
        self, reader: Reader, begin_it: Callable[[], Awaitable[bool]]
    ) -> AsyncGenerator[RunStream[Out], None]:
        """Drive a retry while a stream is read, or only read it if it has already begun."""
        life = self._life
        if await begin_it():
            async with self._reading(reader, lambda: life.record.next_seq - 2) as stream:
                yield stream
            return
        until: Until = "finished" if reader.stays else "suspended"
        observer = await open_observer(life, None, reader.max_buffer_size, "journal", until)
        attached: RunStream[Out] = RunStream._create(observer, self)
        with attached:
            yield attached

    async def start(
        self,
        input_data: In = NO_INPUT,
        *,
        runtime_context: Mapping[str, Any] | None = None,
        tracing_context: TracingContext | None = None,
        tracing_options: TracingOptions | None = None,
        initial_state: Any = None,
        timeout: Duration | None = None,
        per_step: bool = False,
    ) -> RunResult[Out]:
        """Run the workflow in this task and return its result. A failed step raises nothing.

        Args and Raises: as for `stream`. If a retry has already been started, waits for it.

        **Cancellation**: cancels the run and waits for its clean-up.

        **Checkpoints**: always.
        """
        given = (input_data, runtime_context, tracing_options, initial_state, timeout)
        if not is_retry(self.run_id):
            self._begin(*given, tracing_context, per_step)
        elif not await self._begin_retry(given, tracing_context, per_step):
            return await self.wait()
        return await drive(self._life)

    async def resume(
        self,
        data: Any = MISSING,
        *,
        step: Any = None,
        label: str | None = None,
        index: int | None = None,
        runtime_context: Mapping[str, Any] | None = None,
        per_step: bool = False,
    ) -> RunResult[Out]:
        """Resume a suspended run and return its result when it next finishes or suspends.

        The step runs again from its first line. ``ctx.resumed`` is True there, and
        ``ctx.resume_data`` is the answer. Recorded steps and conditions are not re-run.
        Of two concurrent answers exactly one is accepted.

        Args:
          data: The answer, structured into the step's ``resume`` type. None is a valid answer. If
            omitted, the step runs again without an answer; a paused run needs none.
          step: The step to resume: the step itself, its id, or its path as ``"outer.inner"`` or a
            list; or a step that contains it. Not needed if only one is suspended.
          label: The label that the step suspended with.
          index: Item of a foreach, counted from 0. If omitted, all suspended items get the same
            answer.
          runtime_context: Entries to set in the runtime context before the run continues.
          per_step: Whether the run pauses after the next node.

        Raises:
          NotResumableError: if the run is finished, running or not started. Use `retry` for a
            failed or canceled run.
          RunClaimedError: if the run is running in another process.
          RunStateError: if the engine that it was submitted to is closed.
          NotSuspendedError: if no such step is suspended; the error lists those that are.
          AmbiguousResumeError: if the arguments match several suspended steps.
          InvalidValueError: if the answer does not fit its type.

        **Cancellation**: cancels the run, unless an open stream or an engine drives it.

        **Checkpoints**: always.
        """
        answer = _answer(data, step, label, index, runtime_context, per_step)
        await resume(self._life, answer)
        return await carry_on(self._life)

    # ------------------------------------------------------------ recovering, and other runs
    async def recover(self) -> RunResult[Out]:
        """Recover a run whose process has died, and return its result.

        Recorded steps are not re-run; a step that was running runs again. If the run has already
        finished, returns the recorded result. Use `observe` to read the events.

        Raises:
          NotResumableError: if the run is suspended, or is running here.
          RunClaimedError: if it is running in another process.
          UnreadableRunError: if a recorded value no longer fits its type.

        **Cancellation**: cancels the run, unless an engine drives it.

        **Checkpoints**: always.
        """
        return await recover(self._life)

    async def fork(
        self,
        step: Any,
        *,
        input_data: Any = MISSING,
        resume_data: Any = MISSING,
        context: Mapping[str, Any] | None = None,
        initial_state: Any = MISSING,
        run_id: str | None = None,
        tags: Collection[str] | None = None,
        by: str | None = None,
    ) -> Run[In, Out]:
        """Fork the run at a step: a new run that reuses everything recorded before it.

        This run does not change. Start the new one with `start` or `stream`, both without input,
        or with ``engine.submit(forked)``; it is not stored before that. Recorded steps are not
        re-run, and successful items of a foreach are kept. Each call has a new ``step_call_id``.

        The runtime context is as it was when the step began, with what earlier answers gave. If
        this run has a deadline, the new run has as much time as this one had, from this call on.

        Args:
          step: Where to fork: a step, its id, or its path into nested workflows as
            ``"outer.inner"`` or a list. In a loop, the last iteration.
          input_data: A new input for that step; default: its recorded input.
          resume_data: The answer for that step, in ``ctx.resume_data``; default: no answer.
          context: Replacement outputs for earlier steps, by id.
          initial_state: The state in which that step begins; default: what the earlier steps
            have made of it.
          run_id: Id of the new run; default: a random id.
          tags: Tags of the new run; default: those of this run.
          by: Who forks it, for the journal.

        Raises:
          DuplicateRunError: if a run with that id exists, including this one.
          InvalidIdError: if *run_id* or a tag is not valid.
          UnknownStepError: if the workflow has no such step.
          NotResumableError: if this run has neither finished nor suspended.
          InvalidValueError: if *resume_data* does not fit the step's ``resume`` type, or
            *initial_state* that of the workflow's state.
          UnreadableRunError: if a value before the step no longer fits its type.
          NotSerializableError: if the run is durable and an argument cannot be written.
          HistoryGap: if the events before the step are no longer held, and there is no store.

        **Cancellation**: has no effect on either run.

        **Checkpoints**: if the run belongs to an engine.
        """
        check_run_names(run_id, None, tags or ())
        check_optional_string("by", by)
        run_id = new_run_id() if run_id is None else run_id
        path, kept = step_path(step) or "", None if tags is None else tuple(tags)
        outputs = context or {}
        given = (input_data, resume_data, outputs, initial_state)
        forked = await fork(self._life, path, *given, run_id, by, kept)
        return run_of(forked)

    async def retry(self, *, by: str | None = None) -> Run[In, Out]:
        """Return a run that repeats the failed and canceled calls of this one.

        It is a fork with the id ``"<id>~retry"``; start it as described for `fork`. Every failed or
        canceled call is repeated; successful calls and answers are kept, and so are failures that
        ``on_error="collect"`` has made values. A repeated call **keeps its** ``step_call_id``, so a
        service that uses it as an idempotency key does not act twice. Attempts and deadlines are
        reset.

        A run has one retry: starting it a second time, in any process, attaches to the first.
        If the retry fails, call `retry` on it.

        Args:
          by: Who retries it, for the journal.

        Raises:
          NotResumableError: if the run has neither failed nor been canceled.
          UnreadableRunError: if a kept value no longer fits its type.
          HistoryGap: if the first events are no longer held, and there is no store.

        **Cancellation**: has no effect on either run.

        **Checkpoints**: if the run belongs to an engine.
        """
        check_optional_string("by", by)
        return run_of(await open_retry(self._life, by))

    # ------------------------------------------------------------ control
    def cancel(self, reason: str | None = None) -> None:
        """Cancel the run: its bodies get ``trio.Cancelled``, and it finishes as canceled.

        Returns at once; use `wait` to wait until it has finished. Does nothing if the run has
        finished. A run that has not started finishes as canceled as soon as it starts.

        Raises:
          RunClaimedError: if it is running in another process; use ``engine.cancel_run()``.
          UnreadableRunError: if its journal cannot be read here; use ``engine.cancel_run()``.
        """
        check_optional_string("reason", reason)
        cancel(self._life, reason)

    async def drain(self, grace: float = math.inf) -> RunResult[Out]:
        """Start no further step, let running steps finish, and return the result.

        Sleeps, waits for events and delays between attempts are interrupted. A run that had nothing
        left to do finishes with its own status, any other as canceled with reason ``"drained"``.

        Args:
          grace: Seconds that running steps get to finish. After that they are canceled.

        Raises:
          ValueError: if *grace* is negative or NaN.
          RunStateError: if the run has not started.
          RunClaimedError: if it is running in another process; use ``engine.drain_run()``.

        **Cancellation**: the run still starts no further step.

        **Checkpoints**: always at least one, even if no step is running.
        """
        if not grace >= 0:  # also catches NaN
            raise ValueError(f"grace must be >= 0 seconds, not {grace!r}")
        if self._life.phase is Phase.PENDING:
            problem = "the run has not started, so there is nothing to drain"
            raise RunStateError(self.run_id, self.status, problem)
        await drain(self._life, grace)
        return await self.wait()

    def send_event(self, name: str, data: Any = None) -> None:
        """Deliver a named event to the step waiting for it; queued until one waits.

        Each event is taken by at most one wait.

        Raises:
          RunFinishedError: if the run has finished.
          RunClaimedError: if it is running in another process; use ``engine.send_event()``.
          MailboxFullError: if too many events of that name are queued.
        """
        receive(self._life, name, data)

    def observe(
        self,
        after: int | None = None,
        *,
        on_full: OnFull = "journal",
        until: Until = "suspended",
        max_buffer_size: int = BUFFER_SIZE,
    ) -> AbstractAsyncContextManager[EventStream]:
        """Read the run's events as an additional reader: ``async with run.observe() as stream``.

        May be opened before, during or after the run, any number of times, and also if the run is
        running in another process. The run does not wait for an observer, except with
        ``on_full="wait"``. The stream ends early if the engine closes.

        Args:
          after: The ``seq`` after which to start; None for all events.
          on_full: What happens if an observer falls behind. ``"journal"``: it reads events that the
            run still holds (at least the last 1,024), and older events from the journal. Their
            values are plain JSON types, and chunks are missing unless the engine keeps them.
            Without a store, it gets `HistoryGap` instead. ``"gap"``: it gets `HistoryGap` after a
            full buffer. ``"wait"``: the run waits for it.
          until: When the stream ends. ``"suspended"``: when the run next finishes or suspends.
            ``"finished"``: when it finishes. The stream then continues across suspensions, even if
            the run is resumed in another process.
          max_buffer_size: With ``"gap"`` and ``"wait"``, how many events may be unread; with
            ``"journal"``, how many are read from the journal at a time.

        Raises:
          HistoryGap: if requested events are no longer held and there is no journal to read.
          RunStateError: if the run is running in another process, and the engine is closed.
          ValueError: if an argument is invalid; raised by the call, before the block.

        **Checkpoints**: entering may have some; leaving has none.
        """
        check_observing(max_buffer_size, on_full, until)
        opening = partial(open_observer, self._life, after, max_buffer_size, on_full, until)
        return Opening(Observation(opening), "run.observe(...)")

    def _new_reader(self, max_buffer_size: int, close_on_suspend: bool = True) -> Reader:
        until: Until = "suspended" if close_on_suspend else "finished"
        return Reader(max_buffer_size, self._life.core.readers, "wait", until)

    async def wait(self) -> RunResult[Out]:
        """Wait until the run finishes or suspends, and return its result.

        Another task or process must drive the run. If the run is never started, this waits forever:
        start it with `start`, `stream` or ``engine.submit()``. If its process has died, this waits
        until an engine recovers it.

        Raises:
          RunStateError: if it is running in another process, and this engine is closed.
          DuplicateRunError: if it could not start because its id is taken.
          StoreError, JournalConflictError: if it could not be saved.

        **Cancellation**: the run continues.

        **Checkpoints**: always.
        """
        return await self._life.wait()


def _answer(
    data: Any,
    step: Any,
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
    """Return a reference to a step as its id or the ids of its path; None if there is none."""
    if step is None or isinstance(step, str):
        return step
    if isinstance(step, list | tuple):
        return tuple(part if isinstance(part, str) else part.id for part in step)
    id: str = step.id
    return id
