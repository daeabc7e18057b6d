"""The engine: plugins, limits, and runs that outlive the function that started them."""

from __future__ import annotations

import logging
import os
import socket
import uuid
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

import trio

from trioflow._constructor import NoPublicConstructor
from trioflow._engine.journal.cancel_stored import cancel_stored
from trioflow._engine.journal.durable_runs import DurableRuns, open_durable_runs
from trioflow._engine.journal.following import open_journal_reader
from trioflow._engine.journal.writer import Durability, JournalWriter
from trioflow._engine.life.life import Life
from trioflow._engine.life.recovering import open_recovery
from trioflow._engine.life.registry import RunRegistry, open_registry
from trioflow._engine.life.starting import begin
from trioflow._engine.planning.environment import Environment
from trioflow._engine.planning.planner import plan_workflow
from trioflow._engine.planning.targets import TargetPlanner
from trioflow._host.assembly import environment_of, life_of, open_store
from trioflow._host.plugins import PluginHost, PluginInfo
from trioflow._phases import Phase
from trioflow.abc import Instrument, Runner, Store
from trioflow.describe._schema import describe_type
from trioflow.errors import (
    DuplicateRunError,
    NotResumableError,
    UnknownNameError,
    UnknownRunError,
)
from trioflow.events import Event, RunStatus
from trioflow.run import BUFFER_SIZE, Run, create_run, run_of
from trioflow.steps import Step
from trioflow.tools import Tool
from trioflow.tracing import TracingContext, TracingOptions
from trioflow.workflow import Workflow

if TYPE_CHECKING:
    from cattrs import Converter

In = TypeVar("In")
Out = TypeVar("Out")

logger = logging.getLogger("trioflow")


@asynccontextmanager
async def open_engine(
    *,
    plugins: Iterable[Any] | None = None,
    blocked: Iterable[str] = (),
    workflows: Iterable[Workflow[Any, Any]] = (),
    steps: Iterable[Step[Any, Any]] = (),
    tools: Iterable[Tool[..., Any]] = (),
    limits: Mapping[str, int] | None = None,
    runners: Mapping[str, Runner] | None = None,
    instruments: Iterable[Instrument] = (),
    store: Store | str | None = None,
    durability: Durability = "step",
    journal_chunks: bool = False,
    claim_seconds: float = 30.0,
    recover: bool = False,
) -> AsyncGenerator[Engine, None]:
    """Load plugins, and own the runs that are submitted.

    Leaving the block cancels the submitted runs that are still going and waits for their
    clean-up; ``await run.wait()`` inside of it for those that should end by themselves.
    With a store nothing is canceled: the runs stop, and can be recovered from there.

    Args:
      plugins: Which plugins: names of installed ones, and modules or objects with hooks.
        None means all that are installed.
      blocked: Names of installed plugins not to load.
      workflows: Workflows that can be run by id, beside those of plugins.
      steps: Steps that workflows may use by id.
      tools: Tools that may be used by id.
      limits: How many bodies of steps with ``limit=name`` run at the same time, over all
        runs of this engine.
      runners: What ``runner=name`` of steps and tools means, before plugins are asked:
        ``{"disk": ThreadRunner(capacity=2)}``. ``"thread"`` is where blocking steps run that
        name none. Each is opened before it runs anything, and closed after the last run.
      instruments: What watches the runs, beside the instruments of plugins.
      store: Where the journals of runs are kept: a store, or its URL such as
        ``"sqlite:runs.db"``. None: runs live and die with the process.
      durability: When a run waits for its journal. ``"step"``: the result of a step is on
        disk before the next one starts. ``"async"``: the journal follows as fast as it can.
        ``"exit"``: it is written when the run is over or suspended.
      journal_chunks: Whether chunks and pieces of tools are written as well.
      claim_seconds: How long after the death of a process others wait before they go on
        with its runs. Longer than any pause of a living process.
      recover: Whether to go on with the runs of dead processes, as `Engine.recover` does.

    Raises:
      PluginError: for a plugin that is unknown or broken, and it says how.
      UnknownStepError: if a workflow names something that nobody provides.
      UnknownNameError: if a step or tool asks for an unknown runner or limit.
      DefinitionError: if a definition, a limit or a runner cannot work.
      StoreError: if the store cannot be opened.

    **Cancellation**: ends all runs as leaving the block does.

    **Checkpoints**: with a store or a runner to open always; without, entering has none and
    leaving waits for the runs.
    """
    host = PluginHost(plugins, blocked)
    environment = environment_of(
        host, steps, tools, workflows, limits or {}, runners or {}, instruments
    )
    if host.implements("trioflow_converter"):
        environment.converter()  # a broken hook shows now, not at the first value
    for workflow in environment.workflows.values():
        plan_workflow(workflow, environment)
    for tool in environment.tools.values():  # a step may call any of them by id
        TargetPlanner(environment, validate=True).tool(tool)
    async with AsyncExitStack() as stack:
        for instrument in environment.instruments:
            await stack.enter_async_context(instrument)
        durable = None
        if store is not None:
            writer = JournalWriter(
                store=open_store(host, store),
                owner=f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}",
                converter=environment.converter,
                durability=durability,
                chunks=journal_chunks,
                claim_seconds=claim_seconds,
            )
            durable = DurableRuns(writer, partial(life_of, environment))
            await stack.enter_async_context(open_durable_runs(durable))
        await stack.enter_async_context(environment.runners.open())
        runs = await stack.enter_async_context(open_registry())
        engine: Engine = Engine._create(host, environment, runs, durable)
        if recover:
            await engine.recover()
        yield engine


