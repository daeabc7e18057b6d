"""The engine: plugins, limits, and runs that outlive the function that started them."""

from __future__ import annotations

import math
import os
import secrets
import socket
import time
import weakref
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

import trio

from trioflow._constructor import NoPublicConstructor
from trioflow._durations import Duration, need_seconds
from trioflow._engine import journal
from trioflow._engine.base.given import check_optional_string
from trioflow._engine.base.in_trio import check_in_trio
from trioflow._engine.life.forking import begin_fork, prepare_fork
from trioflow._engine.life.life import Life
from trioflow._engine.life.observing import Observation, check_observing, open_observer
from trioflow._engine.life.registry import RunRegistry, open_registry
from trioflow._engine.life.resuming import Answer
from trioflow._engine.life.starting import begin
from trioflow._engine.planning.environment import Environment
from trioflow._engine.stream.opening import Opening
from trioflow._engine.stream.reader import OnFull, Reader, Until
from trioflow._engine.stream.receive_end import EventStream
from trioflow._host.assembly import environment_of, life_of, open_store
from trioflow._host.checking import check_definitions
from trioflow._host.plugins import PluginHost, PluginInfo
from trioflow._ids import check_run_names, is_retry
from trioflow._phases import Phase
from trioflow.abc import Codec, Instrument, Runner, Store
from trioflow.context import MISSING
from trioflow.errors import (
    DefinitionError,
    DuplicateRunError,
    NotResumableError,
    RunFinishedError,
    RunStateError,
    UnknownNameError,
    UnknownRunError,
)
from trioflow.events import FINISHED_STATUSES, RunStatus
from trioflow.run import BUFFER_SIZE, Run, create_run, run_of, step_path
from trioflow.runners import OpenResource
from trioflow.steps import Step
from trioflow.tools import Tool
from trioflow.tracing import TracingContext, TracingOptions
from trioflow.workflow import Workflow

if TYPE_CHECKING:
    from cattrs import Converter

    from trioflow._engine.journal.durable_runs import DurableRuns
    from trioflow._engine.journal.inbox import Command
    from trioflow._engine.journal.listing import RunList
    from trioflow._engine.journal.removing import Remover
    from trioflow._engine.journal.stored_runs import StoredRuns
    from trioflow._engine.journal.writer import Durability
    from trioflow._forms.forms import Forms
    from trioflow.run_info import BulkResult, Moment, RunFilters, RunInfo

In = TypeVar("In")
Out = TypeVar("Out")


def _durable_runs(
    environment: Environment,
    forms: Forms,
    codec: Codec | None,
    store: Store,
    durability: Durability,
    chunks: bool,
    claim_seconds: float,
    patience: float,
) -> DurableRuns:
    owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    writer = journal.JournalWriter(
        store=store,
        owner=owner,
        forms=forms,
        codec=codec,
        durability=durability,
        chunks=chunks,
        claim_seconds=claim_seconds,
        patience=patience,
    )
    claims = journal.Claims(store, owner, claim_seconds)
    return journal.DurableRuns(writer, claims, partial(life_of, environment))


