"""The engine: plugins, limits, stores, and runs that outlive the function that started them."""

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
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar, Unpack, overload

import trio

from trioflow._constructor import NoPublicConstructor
from trioflow._durations import Duration, need_seconds
from trioflow._engine import journal
from trioflow._engine.base.given import check_optional_string, check_string
from trioflow._engine.base.in_trio import check_in_trio
from trioflow._engine.base.nursery import open_owned_nursery
from trioflow._engine.life.forking import begin_fork, prepare_fork
from trioflow._engine.life.life import Life
from trioflow._engine.life.observing import Observation, check_observing, open_observer
from trioflow._engine.life.registry import RunRegistry, open_registry
from trioflow._engine.life.resuming import Answer
from trioflow._engine.life.starting import begin
from trioflow._engine.planning.environment import Environment
from trioflow._engine.running.leases import Leases
from trioflow._engine.stream.opening import Opening
from trioflow._engine.stream.reader import OnFull, Reader, Until
from trioflow._engine.stream.receive_end import EventStream
from trioflow._host.assembly import environment_of, life_of, open_store
from trioflow._host.checking import check_definitions
from trioflow._host.plugins import PluginHost, PluginInfo
from trioflow._ids import check_name, check_run_names, is_retry
from trioflow._phases import Phase
from trioflow.abc import DEFAULT_QUEUE, Authenticator, Codec, Instrument, Runner, Store, ValueStore
from trioflow.context import MISSING
from trioflow.errors import (
    DefinitionError,
    DuplicateRunError,
    NotResumableError,
    NoValueStoreError,
    RunStateError,
    StoreError,
    UnknownNameError,
    UnknownRunError,
)
from trioflow.events import FINISHED_STATUSES, RunStatus
from trioflow.limits import Limit
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
    from trioflow.schedules import Schedule, Schedules
    from trioflow.values import Values

In = TypeVar("In")
Out = TypeVar("Out")