class Engine(metaclass=NoPublicConstructor):
    """Plugins, limits and long-lived runs. Made by `open_engine`."""

    _source = "open_engine()"

    def __init__(
        self,
        host: PluginHost,
        environment: Environment,
        runs: RunRegistry,
        durable: DurableRuns | None,
    ) -> None:
        self._host = host
        self._environment = environment
        self._runs = runs
        self._durable = durable

    @property
    def store(self) -> Store | None:
        """The store that keeps the journals of this engine's runs, if any."""
        return self._durable.store if self._durable else None

    @property
    def plugins(self) -> tuple[PluginInfo, ...]:
        """The plugins that are loaded, and what each provides."""
        return self._host.plugins

    @property
    def steps(self) -> Mapping[str, Step[Any, Any]]:
        """The steps that can be used by id."""
        return self._environment.steps

    @property
    def tools(self) -> Mapping[str, Tool[..., Any]]:
        """The tools that can be used by id."""
        return self._environment.tools

    @property
    def workflows(self) -> Mapping[str, Workflow[Any, Any]]:
        """The workflows that can be run by id."""
        return self._environment.workflows

    @property
    def converter(self) -> Converter:
        """The converter for values, with the hooks of all plugins."""
        return self._environment.converter()

    def json_schema(self, type_: Any) -> dict[str, Any]:
        """Return the JSON Schema of a type as `trioflow.json_schema` does, with this engine's
        plugins."""
        return describe_type(type_, self._host.schema)

    def add_commands(self, app: Any) -> None:
        """Let plugins add commands to the command line *app*, a ``cyclopts.App``."""
        self._host.add_commands(app)

    # ------------------------------------------------------------ runs
    @overload
    def create_run(
        self,
        workflow: Workflow[In, Out],
        *,
        run_id: str | None = ...,
        resource_id: str | None = ...,
    ) -> Run[In, Out]: ...
    @overload
    def create_run(
        self, workflow: str, *, run_id: str | None = ..., resource_id: str | None = ...
    ) -> Run[Any, Any]: ...
    def create_run(
        self,
        workflow: Workflow[Any, Any] | str,
        *,
        run_id: str | None = None,
        resource_id: str | None = None,
    ) -> Run[Any, Any]:
        """Create a run with this engine's plugins and limits, for its caller to start.

        Args:
          workflow: A workflow, or the id of one.
          run_id: A name for the run; a random one if not given.
          resource_id: Whom the run belongs to.

        Raises:
          UnknownNameError: if there is no workflow of that id.
          DuplicateRunError: if the engine has a run of that id.
          DefinitionError: and its like, if the workflow cannot work.
        """
        if isinstance(workflow, str):
            if workflow not in self.workflows:
                raise UnknownNameError("workflow", workflow, "engine", tuple(self.workflows))
            workflow = self.workflows[workflow]
        if run_id is not None and self._runs.find(run_id) is not None:
            raise DuplicateRunError(run_id)
        run = create_run(
            workflow,
            environment=self._environment,
            run_id=run_id,
            resource_id=resource_id,
            keeper=self._durable,
        )
        if self._durable is not None:
            self._durable.keep(run._life)
        self._runs.add(run._life)
        return run

    @overload
    def submit(
        self,
        workflow: Workflow[In, Out],
        input_data: In = ...,
        *,
        run_id: str | None = ...,
        resource_id: str | None = ...,
        runtime_context: Mapping[str, Any] | None = ...,
        tracing_context: TracingContext | None = ...,
        tracing_options: TracingOptions | None = ...,
        initial_state: Any = ...,
    ) -> Run[In, Out]: ...
    @overload
    def submit(
        self,
        workflow: str,
        input_data: Any = ...,
        *,
        run_id: str | None = ...,
        resource_id: str | None = ...,
        runtime_context: Mapping[str, Any] | None = ...,
        tracing_context: TracingContext | None = ...,
        tracing_options: TracingOptions | None = ...,
        initial_state: Any = ...,
    ) -> Run[Any, Any]: ...
    def submit(
        self,
        workflow: Workflow[Any, Any] | str,
        input_data: Any = None,
        *,
        run_id: str | None = None,
        resource_id: str | None = None,
        runtime_context: Mapping[str, Any] | None = None,
        tracing_context: TracingContext | None = None,
        tracing_options: TracingOptions | None = None,
        initial_state: Any = None,
    ) -> Run[Any, Any]:
        """Run a workflow in the engine's own nursery and return at once.

        Read its events with ``run.observe()`` and its result with ``run.wait()``. Of very many
        runs that are submitted together, some begin at each pass of Trio's scheduler, in order.

        Args: as for `create_run` and `Run.stream`.

        Raises:
          InvalidValueError: if input or state do not fit the workflow's types.
          UnknownNameError, DuplicateRunError, DefinitionError: as for `create_run`.
          RunStateError: if the engine is closed.
        """
        run = self.create_run(workflow, run_id=run_id, resource_id=resource_id)
        life = run._life
        begin(life, input_data, runtime_context, tracing_context, tracing_options, initial_state)
        self._runs.own(life)
        self._runs.start_soon(life)
        return run

    def get_run(self, run_id: str) -> Run[Any, Any]:
        """Return the run of that id.

        Runs from `create_run` are known as long as someone holds them, submitted ones until
        `KEEP_FINISHED` others have ended after them.

        Raises:
          UnknownRunError: if the engine does not know it.
        """
        life = self._runs.find(run_id)
        if life is None:
            raise UnknownRunError(run_id)
        return run_of(life)

    async def load_run(self, run_id: str) -> Run[Any, Any]:
        """Return the run of that id, from the store if it is not known here.

        A run that is suspended can be resumed then; one that is over has its result and
        steps, with values as plain JSON types where no type of the workflow says otherwise.

        Raises:
          UnknownRunError: if neither the engine nor the store has it.
          WorkflowChangedError: if its workflow contradicts what is recorded.
          UnknownNameError: if the engine has no workflow of that id.
        """
        async with self._runs.lock(run_id):
            return run_of(await self._load(run_id))

    async def _load(self, run_id: str) -> Life:
        """Return the one life of a run in this engine, as its journal says if it is not driven
        here. The caller holds the run's lock."""
        life = self._runs.find(run_id)
        if life is not None and not life.is_lost:
            return life
        if self._durable is None:
            raise UnknownRunError(run_id)
        if life is not None and life.phase is Phase.ELSEWHERE:
            await self._durable.catch_up(life)
            if not life.is_lost or life.phase is Phase.ELSEWHERE:
                return life
        life = await self._durable.load(run_id)
        self._runs.add(life)
        self._runs.own(life)
        return life

    async def cancel_run(self, run_id: str, reason: str | None = None) -> None:
        """End a run as canceled, one of this engine or one of the store.

        A stored run in which nothing runs, because it waits or its process has died, is
        ended by its journal alone: its workflow need not be known, and its hooks are not
        called. A run that goes on in this engine is canceled as `Run.cancel` does, and its
        clean-up waited for.

        Raises:
          UnknownRunError: if neither the engine nor the store has it.
          RunClaimedError: if it is going on in another process, which must cancel it.
          NotResumableError: if it is over.
          StoreError, JournalConflictError: if its end cannot be written.
        """
        async with self._runs.lock(run_id):
            life = self._runs.find(run_id)
            if life is None:
                await self._cancel_stored(run_id, reason)
                return
            async with life.resuming:  # an answer is taken first, or not at all
                if self._durable is not None and not life.is_driven_here:
                    await self._cancel_stored(run_id, reason)
                    return
            life.cancel(reason)
        await life.wait()

    async def _cancel_stored(self, run_id: str, reason: str | None) -> None:
        if self._durable is None:
            raise UnknownRunError(run_id)
        await cancel_stored(self._durable, run_id, reason)

    async def recover(self) -> tuple[Run[Any, Any], ...]:
        """Go on with the unfinished runs of processes that have died, and return them.

        Each goes on exactly where its journal ends: what is recorded does not run again, a
        step that was running does, a sleep takes the time that is left. Runs that other
        processes go on with are left alone until their claim expires. A run that cannot go
        on, because its workflow is unknown or has changed, is logged and left as it is.

        Raises:
          StoreError: if the store cannot be read.
        """
        if self._durable is None:
            return ()
        recovered = []
        for run_id in await self._durable.recoverable():
            async with self._runs.lock(run_id):
                life = await self._recover(self._durable, run_id)
            if life is not None:
                recovered.append(run_of(life))
        return tuple(recovered)

    async def _recover(self, durable: DurableRuns, run_id: str) -> Life | None:
        """Recover a run if it can be; what is wrong with it must not keep others from it."""
        known = self._runs.find(run_id)
        if known is not None and known.is_driven_here:
            return None
        writer = durable.writer
        try:
            if not await durable.store.claim(run_id, writer.owner, writer.claim_seconds):
                return None
            life = await self._load(run_id)
            await open_recovery(life)
        except Exception as exc:
            if not isinstance(exc, NotResumableError):  # its owner has ended it in the meantime
                logger.error("run %s cannot be recovered: %s", run_id, exc)
            await durable.store.release(run_id, writer.owner)
            return None
        self._runs.own(life)
        self._runs.start_soon(life)
        return life

    @asynccontextmanager
    async def observe(
        self, run_id: str, after: int | None = None, *, max_buffer_size: int = BUFFER_SIZE
    ) -> AsyncGenerator[trio.abc.ReceiveChannel[Event], None]:
        """Read the events of a run of this engine or of the store, wherever it goes on.

        Gives every event with a ``seq`` above *after* that is journaled or still held, then
        those to come, and ends with the run: ``async with engine.observe(id) as events``.

        Args:
          run_id: The run.
          after: The ``seq`` of the last event that is not wanted; None for all.
          max_buffer_size: How many events may be unread; the observer of a run that goes
            on elsewhere never slows it down.

        Raises:
          UnknownRunError: if neither the engine nor the store has the run.
          HistoryGap: if events that are wanted are no longer held, and there is no store.
        """
        life = self._runs.find(run_id)
        here = life is not None and not await self._has_moved_on(life)
        if life is not None and here and life.core.log.readers.holds(after):
            run = run_of(life)
            async with run.observe(after, max_buffer_size=max_buffer_size) as held:
                yield held
            return
        if self._durable is None:
            if life is None:
                raise UnknownRunError(run_id)
            run_of(life).observe(after)  # raises HistoryGap
        else:
            async with open_journal_reader(
                self._durable.store, run_id, after, max_buffer_size
            ) as read:
                yield read

    async def _has_moved_on(self, life: Life) -> bool:
        """Tell whether others have driven, or may be driving, a run that is known here."""
        if self._durable is None or life.is_driven_here:
            return False
        stored = await self._durable.store.get(life.run_id)
        return life.is_lost or (stored is not None and stored.last_seq >= life.record.next_seq)

    def list_runs(
        self, *, status: RunStatus | None = None, workflow: str | None = None
    ) -> tuple[Run[Any, Any], ...]:
        """Return the runs that `get_run` knows, oldest first.

        Args:
          status: Only those with this status.
          workflow: Only those of the workflow with this id.
        """
        return tuple(
            run_of(life)
            for life in self._runs.known()
            if status in (None, life.record.status) and workflow in (None, life.plan.id)
        )