@asynccontextmanager
async def open_engine(
    *,
    plugins: Iterable[Any] | None = None,
    blocked: Iterable[str] = (),
    workflows: Iterable[Workflow[Any, Any]] = (),
    steps: Iterable[Step[Any, Any]] = (),
    tools: Iterable[Tool[..., Any]] = (),
    limits: Mapping[str, int | trio.CapacityLimiter] | None = None,
    resources: Mapping[str, OpenResource] | None = None,
    runners: Mapping[str, Runner] | None = None,
    instruments: Iterable[Instrument] = (),
    store: Store | str | None = None,
    durability: Durability = "step",
    journal_chunks: bool = False,
    claim_seconds: Duration = 30.0,
    store_patience: Duration = 60.0,
    max_recoveries: int = 3,
    codec: Codec | None = None,
    recover: bool = False,
) -> AsyncGenerator[Engine, None]:
    """Open an engine: load plugins and run submitted workflows.

    Leaving the block cancels the submitted runs that are still running and waits for their
    clean-up; ``await run.wait()`` in the block for those that should end by themselves. With a
    store, runs are halted, not canceled, and can be recovered.

    Args:
      plugins: Which plugins: names of installed ones, and modules or objects with hooks.
        None means all that are installed.
      blocked: Names of installed plugins not to load.
      workflows: Workflows that can be run by id, in addition to those from plugins.
      steps: Steps that workflows may use by id.
      tools: Tools that may be used by id.
      limits: How many bodies of steps with ``limit=name`` run at the same time, over all runs of
        this engine: ``{"gpu": 2}``, or a `trio.CapacityLimiter` of your own. Overrules the numbers
        that a `Limit` brings.
      resources: What steps share, such as an HTTP client or a connection pool, by name: functions
        that return async context managers, ``{"http": httpx.AsyncClient}``. Each is opened when
        ``ctx.resource("http", httpx.AsyncClient)`` first asks for it, by a task of the engine, and
        closed by the same task after the last run, the last one first. Overrules resources of
        plugins.
      runners: What ``runner=name`` of steps and tools means, before plugins are asked:
        ``{"disk": ThreadRunner(capacity=2)}``. ``"thread"`` is where blocking steps run that
        name none. Each is opened before it runs anything, and closed after the last run.
      instruments: What watches the runs, in addition to the instruments of plugins.
      store: Where the journals of runs are kept: a store, or its URL such as
        ``"sqlite:runs.db"``. None: runs live and die with the process.
      durability: When a run waits for its journal. ``"step"``: the result of a step is on
        disk before the next one starts. ``"async"``: the journal follows as fast as it can.
        ``"exit"``: it is written when the run is over or suspended.
      journal_chunks: Whether chunks and pieces of tools are written as well.
      claim_seconds: Seconds, or a timedelta, that a run stays with this engine after the engine
        was last heard of. What the store finds out itself, such as the death of the process, counts
        at once. An engine that could not renew its claims stops its bodies before others can take
        its runs over.
      store_patience: Seconds, or a timedelta, that runs wait for a store that is away. Runs that
        were interrupted because it took longer are recovered when it is back.
      max_recoveries: How many times in a row the process may die while bodies of a run are
        running, with no new outcome recorded in between. The last time the run is recovered
        alone, with no other run's bodies beside it; if the process dies again, the run fails.
      codec: Encodes the values in journals, so that they cannot be read in the store.
        Secrets, such as Pydantic's ``SecretStr``, are refused without one. None: values are
        stored as JSON.
      recover: Whether to recover the runs of dead processes, and what is due, for as long as the
        engine is open, as `Engine.recover` does once.

    Raises:
      PluginError: if a plugin is unknown or broken; the message says which and why.
      UnknownStepError: if a workflow names something that is not provided.
      UnknownNameError: if a step or tool asks for an unknown runner or limit.
      DefinitionError: if a definition, a limit or a runner cannot work.
      StoreError: if the store cannot be opened.
      NotInTrioError: if Trio does not run here, but asyncio, say.

    **Cancellation**: ends all runs as leaving the block does.

    **Checkpoints**: with a store or a runner to open always; without, entering has none and
    leaving waits for the runs.
    """
    check_in_trio("an engine was opened")
    if codec is not None and not isinstance(codec, Codec):
        remedy = "give an object of a subclass of trioflow.abc.Codec"
        raise DefinitionError("open_engine", f"{codec!r} is not a Codec", remedy)
    host = PluginHost(plugins, blocked)
    environment = environment_of(
        host, steps, tools, workflows, limits or {}, resources or {}, runners or {}, instruments
    )
    forms = None
    if store is not None:
        from trioflow._engine.planning.recording import Recording
        from trioflow._forms.forms import Forms  # both for what is recorded only

        forms = Forms(environment.converter, host.upgrade, keeps_secrets=codec is not None)
        environment.recording = partial(Recording, forms)
    check_definitions(host, environment)
    async with AsyncExitStack() as stack:
        for instrument in environment.instruments:
            await stack.enter_async_context(instrument)
        durable = None
        if store is not None and forms is not None:
            durable = _durable_runs(
                environment,
                forms,
                codec,
                open_store(host, store),
                durability,
                journal_chunks,
                need_seconds("claim_seconds", claim_seconds),
                need_seconds("store_patience", store_patience),
            )
            await stack.enter_async_context(journal.open_durable_runs(durable))
        await stack.enter_async_context(environment.resources.open())
        await stack.enter_async_context(environment.runners.open())
        runs = await stack.enter_async_context(open_registry())
        stored = None
        if durable is not None:
            stored = journal.StoredRuns(durable, runs, max_recoveries)
            await stack.enter_async_context(journal.open_stored_runs(stored, always=recover))
            durable.begin_or_attach = partial(journal.begin_or_attach, stored)
        environment.known = weakref.ref(runs if stored is None else stored)
        engine: Engine = Engine._create(host, environment, runs, stored)
        environment.start_run = engine._start_or_find
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
        stored: StoredRuns | None,
    ) -> None:
        self._host = host
        self._environment = environment
        self._runs = runs
        self._stored = stored
        self._durable = None if stored is None else stored.durable

    @cached_property
    def _list(self) -> RunList:
        return journal.RunList(self._runs, self._stored)

    @cached_property
    def _remover(self) -> Remover:
        return journal.Remover(self._runs, self._stored)

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
        """Return the JSON Schema of a type, as `trioflow.describe.json_schema` does, with the
        plugins of this engine."""
        from trioflow.describe._schema import describe_type  # no run needs it

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
        tags: Collection[str] = ...,
    ) -> Run[In, Out]: ...
    @overload
    def create_run(
        self,
        workflow: str,
        *,
        run_id: str | None = ...,
        resource_id: str | None = ...,
        tags: Collection[str] = ...,
    ) -> Run[Any, Any]: ...
    def create_run(
        self,
        workflow: Workflow[Any, Any] | str,
        *,
        run_id: str | None = None,
        resource_id: str | None = None,
        tags: Collection[str] = (),
    ) -> Run[Any, Any]:
        """Create a run with this engine's plugins and limits, for its caller to start.

        Args:
          workflow: A workflow, or the id of one.
          run_id: A name for the run; a random one if not given.
          resource_id: The resource (user, tenant, ...) that the run belongs to.
          tags: By which the run can be listed, cancelled and deleted with others.

        Raises:
          InvalidIdError: if an id or a tag is empty, too long, or not what every store can hold.
          UnknownNameError: if there is no workflow of that id.
          DuplicateRunError: if the engine has a run of that id. One that only the store has shows
            when the run starts.
          DefinitionError: and its like, if the workflow cannot work, or a type of its values holds
            secrets and the engine has a store and no codec.
          StoreError: if the store is open for reading only.
        """
        workflow = self._find_workflow(workflow)
        if run_id is not None and self._runs.find(run_id) is not None:
            raise DuplicateRunError(run_id)
        run = create_run(
            workflow,
            environment=self._environment,
            run_id=run_id,
            resource_id=resource_id,
            keeper=self._durable,
            tags=tags,
        )
        if self._durable is not None:
            self._durable.check_new(run._life)
            self._durable.keep(run._life)
        else:
            run._life.created_at = time.time()
        self._runs.add(run._life)
        return run

    def _find_workflow(self, workflow: Workflow[Any, Any] | str) -> Workflow[Any, Any]:
        if not isinstance(workflow, str):
            return workflow
        if workflow not in self.workflows:
            raise UnknownNameError("workflow", workflow, "engine", tuple(self.workflows))
        return self.workflows[workflow]

    @overload
    async def run(
        self,
        workflow: Workflow[In, Out],
        input_data: In = ...,
        *,
        run_id: str | None = ...,
        resource_id: str | None = ...,
        tags: Collection[str] = ...,
        runtime_context: Mapping[str, Any] | None = ...,
        tracing_context: TracingContext | None = ...,
        tracing_options: TracingOptions | None = ...,
        initial_state: Any = ...,
        timeout: Duration | None = ...,
    ) -> Out: ...
    @overload
    async def run(
        self,
        workflow: str,
        input_data: Any = ...,
        *,
        run_id: str | None = ...,
        resource_id: str | None = ...,
        tags: Collection[str] = ...,
        runtime_context: Mapping[str, Any] | None = ...,
        tracing_context: TracingContext | None = ...,
        tracing_options: TracingOptions | None = ...,
        initial_state: Any = ...,
        timeout: Duration | None = ...,
    ) -> Any: ...
    async def run(
        self,
        workflow: Workflow[Any, Any] | str,
        input_data: Any = None,
        *,
        run_id: str | None = None,
        resource_id: str | None = None,
        tags: Collection[str] = (),
        runtime_context: Mapping[str, Any] | None = None,
        tracing_context: TracingContext | None = None,
        tracing_options: TracingOptions | None = None,
        initial_state: Any = None,
        timeout: Duration | None = None,
    ) -> Any:
        """Run a workflow with this engine's plugins and limits, and return its output.

        Args: as for `create_run` and `Run.stream`.

        Raises:
          Exception: what the failed step raised, or an ExceptionGroup if several failed.
          RunCanceledError: if the run was canceled.
          RunSuspendedError: if it was suspended; with a store it can be resumed by its id.
          TrioflowError: what `create_run` and `Run.start` raise.

        **Cancellation**: cancels the run and waits for its clean-up.

        **Checkpoints**: always.
        """
        run = self.create_run(workflow, run_id=run_id, resource_id=resource_id, tags=tags)
        result = await run.start(
            input_data,
            runtime_context=runtime_context,
            tracing_context=tracing_context,
            tracing_options=tracing_options,
            initial_state=initial_state,
            timeout=timeout,
        )
        return result.unwrap()

    @overload
    def submit(
        self,
        workflow: Workflow[In, Out],
        input_data: In = ...,
        *,
        run_id: str | None = ...,
        if_exists: Literal["raise", "attach"] = ...,
        resource_id: str | None = ...,
        tags: Collection[str] = ...,
        by: str | None = ...,
        runtime_context: Mapping[str, Any] | None = ...,
        tracing_context: TracingContext | None = ...,
        tracing_options: TracingOptions | None = ...,
        initial_state: Any = ...,
        timeout: Duration | None = ...,
    ) -> Run[In, Out]: ...
    @overload
    def submit(
        self,
        workflow: str,
        input_data: Any = ...,
        *,
        run_id: str | None = ...,
        if_exists: Literal["raise", "attach"] = ...,
        resource_id: str | None = ...,
        tags: Collection[str] = ...,
        by: str | None = ...,
        runtime_context: Mapping[str, Any] | None = ...,
        tracing_context: TracingContext | None = ...,
        tracing_options: TracingOptions | None = ...,
        initial_state: Any = ...,
        timeout: Duration | None = ...,
    ) -> Run[Any, Any]: ...
    @overload
    def submit(self, workflow: Run[In, Out]) -> Run[In, Out]: ...
    def submit(
        self,
        workflow: Workflow[Any, Any] | str | Run[Any, Any],
        input_data: Any = None,
        *,
        run_id: str | None = None,
        if_exists: Literal["raise", "attach"] = "raise",
        resource_id: str | None = None,
        tags: Collection[str] = (),
        by: str | None = None,
        runtime_context: Mapping[str, Any] | None = None,
        tracing_context: TracingContext | None = None,
        tracing_options: TracingOptions | None = None,
        initial_state: Any = None,
        timeout: Duration | None = None,
    ) -> Run[Any, Any]:
        """Run a workflow in the engine's own nursery and return at once.

        Read its events with ``run.observe()`` and its result with ``run.wait()``. Of very many
        runs that are submitted together, some begin at each pass of Trio's scheduler, in order.
        ``submit(await run.fork(...))`` and ``submit(await run.retry())`` take nothing else; a
        retry that has begun before is returned as it is.

        Args: as for `create_run` and `Run.stream`.
          if_exists: What happens if there is a run with *run_id* already, here or in the store.
            ``"raise"``: DuplicateRunError, from here if this engine knows that run, else from
            ``run.wait()``. With a durability other than ``"step"`` bodies may have begun by then.
            ``"attach"``: the returned run is that one, whatever its input, and wherever it runs;
            no body runs before that is known. A run of another workflow is a DuplicateRunError.
          by: Who starts the run, for its journal. For a fork, give it to `Run.fork`.

        Raises:
          InvalidValueError: if input or state do not fit the workflow's types.
          InvalidIdError, UnknownNameError, DuplicateRunError, DefinitionError, StoreError: as for
            `create_run`.
          RunStateError: if the engine is closed.
        """
        if not isinstance(workflow, str | Workflow):
            given: tuple[Any, ...]
            given = (input_data, run_id, resource_id, by, runtime_context, tracing_context)
            given = (*given, tracing_options, initial_state, timeout, *tags)
            return self._submit_fork(workflow, given)
        attaches = if_exists != "raise" and _attaches(if_exists, run_id)
        known = self._known(workflow, run_id) if attaches else None
        if known is not None:
            return run_of(known)
        run = self.create_run(workflow, run_id=run_id, resource_id=resource_id, tags=tags)
        life, stored = run._life, self._stored if attaches else None
        self._begin(
            life,
            input_data,
            runtime_context,
            tracing_context,
            tracing_options,
            initial_state,
            by,
            stored is None,
            timeout,
        )
        if stored is None:
            self._runs.start_soon(life)
        else:
            self._runs.nursery.start_soon(journal.start_or_attach, stored, life)
        return run

    def _submit_fork(self, run: Run[Any, Any], given: Sequence[Any]) -> Run[Any, Any]:
        life, stored = run._life, self._stored
        if life.fork is None and not is_retry(life.run_id):
            problem = "only a fork or a retry can be submitted; submit its workflow instead"
            raise RunStateError(life.run_id, life.record.status, problem)
        if life.environment is not self._environment:
            problem = "it belongs to another engine; load the run here, and fork that"
            raise RunStateError(life.run_id, life.record.status, problem)
        if is_retry(life.run_id) and (life.fork is None or life.phase is not Phase.PENDING):
            return run  # it has begun before
        self._runs.check_open(life.record)
        prepare_fork(life, given)
        self._runs.own(life)
        if is_retry(life.run_id) and stored is not None:
            self._runs.nursery.start_soon(journal.start_or_attach, stored, life)
        else:
            begin_fork(life)
            self._runs.start_soon(life)
        return run

    def _known(self, workflow: Workflow[Any, Any] | str, run_id: str | None) -> Life | None:
        """Return the run of that id that this engine can continue, if it has one.

        Raises:
          DuplicateRunError: if it is of another workflow.
        """
        life = None if run_id is None else self._runs.find(run_id)
        if life is None:
            return None
        if life.phase is Phase.HALTED:  # what the store has counts
            self._runs.forget(life)
            return None
        if life.plan.id != self._find_workflow(workflow).id:
            raise DuplicateRunError(life.run_id)
        return life

    def _begin(
        self,
        life: Life,
        input_data: Any,
        runtime_context: Mapping[str, Any] | None,
        tracing_context: TracingContext | None,
        tracing_options: TracingOptions | None,
        initial_state: Any,
        by: str | None,
        is_certain: bool,
        timeout: Duration | None,
    ) -> None:
        """Begin a run that this engine is to drive."""
        try:
            self._runs.check_open(life.record)
            begin(
                life,
                input_data,
                runtime_context,
                tracing_context,
                tracing_options,
                initial_state,
                False,
                by,
                is_certain,
                timeout,
            )
        except BaseException:
            self._runs.forget(life)  # its id is free
            raise
        self._runs.own(life)

    @overload
    async def start_once(
        self,
        workflow: Workflow[In, Out],
        input_data: In = ...,
        *,
        run_id: str,
        resource_id: str | None = ...,
        tags: Collection[str] = ...,
        by: str | None = ...,
        runtime_context: Mapping[str, Any] | None = ...,
        tracing_context: TracingContext | None = ...,
        tracing_options: TracingOptions | None = ...,
        initial_state: Any = ...,
        timeout: Duration | None = ...,
    ) -> Run[In, Out] | None: ...
    @overload
    async def start_once(
        self,
        workflow: str,
        input_data: Any = ...,
        *,
        run_id: str,
        resource_id: str | None = ...,
        tags: Collection[str] = ...,
        by: str | None = ...,
        runtime_context: Mapping[str, Any] | None = ...,
        tracing_context: TracingContext | None = ...,
        tracing_options: TracingOptions | None = ...,
        initial_state: Any = ...,
        timeout: Duration | None = ...,
    ) -> Run[Any, Any] | None: ...
    async def start_once(
        self,
        workflow: Workflow[Any, Any] | str,
        input_data: Any = None,
        *,
        run_id: str,
        resource_id: str | None = None,
        tags: Collection[str] = (),
        by: str | None = None,
        runtime_context: Mapping[str, Any] | None = None,
        tracing_context: TracingContext | None = None,
        tracing_options: TracingOptions | None = None,
        initial_state: Any = None,
        timeout: Duration | None = None,
    ) -> Run[Any, Any] | None:
        """Run a workflow as `submit` does, unless *run_id* is taken, by whatever process.

        Of all that try it with one id, one gets the run; the others get None, and nothing of
        theirs runs. With a store the start of the run, with its input, is on disk when this
        returns and before any body runs, whatever the durability: a web handler may answer then.

        Args: as for `submit`.

        Raises: as for `submit`, and
          StoreError: if the start cannot be written.

        **Cancellation**: the run starts nevertheless if its id is free.

        **Checkpoints**: always.
        """

        async def start() -> Run[Any, Any] | None:
            async with self._runs.lock(run_id):
                if self._runs.find(run_id) is not None:
                    return None
                run = self.create_run(workflow, run_id=run_id, resource_id=resource_id, tags=tags)
                life, stored = run._life, self._stored
                self._begin(
                    life,
                    input_data,
                    runtime_context,
                    tracing_context,
                    tracing_options,
                    initial_state,
                    by,
                    stored is None,
                    timeout,
                )
                if stored is None:
                    self._runs.start_soon(life)
                    return run
                return run if await journal.start_once(stored, life) else None

        check_run_names(run_id, None, ())
        return await self._runs.do(run_id, start)

    async def _start_or_find(
        self, workflow: Workflow[Any, Any] | str, input_data: Any, **options: Any
    ) -> None:
        """Start a run unless it was started before; see `StepContext.start_run`."""
        if await self.start_once(workflow, input_data, **options) is None:
            run_id, wanted = options["run_id"], self._find_workflow(workflow).id
            if (await self._workflow_of(run_id)) != wanted:
                raise DuplicateRunError(run_id)

    async def _workflow_of(self, run_id: str) -> str | None:
        """Return the id of the workflow of a run, None if there is no such run."""
        life = self._runs.find(run_id)
        if life is not None:
            return life.plan.id
        stored = None if self._durable is None else await self._durable.store.get(run_id)
        return None if stored is None else stored.header.workflow_id

    def get_run(self, run_id: str) -> Run[Any, Any]:
        """Return the run of that id.

        Runs from `create_run` are known while they are in use, submitted ones until
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
            if self._stored is not None:
                return run_of(await self._stored.load(run_id))
            return self.get_run(run_id)

    # ------------------------------------------------------------ from any process
    async def cancel_run(
        self, run_id: str, reason: str | None = None, *, by: str | None = None
    ) -> None:
        """Cancel a run, whatever process drives it. The request is on disk when this returns.

        A run that this engine drives is canceled as `Run.cancel` does. One that another process
        drives is canceled by that process, or by whichever takes the run over. One that nobody
        drives is ended here: its workflow need not be known, and its hooks are not called. Await
        the end with ``run.wait()``, or `observe` it.

        Args:
          reason: Why; it is in the journal and in the result.
          by: Who asks, for the journal.

        Raises:
          UnknownRunError: if neither the engine nor the store has the run.
          RunFinishedError: if it has finished.
          StoreError, JournalConflictError: if the request cannot be written.
        """
        check_optional_string("reason", reason)
        await self._request(run_id, journal.Cancel(reason), by)

    async def send_event(
        self, run_id: str, name: str, data: Any = None, *, by: str | None = None
    ) -> None:
        """Send a named event to a run, whatever process drives it. It is on disk on return.

        A run that was interrupted is recovered for it, here if this engine knows the workflow,
        else by an engine with ``recover=True`` that does.

        Args:
          name: The name that a step waits for, now or later.
          data: What it gets; JSON types, or what the converter can write.
          by: Who sends it, for the journal.

        Raises:
          UnknownRunError: if neither the engine nor the store has the run.
          RunFinishedError: if it has finished.
          NotSerializableError: if *data* cannot be written.
          MailboxFullError, InboxFullError, RequestTooLargeError: if it cannot be taken.
          StoreError: if it cannot be written.
        """
        await self._request(run_id, journal.Send(name, data), by)

    async def resume_run(
        self,
        run_id: str,
        data: Any = MISSING,
        *,
        step: Any = None,
        label: str | None = None,
        index: int | None = None,
        runtime_context: Mapping[str, Any] | None = None,
        per_step: bool = False,
        by: str | None = None,
    ) -> None:
        """Resume a suspended run, whatever process started it. The answer is on disk on return.

        The run is continued here if this engine knows its workflow, else by an engine with
        ``recover=True`` that does.

        Args: as for `Run.resume`.
          by: Who answers, for the journal.

        Raises:
          UnknownRunError: if neither the engine nor the store has the run.
          NotResumableError, NotSuspendedError, AmbiguousResumeError, InvalidValueError: if the
            run is continued here, as for `Run.resume`. Another engine logs them.
          RunFinishedError: if it has finished.
          NotSerializableError, InboxFullError, RequestTooLargeError: if it cannot be taken.
          StoreError: if it cannot be written.
        """
        answer = Answer(
            step=step_path(step),
            data=data,
            label=label,
            index=index,
            runtime_context=runtime_context or {},
            per_step=per_step,
        )
        await self._request(run_id, journal.Resume(answer), by)

    async def drain_run(
        self, run_id: str, *, grace: float = math.inf, by: str | None = None
    ) -> None:
        """Drain a run as `Run.drain` does, whatever process drives it.

        It starts no further step, and ends when those that run have ended. The request is on disk
        when this returns.

        Args:
          grace: Seconds that running bodies get.
          by: Who asks, for the journal.

        Raises:
          ValueError: if *grace* is negative or NaN.
          UnknownRunError: if neither the engine nor the store has the run.
          RunFinishedError: if it has finished.
          StoreError: if the request cannot be written.
        """
        if not grace >= 0:  # also catches NaN
            raise ValueError(f"grace must be >= 0 seconds, not {grace!r}")
        await self._request(run_id, journal.Drain(grace), by)

    async def _request(self, run_id: str, command: Command, by: str | None) -> None:
        life = self._runs.find(run_id)
        if self._stored is not None:
            await self._stored.request(run_id, command, by)
        elif life is None:
            raise UnknownRunError(run_id)
        else:
            await trio.lowlevel.checkpoint()
            journal.command_here(life, command, by, self._runs)

    async def drain(self, grace: float = 20.0) -> None:
        """Start no further step of any run, let running ones end, then halt all runs.

        Halted runs are not canceled: with a store they can be recovered, from where they are.

        Args:
          grace: Seconds that running bodies get.

        Raises:
          ValueError: if *grace* is negative or NaN.

        **Cancellation**: the runs are halted at once.

        **Checkpoints**: always.
        """
        if not grace >= 0:  # also catches NaN
            raise ValueError(f"grace must be >= 0 seconds, not {grace!r}")
        try:
            await trio.lowlevel.checkpoint()
            await self._runs.drain(grace)
        finally:
            self._runs.end_all()

    async def recover(self) -> tuple[Run[Any, Any], ...]:
        """Recover the unfinished runs of processes that have died, and return them.

        Each continues exactly where its journal ends: recorded steps are not re-run, a step that
        was running runs again, and a sleep takes the time that is left. Requests for stored runs
        that no process drives are applied as well. Runs of living processes are left alone. A run
        that cannot continue, because its workflow is unknown or has changed or its journal cannot
        be read, is logged and left as it is.

        Raises:
          StoreError: if the store cannot be read.
        """
        if self._stored is None:
            return ()
        return tuple(run_of(life) for life in await self._stored.recover())

    def observe(
        self,
        run_id: str,
        after: int | None = None,
        *,
        on_full: OnFull = "journal",
        until: Until = "suspended",
        max_buffer_size: int = BUFFER_SIZE,
    ) -> AbstractAsyncContextManager[EventStream]:
        """Read the events of a run of this engine or of the store, whatever process drives it.

        The same as `Run.observe`, for a run that need not be loaded: its workflow need not be known
        here, and its journal may be damaged at the end. ``async with engine.observe(id) as
        stream``.

        Args:
          run_id: The run.
          after, on_full, until, max_buffer_size: As for `Run.observe`. A run that only the store
            has is read from its journal, whatever *on_full* says.

        Raises:
          UnknownRunError: if neither the engine nor the store has the run. While the stream is
            read: if the run was deleted.
          HistoryGap: if events that are wanted are no longer held, and there is no store.
          JournalFormatError: if its journal is damaged, behind the events before the damage.
          ValueError: at the call already, if an argument is not what it should be.
        """
        check_observing(max_buffer_size, on_full, until)
        opening = partial(self._open_observer, run_id, after, max_buffer_size, on_full, until)
        return Opening(Observation(opening), "engine.observe(...)")

    async def _open_observer(
        self,
        run_id: str,
        after: int | None,
        max_buffer_size: int,
        on_full: OnFull,
        until: Until,
    ) -> Reader:
        life = self._runs.find(run_id)
        if life is not None:
            return await open_observer(life, after, max_buffer_size, on_full, until)
        if self._durable is None:
            raise UnknownRunError(run_id)
        journals = self._durable.journals
        return await journal.open_stored(journals, run_id, after, max_buffer_size, until)

    # ------------------------------------------------------------ keeping house
    async def list_runs(
        self,
        *,
        limit: int | None = 100,
        offset: int = 0,
        cursor: str | None = None,
        **filters: Unpack[RunFilters],
    ) -> Sequence[RunInfo]:
        """Return the runs of the store and of this engine's memory, newest first.

        Runs that the store has are told of as it says; with ``durability="exit"`` that may be
        some time ago. Without a store they are those that `get_run` knows. No journal is read.

        Args:
          limit: At most this many; None for all.
          offset: Leave out so many, the newest ones.
          cursor: `RunInfo.cursor` of a run: only those that follow it. Pages that are listed so
            neither overlap nor leave out what was there all the time, however many runs begin
            meanwhile.
          filters: Only runs to which all of these apply. ``status``: a status or several.
            ``workflow``, ``resource_id``: an id. ``tags``: all of these. ``since``, ``before``:
            created then or later, or earlier; each a datetime with a time zone, a timedelta (how
            long ago), or seconds since the epoch.

        Raises:
          ValueError: if an argument is not what it should be.
          StoreError: if the store cannot be read.

        **Checkpoints**: always.
        """
        for name, number in (("limit", limit), ("offset", offset)):
            if number is not None and number < 0:
                raise ValueError(f"{name} must be >= 0, not {number!r}")
        return await self._list.page(journal.filter_of(**filters), limit, offset, cursor)

    async def count_runs(self, **filters: Unpack[RunFilters]) -> int:
        """Return how many runs there are, in the store and in this engine's memory.

        Args and Raises: as for `list_runs`.

        **Checkpoints**: always.
        """
        return await self._list.count(journal.filter_of(**filters))

    async def cancel_runs(
        self, *, reason: str | None = None, by: str | None = None, **filters: Unpack[RunFilters]
    ) -> BulkResult:
        """Cancel all runs to which the filters apply and that have not finished, as `cancel_run`
        does.

        Args:
          reason: Why; it is in the journals and in the results.
          by: Who asks, for the journals.
          filters: Which runs, as for `list_runs`; at least one is needed.

        Raises:
          ValueError: if there is no filter, or an argument is not what it should be.
          StoreError: if the store fails; some of the runs may be canceled.

        **Cancellation**: some of the runs are canceled.

        **Checkpoints**: always.
        """

        async def cancel(run_id: str) -> None:
            # What has happened between the list and now.
            with suppress(RunFinishedError, NotResumableError, UnknownRunError):
                await self.cancel_run(run_id, reason, by=by)

        return await journal.for_each(
            self._list, journal.unfinished(journal.chosen_by(filters)), cancel
        )

    async def retry_runs(
        self, *, by: str | None = None, **filters: Unpack[RunFilters]
    ) -> BulkResult:
        """Retry all runs to which the filters apply and that failed or were canceled.

        The retries run in this engine, all at once, as those of ``submit(await run.retry())``;
        ``get_run("<id>~retry")`` returns them. A run that was retried before gets no other retry.

        Args:
          by: Who asks, for the journals.
          filters: Which runs, as for `list_runs`; at least one is needed.

        Raises:
          ValueError: if there is no filter, or an argument is not what it should be.
          StoreError: if the store fails; some of the runs may be retried.

        **Cancellation**: some of the runs are retried.

        **Checkpoints**: always.
        """
        check_optional_string("by", by)

        async def retry(run_id: str) -> None:
            run = await self.load_run(run_id)
            self.submit(await run.retry(by=by))

        return await journal.for_each(
            self._list, journal.unsuccessful(journal.chosen_by(filters)), retry
        )

    async def delete_run(self, run_id: str) -> None:
        """Remove a run from the store and from memory, with its journal and its requests.

        Its id is free then. A run may be deleted whatever its status, and even if its journal is
        damaged, but not while it is running: cancel it first, and wait for its end.

        Raises:
          UnknownRunError: if neither the engine nor the store has the run.
          RunStateError: if it is running here.
          RunClaimedError: if it is running elsewhere.
          StoreError: if the store fails.

        **Cancellation**: the run may be deleted or not.

        **Checkpoints**: always.
        """
        await self._remover.delete(run_id)

    async def delete_runs(self, **filters: Unpack[RunFilters]) -> BulkResult:
        """Delete all runs to which the filters apply, as `delete_run` does.

        ``delete_runs(resource_id=...)`` leaves nothing of a resource, but for the runs that are
        running: the result names them.

        Args:
          filters: Which runs, as for `list_runs`; at least one is needed.

        Raises:
          ValueError: if there is no filter, or an argument is not what it should be.
          StoreError: if the store fails; some of the runs may be deleted.

        **Cancellation**: some of the runs are deleted.

        **Checkpoints**: always.
        """

        async def delete(run_id: str) -> None:
            with suppress(UnknownRunError):  # between the list and now
                await self._remover.delete(run_id)

        return await journal.for_each(self._list, journal.chosen_by(filters), delete)

    async def prune(
        self, *, before: Moment, status: RunStatus | Collection[RunStatus] | None = None
    ) -> int:
        """Delete the runs that were last updated before a time, and return how many.

        Args:
          before: A datetime with a time zone, a timedelta (how long ago), or seconds since the
            epoch.
          status: Only runs with this status, or any of these. None: runs that have finished.
            Runs that are not finished are kept while they are running.

        Raises:
          ValueError: if an argument is not what it should be.
          StoreError: if the store fails; some of the runs may be deleted.

        **Cancellation**: some of the runs are deleted.

        **Checkpoints**: always.
        """
        chosen = FINISHED_STATUSES if status is None else journal.statuses(status)
        from trioflow.run_info import seconds_of

        return await self._remover.prune(seconds_of(before, time.time()), chosen)


def _attaches(if_exists: str, run_id: str | None) -> bool:
    if if_exists != "attach":
        raise ValueError(f'if_exists must be "raise" or "attach", not {if_exists!r}')
    if run_id is None:
        raise ValueError('if_exists="attach" needs run_id=: a random id is always a new one')
    return True