def _durable_runs(
    environment: Environment,
    forms: Forms,
    codec: Codec | None,
    values: Values | None,
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
        values=values,
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
    limits: Mapping[str, int | Limit | trio.CapacityLimiter] | None = None,
    resources: Mapping[str, OpenResource] | None = None,
    runners: Mapping[str, Runner] | None = None,
    instruments: Iterable[Instrument] = (),
    store: Store | str | None = None,
    durability: Durability = "step",
    journal_chunks: bool = False,
    claim_seconds: Duration = 30.0,
    store_patience: Duration = 60.0,
    values: ValueStore | str | None = None,
    max_recoveries: int = 3,
    codec: Codec | None = None,
    recover: bool = False,
    schedules: Iterable[Schedule] = (),
    schedule: bool = False,
) -> AsyncGenerator[Engine, None]:
    """Open an engine: load plugins and run submitted workflows.

    Leaving the block cancels submitted runs that are still running and waits for their clean-up.
    To let a run finish, call ``await run.wait()`` in the block. With a store, runs are halted, not
    canceled, and can be recovered.

    Args:
      plugins: The plugins to load: names of installed plugins, and modules or objects with hooks.
        None: all installed plugins.
      blocked: Names of installed plugins not to load.
      workflows: Workflows that can be run by id, in addition to those from plugins.
      steps: Steps that workflows may use by id.
      tools: Tools that may be used by id.
      limits: How many bodies of steps with ``limit=name`` run at the same time, over all runs of
        this engine: ``{"gpu": 2}``, a `Limit` with the same name, or your own
        `trio.CapacityLimiter`. A number overrides the number of places given in a `Limit`.
      resources: Objects that steps share, such as an HTTP client or a connection pool, by name:
        functions that return async context managers, ``{"http": httpx.AsyncClient}``. A task of
        the engine opens each one on the first ``ctx.resource("http", httpx.AsyncClient)``, and
        closes them after the last run, in reverse order. Overrides resources of plugins.
      runners: Runners by the name that steps and tools use in ``runner=name``:
        ``{"disk": ThreadRunner(capacity=2)}``. Overrides runners of plugins. ``"thread"`` is the
        default for blocking steps. Each is opened before its first use, and closed after the last
        run.
      instruments: Observers of all runs, in addition to the instruments of plugins.
      store: Where to keep the journals of runs: a store, or its URL such as ``"sqlite:runs.db"``.
        None: runs exist only in the memory of this process.
      durability: When a run waits for its journal. ``"step"``: the output of a step is on
        disk before the next step starts. ``"async"``: the journal is written in the background.
        ``"exit"``: it is written when the run finishes or suspends.
      journal_chunks: Whether to also write the chunks of steps and the pieces of tools.
      claim_seconds: Seconds, or a timedelta, for which a claim on a run is valid unless the engine
        renews it. If the store itself detects that the process died, the claim ends at once. An
        engine that cannot renew its claims stops its bodies before another can take over.
      store_patience: Seconds, or a timedelta, that runs wait for an unavailable store. Runs that
        were interrupted because it took longer are recovered when it is available again.
      values: Where steps put large values with ``ctx.put``: a `FolderValues`, a `BucketValues`, or
        a URL such as ``"folder:values"`` or ``"s3://bucket/path"``. Values are deleted with the
        runs that use them. All engines and workers on a store need the same one.
      max_recoveries: How many times in a row the process may die while bodies of a run are
        running, with no new outcome recorded in between. The last recovery is made in isolation,
        while no other run's bodies run; if the process dies again, the run fails.
      codec: Encodes the values in journals, so that they cannot be read in the store. Without a
        codec, secrets such as Pydantic's ``SecretStr`` are refused. None: values are stored as
        JSON.
      recover: Whether to recover runs of dead processes, and continue runs that are due, for as
        long as the engine is open, as `Engine.recover` does once.
      schedules: Which workflows run when, in addition to the schedules of plugins. They are put
        into the store; without a store they exist in this process only.
      schedule: Whether to start the runs of schedules for as long as the engine is open, as
        `Engine.run_schedules` does.

    Raises:
      PluginError: if a plugin is unknown or broken; the message says which and why.
      UnknownStepError: if a workflow uses an id that no plugin or argument provides.
      UnknownNameError: if a step or tool uses an unknown runner or limit.
      DefinitionError: if a definition, a limit or a runner is invalid.
      StoreError: if the store cannot be opened.
      NotInTrioError: if the caller does not run under Trio, but under asyncio, for example.

    **Cancellation**: ends all runs as leaving the block does.

    **Checkpoints**: always if there is a store or a runner to open. Otherwise entering has none,
    and leaving waits for the runs.
    """
    check_in_trio("an engine was opened")
    if codec is not None and not isinstance(codec, Codec):
        remedy = "pass an instance of a subclass of trioflow.abc.Codec"
        raise DefinitionError("open_engine", f"{codec!r} is not a Codec", remedy)
    host = PluginHost(plugins, blocked)
    environment = environment_of(
        host, steps, tools, workflows, limits or {}, resources or {}, runners or {}, instruments
    )
    forms = None
    if store is not None:
        from trioflow._engine.planning.recording import Recording
        from trioflow._forms.forms import Forms  # needed for recorded values only

        forms = Forms(environment.converter, host.upgrade, keeps_secrets=codec is not None)
        environment.recording = partial(Recording, forms)
        environment.limits.leases = Leases()
    check_definitions(host, environment)
    patience = need_seconds("store_patience", store_patience)
    kept = None
    if values is not None:
        from trioflow._engine.planning.keeping import values_of  # few engines need it

        kept = values_of(environment, forms, host.upgrade, values, codec, patience)
    async with AsyncExitStack() as stack:
        for instrument in environment.instruments:
            await stack.enter_async_context(instrument)
        if kept is not None:
            await stack.enter_async_context(kept.store)
        durable = None
        if store is not None and forms is not None:
            durable = _durable_runs(
                environment,
                forms,
                codec,
                kept,
                open_store(host, store),
                durability,
                journal_chunks,
                need_seconds("claim_seconds", claim_seconds),
                patience,
            )
            leases = environment.limits.leases
            await stack.enter_async_context(journal.open_durable_runs(durable, leases))
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
        await engine._keep_schedules(schedules)
        if schedule:
            await stack.enter_async_context(engine._open_schedules())
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
        self._declared: Mapping[str, Schedule] = {}
        """The schedules that plugins and the caller declare, by id."""

    @cached_property
    def _list(self) -> RunList:
        return journal.RunList(self._runs, self._stored)

    @cached_property
    def _remover(self) -> Remover:
        return journal.Remover(self._runs, self._stored, self._environment.services.values)

    @property
    def store(self) -> Store | None:
        """The store that keeps the journals of this engine's runs, if any."""
        return self._durable.store if self._durable else None

    @property
    def values(self) -> Values:
        """The large values of this engine, in its value store.

        Raises NoValueStoreError if it was opened without ``values=``.
        """
        values = self._environment.services.values
        if values is None:
            raise NoValueStoreError("engine.values")
        return values

    @property
    def plugins(self) -> tuple[PluginInfo, ...]:
        """The loaded plugins, and what each provides."""
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
        """Return the JSON Schema of a type, using the plugins of this engine.

        The same as `trioflow.describe.json_schema` otherwise.
        """
        from trioflow.describe._schema import describe_type  # no run needs it

        return describe_type(type_, self._host.schema)

    @cached_property
    def authenticator(self) -> Authenticator | None:
        """What the hook ``trioflow_authenticator`` of the plugins returns, for HTTP servers.

        The hook is called once, on first use. Raises PluginError if it raises or returns something
        else.
        """
        return self._host.authenticator()

    @cached_property
    def schedules(self) -> Schedules:
        """The schedules: list, put, pause, resume, trigger, backfill and delete them.

        Raises StoreError if the store cannot keep schedules.
        """
        from trioflow._scheduled import schedules_of  # few engines need it

        return schedules_of(self, self._declared)

    async def run_schedules(self) -> NoReturn:
        """Start the runs of schedules until canceled.

        Any number of processes may do this on one store: each tick starts once.

        Raises:
          RuntimeError: if this engine does it already.
          StoreError: if the store cannot keep schedules.

        **Cancellation**: runs that have started continue.
        """
        await self.schedules._run()
        raise AssertionError("schedules run until canceled")

    async def _keep_schedules(self, given: Iterable[Schedule]) -> None:
        """Put the schedules of plugins and of the caller into the store."""
        given = tuple(given)
        if given or self._host.implements("trioflow_schedules"):
            from trioflow._scheduled import declared_schedules

            self._declared = declared_schedules(self._host, given)
            if self._declared and not (self.store is not None and self.store.is_read_only):
                await self.schedules._declare()

    @asynccontextmanager
    async def _open_schedules(self) -> AsyncGenerator[None, None]:
        """Run the schedules in the block."""
        schedules, task = self.schedules, trio.CancelScope()

        async def run() -> None:
            with task:
                await schedules._run()

        async with open_owned_nursery(task.cancel) as nursery:
            nursery.start_soon(run)
            yield

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
        """Create a run with this engine's plugins and limits. The caller starts it.

        Args:
          workflow: A workflow, or the id of one.
          run_id: Id of the run; default: a random id.
          resource_id: The resource (user, tenant, ...) that the run belongs to.
          tags: Tags to list, cancel and delete the run by.

        Raises:
          InvalidIdError: if an id or a tag is empty, too long, or cannot be held by every store.
          UnknownNameError: if there is no workflow with that id.
          DuplicateRunError: if the engine has a run with that id. If only the store has one, the
            error is raised when the run starts.
          DefinitionError: or a similar error, if the workflow is invalid, or a type of its values
            holds secrets and the engine has a store but no codec.
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
          RunSuspendedError: if it is suspended; with a store it can be resumed by its id.
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
        per_step: bool = ...,
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
        per_step: bool = ...,
        runtime_context: Mapping[str, Any] | None = ...,
        tracing_context: TracingContext | None = ...,
        tracing_options: TracingOptions | None = ...,
        initial_state: Any = ...,
        timeout: Duration | None = ...,
    ) -> Run[Any, Any]: ...
    @overload
    def submit(self, workflow: Run[In, Out], *, per_step: bool = ...) -> Run[In, Out]: ...
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
        per_step: bool = False,
        runtime_context: Mapping[str, Any] | None = None,
        tracing_context: TracingContext | None = None,
        tracing_options: TracingOptions | None = None,
        initial_state: Any = None,
        timeout: Duration | None = None,
    ) -> Run[Any, Any]:
        """Run a workflow in the engine's own nursery and return at once.

        Read its events with ``run.observe()`` and its result with ``run.wait()``. If very many runs
        are submitted together, a few begin in each pass of Trio's scheduler, in order.
        ``submit(await run.fork(...))`` and ``submit(await run.retry())`` accept only *per_step*.
        A retry that has already begun is returned as it is.

        The other arguments are those of `create_run` and `Run.stream`.

        Args:
          if_exists: What happens if a run with *run_id* already exists, here or in the store.
            ``"raise"``: raises DuplicateRunError; from this call if this engine knows the run,
            otherwise from ``run.wait()``. With a durability other than ``"step"``, bodies may have
            begun by then. ``"attach"``: returns the existing run, whatever its input and wherever
            it runs; no body runs before this is known. Raises DuplicateRunError if the existing
            run is of another workflow.
          by: Who starts the run, for its journal. For a fork, pass it to `Run.fork`.
          per_step: Whether the run pauses after one node; `resume_run` continues it.

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
            return self._submit_fork(workflow, given, per_step)
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
            per_step,
        )
        if stored is None:
            self._runs.start_soon(life)
        else:
            self._runs.nursery.start_soon(journal.start_or_attach, stored, life)
        return run

    def _submit_fork(
        self, run: Run[Any, Any], given: Sequence[Any], per_step: bool
    ) -> Run[Any, Any]:
        life, stored = run._life, self._stored
        if life.fork is None and not is_retry(life.run_id):
            problem = "only a fork or a retry can be submitted; submit its workflow instead"
            raise RunStateError(life.run_id, life.record.status, problem)
        if life.environment is not self._environment:
            problem = "it belongs to another engine; load the run here, and fork that"
            raise RunStateError(life.run_id, life.record.status, problem)
        if is_retry(life.run_id) and (life.fork is None or life.phase is not Phase.PENDING):
            return run  # it has already begun
        self._runs.check_open(life.record)
        prepare_fork(life, given, per_step=per_step)
        self._runs.own(life)
        if is_retry(life.run_id) and stored is not None:
            self._runs.nursery.start_soon(journal.start_or_attach, stored, life)
        else:
            begin_fork(life)
            self._runs.start_soon(life)
        return run

    def _known(self, workflow: Workflow[Any, Any] | str, run_id: str | None) -> Life | None:
        """Return the run with that id that this engine can continue, if it has one.

        Raises:
          DuplicateRunError: if the run is of another workflow.
        """
        life = None if run_id is None else self._runs.find(run_id)
        if life is None:
            return None
        if life.phase is Phase.HALTED:  # the store's version counts
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
        per_step: bool,
    ) -> None:
        """Begin a run that this engine drives."""
        try:
            check_optional_string("by", by)
            self._runs.check_open(life.record)
            begin(
                life,
                input_data,
                runtime_context,
                tracing_context,
                tracing_options,
                initial_state,
                per_step,
                by,
                is_certain,
                timeout,
            )
        except BaseException:
            self._runs.forget(life)  # frees its id
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
        per_step: bool = ...,
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
        per_step: bool = ...,
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
        per_step: bool = False,
        runtime_context: Mapping[str, Any] | None = None,
        tracing_context: TracingContext | None = None,
        tracing_options: TracingOptions | None = None,
        initial_state: Any = None,
        timeout: Duration | None = None,
    ) -> Run[Any, Any] | None:
        """Run a workflow as `submit` does, unless *run_id* is taken in any process.

        Of all concurrent callers with the same id, exactly one gets the run. The others get None,
        and start nothing. A run that is only registered is started; see `register_run`. With a
        store, the start of the run and its input are on disk when this returns and before any body
        runs, whatever the durability. A web handler may then respond.

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
                    per_step,
                )
                if stored is None:
                    self._runs.start_soon(life)
                    return run
                return run if await journal.start_once(stored, life) else None

        check_run_names(run_id, None, ())
        return await self._runs.do(run_id, start)

    async def register_run(
        self,
        workflow: Workflow[Any, Any] | str,
        *,
        run_id: str,
        resource_id: str | None = None,
        tags: Collection[str] = (),
    ) -> bool:
        """Register a run that `start_once` will start later, in any process. On disk on return.

        Until then the run is ``"pending"``: it can be found, listed, canceled and deleted, and no
        engine recovers it. It keeps this resource and these tags, whatever `start_once` is given.

        Args: as for `create_run`.

        Returns:
          False if the id is taken; nothing then changes.

        Raises: as for `create_run`, and
          RunStateError: if the engine has no store, or is closed.
          StoreError: if the run cannot be written.

        **Cancellation**: the run may have been registered.

        **Checkpoints**: always.
        """
        check_run_names(run_id, None, ())
        async with self._runs.lock(run_id):
            await trio.lowlevel.checkpoint()
            if self._runs.find(run_id) is not None:
                return False
            run = self.create_run(workflow, run_id=run_id, resource_id=resource_id, tags=tags)
            stored = self._stored
            if stored is None:
                self._runs.forget(run._life)
                problem = "only a store can keep a run that has not started"
                raise RunStateError(run_id, "pending", problem)
            self._runs.check_open(run._life.record)
            return await journal.register(stored, run._life)

    @overload
    async def enqueue(
        self,
        workflow: Workflow[In, Out],
        input_data: In = ...,
        *,
        run_id: str | None = ...,
        resource_id: str | None = ...,
        queue: str = ...,
        priority: int = ...,
        tags: Collection[str] = ...,
        by: str | None = ...,
        runtime_context: Mapping[str, Any] | None = ...,
        tracing_context: TracingContext | None = ...,
        tracing_options: TracingOptions | None = ...,
        initial_state: Any = ...,
        timeout: Duration | None = ...,
    ) -> str: ...
    @overload
    async def enqueue(
        self,
        workflow: str,
        input_data: Any = ...,
        *,
        run_id: str | None = ...,
        resource_id: str | None = ...,
        queue: str = ...,
        priority: int = ...,
        tags: Collection[str] = ...,
        by: str | None = ...,
        runtime_context: Mapping[str, Any] | None = ...,
        tracing_context: TracingContext | None = ...,
        tracing_options: TracingOptions | None = ...,
        initial_state: Any = ...,
        timeout: Duration | None = ...,
    ) -> str: ...
    async def enqueue(
        self,
        workflow: Workflow[Any, Any] | str,
        input_data: Any = None,
        *,
        run_id: str | None = None,
        resource_id: str | None = None,
        queue: str = DEFAULT_QUEUE,
        priority: int = 0,
        tags: Collection[str] = (),
        by: str | None = None,
        runtime_context: Mapping[str, Any] | None = None,
        tracing_context: TracingContext | None = None,
        tracing_options: TracingOptions | None = None,
        initial_state: Any = None,
        timeout: Duration | None = None,
    ) -> str:
        """Leave a run to the workers of the store, and return its id. On disk on return.

        An engine that works (`work`, or ``trioflow worker``) drives it, in this process or another.
        Until then it is ``"pending"``: it can be found, listed, canceled and deleted. Wait for its
        end with ``await (await engine.load_run(run_id)).wait()``, or read its events with
        `observe`.

        *run_id* is an idempotency key: of all callers with the same id, exactly one enqueues it.

        Args: as for `submit`, and
          queue: Only workers of this queue take the run.
          priority: Workers take the runs with the highest priority first, and of these the
            oldest. Runs of low priority may wait forever.
          timeout: As for `Run.stream`; the time that it is enqueued counts.

        Raises:
          DuplicateRunError: if the run already exists.
          InvalidValueError: if input or state do not fit the workflow's types.
          InvalidIdError, UnknownNameError, DefinitionError: as for `create_run`.
          ValueError: if *priority* is not a whole number of 32 bits.
          RunStateError: if the engine has no store, or is closed.
          StoreError: if the run cannot be written.

        **Cancellation**: the run may have been enqueued.

        **Checkpoints**: always.
        """
        check_name("queue", queue)
        journal.check_priority(priority)
        run = self.create_run(workflow, run_id=run_id, resource_id=resource_id, tags=tags)
        life, stored = run._life, self._stored
        if stored is None:
            self._runs.forget(life)
            problem = "only a store can keep a run for other processes"
            raise RunStateError(life.run_id, "pending", problem)
        self._begin(
            life,
            input_data,
            runtime_context,
            tracing_context,
            tracing_options,
            initial_state,
            by,
            False,
            timeout,
            False,
        )
        async with self._runs.lock(life.run_id):
            self._runs.forget(life)  # whoever takes it loads it
            await journal.enqueue(stored.durable, life, queue, priority)
        return life.run_id

    async def work(
        self,
        capacity: int = 100,
        *,
        queues: Collection[str] = (DEFAULT_QUEUE,),
        poll: Duration = 5.0,
        drain: Duration = 30.0,
    ) -> NoReturn:
        """Take runs from queues of the store and drive them, until canceled.

        Takes runs that were enqueued, runs whose process died or halted them, and suspended runs
        that were answered or are due. The runs are those of workflows that this engine knows by id
        and that have not changed since the run began: others are left to workers that know them,
        so old and new versions of a program can work on one store. Of several engines that work,
        one drives each run. None of them needs to know of another.

        While there is room, up to a quarter of it is filled at a time, with at most 20 runs, so
        that other workers also get some. Runs that sleep occupy room, suspended ones do not.

        Args:
          capacity: How many runs this engine drives before it takes no more. Runs that were
            submitted to it count.
          queues: The queues to take runs from.
          poll: Seconds, or a timedelta, between two looks. Enqueued and answered runs are noticed
            at once, others by looking.
          drain: Seconds, or a timedelta, that running bodies get when this is canceled.

        Raises:
          ValueError: if an argument is invalid.
          InvalidIdError: if the name of a queue is invalid.
          StoreError: if the engine has no store, or it is read-only, or it can no longer be used.
            While it is unavailable, this waits.

        **Cancellation**: takes no more, and lets running bodies finish for *drain* seconds. The
        runs that it has taken are then halted, and other workers may take them at once.

        **Checkpoints**: always.
        """
        job = journal.job_of(self._environment, capacity, queues, poll, drain)
        if self._stored is None:
            raise StoreError("(none)", "runs are taken from a store; open the engine with store=")
        self._stored.durable.check_writable()
        reporter = journal.WorkReporter(self._stored.durable.claims, self._environment.instruments)
        await journal.Worker(self._stored, job, reporter).work()

    async def _start_or_find(
        self, workflow: Workflow[Any, Any] | str, input_data: Any, **options: Any
    ) -> None:
        """Start a run unless it has already been started; see `StepContext.start_run`."""
        if await self.start_once(workflow, input_data, **options) is None:
            run_id, wanted = options["run_id"], self._find_workflow(workflow).id
            if (await self._workflow_of(run_id)) != wanted:
                raise DuplicateRunError(run_id)

    async def _workflow_of(self, run_id: str) -> str | None:
        """Return the workflow id of a run; None if there is no such run."""
        life = self._runs.find(run_id)
        if life is not None:
            return life.plan.id
        stored = None if self._durable is None else await self._durable.store.get(run_id)
        return None if stored is None else stored.header.workflow_id

    def get_run(self, run_id: str) -> Run[Any, Any]:
        """Return the run with that id.

        Runs from `create_run` are known while they are referenced, submitted runs until 64 others
        have finished after them.

        Raises:
          UnknownRunError: if the engine does not know the run.
        """
        life = self._runs.find(run_id)
        if life is None:
            raise UnknownRunError(run_id)
        return run_of(life)

    async def load_run(self, run_id: str) -> Run[Any, Any]:
        """Return the run with that id, from the store if this engine does not know it.

        A suspended run can then be resumed. A finished run has its result and steps; values are
        plain JSON types unless the workflow declares their types.

        Raises:
          UnknownRunError: if neither the engine nor the store has the run.
          WorkflowChangedError: if its workflow contradicts the journal.
          UnknownNameError: if the engine does not have its workflow.
        """
        async with self._runs.lock(run_id):
            if self._stored is not None:
                return run_of(await self._stored.load(run_id))
            return self.get_run(run_id)

    # ------------------------------------------------------------ from any process
    async def cancel_run(
        self, run_id: str, reason: str | None = None, *, by: str | None = None
    ) -> None:
        """Cancel a run, whichever process drives it. The request is on disk when this returns.

        A run that this engine drives is canceled as by `Run.cancel`. A run that another process
        drives is canceled by that process, or by the process that takes it over. A run that no
        process drives is finished here: its workflow need not be known, and its hooks are not
        called. Use ``run.wait()`` or `observe` to wait until it has finished.

        Args:
          reason: Why; stored in the journal and in the result.
          by: Who cancels it, for the journal.

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
        """Send a named event to a run, whichever process drives it. It is on disk on return.

        An interrupted run is recovered to receive it: here if this engine knows the workflow,
        otherwise by an engine with ``recover=True`` that does.

        Args:
          name: Name of the event. It is queued until a step waits for it.
          data: Data of the event: JSON types, or values that the converter can write.
          by: Who sends it, for the journal.

        Raises:
          UnknownRunError: if neither the engine nor the store has the run.
          RunFinishedError: if it has finished.
          NotSerializableError: if *data* cannot be written.
          MailboxFullError, InboxFullError, RequestTooLargeError: if the event is not accepted.
          StoreError: if the event cannot be written.
        """
        check_string("name", name)
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
        """Resume a suspended run, whichever process started it. The answer is on disk on return.

        The run continues here if this engine knows its workflow, otherwise in an engine with
        ``recover=True`` that does.

        Args: as for `Run.resume`.
          by: Who answers, for the journal.

        Raises:
          UnknownRunError: if neither the engine nor the store has the run.
          NotResumableError, NotSuspendedError, AmbiguousResumeError, InvalidValueError: if the
            run continues here, as for `Run.resume`. Another engine logs them.
          RunFinishedError: if the run has finished.
          NotSerializableError, InboxFullError, RequestTooLargeError: if the answer is not accepted.
          StoreError: if the answer cannot be written.
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
        """Drain a run as `Run.drain` does, whichever process drives it.

        The run starts no further step, and finishes when its running steps have finished. The
        request is on disk when this returns.

        Args:
          grace: Seconds that running bodies get to finish.
          by: Who drains it, for the journal.

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
        check_optional_string("by", by)
        life = self._runs.find(run_id)
        if self._stored is not None:
            await journal.send_command(self._stored, run_id, command, by)
        elif life is None:
            raise UnknownRunError(run_id)
        else:
            await trio.lowlevel.checkpoint()
            journal.command_here(life, command, by, self._runs)

    async def drain(self, grace: float = 20.0) -> None:
        """Start no further step of any run, let running steps finish, then halt all runs.

        Halted runs are not canceled: with a store they can be recovered.

        Args:
          grace: Seconds that running bodies get to finish.

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

    async def recover_run(self, run_id: str) -> Run[Any, Any]:
        """Recover a run whose process has died; it continues here. Returns at once.

        The same as `Run.recover` otherwise.

        Raises:
          UnknownRunError: if neither the engine nor the store has the run.
          NotResumableError: if it is running here, waits for an answer or has finished.
          RunClaimedError: if it is running in another process.
          UnreadableRunError: if a recorded value no longer fits its type.
          UnknownNameError, WorkflowChangedError: as for `load_run`.
          StoreError: if the store cannot be read or written.

        **Cancellation**: the run may have been recovered.

        **Checkpoints**: always.
        """
        run = await self.load_run(run_id)
        if run._life.phase is not Phase.ELSEWHERE or self._stored is None:
            raise NotResumableError(run_id, run.status, "it was not interrupted")
        async with self._runs.lock(run_id):
            await self._stored.take_up(run_id)
        return run

    async def recover(self) -> tuple[Run[Any, Any], ...]:
        """Recover the unfinished runs of processes that have died, and return them.

        Each continues exactly where its journal ends: recorded steps are not re-run, a step that
        was running runs again, and a sleep takes the remaining time. Requests for stored runs
        that no process drives are also applied. Runs of living processes are not touched. A run
        that cannot continue, because its workflow is unknown or has changed or its journal cannot
        be read, is logged and skipped.

        Raises:
          StoreError: if the store cannot be read.
        """
        if self._stored is None:
            return ()
        return tuple(run_of(life) for life in await journal.recover(self._stored))

    def observe(
        self,
        run_id: str,
        after: int | None = None,
        *,
        on_full: OnFull = "journal",
        until: Until = "suspended",
        max_buffer_size: int = BUFFER_SIZE,
    ) -> AbstractAsyncContextManager[EventStream]:
        """Read the events of a run of this engine or of the store, whichever process drives it.

        Use it as ``async with engine.observe(run_id) as stream``. The same as `Run.observe`, but
        the run need not be loaded: this engine need not know its workflow, and the end of its
        journal may be damaged.

        Args:
          run_id: Id of the run.
          after, on_full, until, max_buffer_size: As for `Run.observe`. A run that only the store
            has is read from its journal, whatever *on_full* is.

        Raises:
          UnknownRunError: if neither the engine nor the store has the run, or if the run is deleted
            while the stream is read.
          HistoryGap: if requested events are no longer held, and there is no store.
          JournalFormatError: if its journal is damaged; raised after the events before the damage.
          ValueError: if an argument is invalid; raised by the call, before the block.
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

    # ------------------------------------------------------------ housekeeping
    async def list_runs(
        self,
        *,
        limit: int | None = 100,
        offset: int = 0,
        cursor: str | None = None,
        **filters: Unpack[RunFilters],
    ) -> Sequence[RunInfo]:
        """Return the runs of the store and of this engine's memory, newest first.

        Stored runs are shown as the store has them; with ``durability="exit"`` this may be out of
        date. Without a store, the runs are those that `get_run` knows. No journal is read.

        Args:
          limit: Maximum number of runs; None for all.
          offset: How many of the newest runs to skip.
          cursor: `RunInfo.cursor` of a run: return only runs after it. Pages listed in this way
            neither overlap nor miss a run that existed throughout, even if runs begin meanwhile.
          filters: Only runs that match all of these. ``status``: a status or several.
            ``workflow``, ``resource_id``: an id. ``tags``: all of these. ``since``, ``before``:
            created at that time or later, or earlier; each a datetime with a time zone, a timedelta
            (how long ago), or seconds since the epoch.

        Raises:
          ValueError: if an argument is invalid.
          StoreError: if the store cannot be read.

        **Checkpoints**: always.
        """
        for name, number in (("limit", limit), ("offset", offset)):
            if number is not None and number < 0:
                raise ValueError(f"{name} must be >= 0, not {number!r}")
        return await self._list.page(journal.filter_of(**filters), limit, offset, cursor)

    async def find_run_info(self, run_id: str) -> RunInfo:
        """Return the entry that `list_runs` has for one run.

        Raises:
          UnknownRunError: if neither the engine nor the store has the run.
          StoreError: if the store cannot be read.

        **Checkpoints**: always.
        """
        return await self._list.one(run_id)

    async def count_runs(self, **filters: Unpack[RunFilters]) -> int:
        """Return the number of runs in the store and in this engine's memory.

        Args and Raises: as for `list_runs`.

        **Checkpoints**: always.
        """
        return await self._list.count(journal.filter_of(**filters))

    async def cancel_runs(
        self, *, reason: str | None = None, by: str | None = None, **filters: Unpack[RunFilters]
    ) -> BulkResult:
        """Cancel all unfinished runs that match the filters, as `cancel_run` does.

        Args:
          reason: Why; stored in the journals and in the results.
          by: Who cancels them, for the journals.
          filters: Which runs, as for `list_runs`; at least one is needed.

        Raises:
          ValueError: if there is no filter, or an argument is invalid.
          StoreError: if the store fails; some of the runs may be canceled.

        **Cancellation**: some of the runs are canceled.

        **Checkpoints**: always.
        """
        check_optional_string("reason", reason)
        check_optional_string("by", by)

        async def cancel(run_id: str) -> None:
            # The run may have changed since it was listed.
            with suppress(NotResumableError, UnknownRunError):
                await self.cancel_run(run_id, reason, by=by)

        return await journal.for_each(
            self._list, journal.unfinished(journal.chosen_by(filters)), cancel
        )

    async def retry_runs(
        self, *, by: str | None = None, **filters: Unpack[RunFilters]
    ) -> BulkResult:
        """Retry all failed and canceled runs that match the filters.

        The retries run concurrently in this engine, as with ``submit(await run.retry())``;
        ``get_run("<id>~retry")`` returns them. A run that already has a retry gets no other.

        Args:
          by: Who retries them, for the journals.
          filters: Which runs, as for `list_runs`; at least one is needed.

        Raises:
          ValueError: if there is no filter, or an argument is invalid.
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

        Its id can then be reused. A run may be deleted whatever its status, and even if its journal
        is damaged, but not while it is running: cancel it first, and wait until it has finished.

        Raises:
          UnknownRunError: if neither the engine nor the store has the run.
          RunStateError: if it is running here.
          RunClaimedError: if it is running in another process.
          StoreError: if the store fails.

        **Cancellation**: the run may have been deleted.

        **Checkpoints**: always.
        """
        await self._remover.delete(run_id)

    async def delete_runs(self, **filters: Unpack[RunFilters]) -> BulkResult:
        """Delete all runs that match the filters, as `delete_run` does.

        ``delete_runs(resource_id=...)`` removes all data of a resource, except for runs that are
        still running: the result names them.

        Args:
          filters: Which runs, as for `list_runs`; at least one is needed.

        Raises:
          ValueError: if there is no filter, or an argument is invalid.
          StoreError: if the store fails; some of the runs may be deleted.

        **Cancellation**: some of the runs are deleted.

        **Checkpoints**: always.
        """

        async def delete(run_id: str) -> None:
            with suppress(UnknownRunError):  # deleted since it was listed
                await self._remover.delete(run_id)

        return await journal.for_each(self._list, journal.chosen_by(filters), delete)

    async def prune(
        self, *, before: Moment, status: RunStatus | Collection[RunStatus] | None = None
    ) -> int:
        """Delete the runs that were last updated before a given time, and return their number.

        Args:
          before: A datetime with a time zone, a timedelta (how long ago), or seconds since the
            epoch.
          status: Only runs with this status, or any of these. None: finished runs. A run is never
            deleted while it is running.

        Raises:
          ValueError: if an argument is invalid.
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
