"""The engine: plugins, limits, and runs that outlive the function that started them."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar, overload
from weakref import WeakValueDictionary

import trio

from trioflow.engine.environment import Environment
from trioflow.engine.ownership import open_owned_nursery
from trioflow.engine.planner import plan_workflow
from trioflow.engine.run import Run, create_run
from trioflow.engine.targets import TargetPlanner
from trioflow.errors import (
    DefinitionError,
    DuplicateIdError,
    DuplicateRunError,
    UnknownNameError,
    UnknownRunError,
)
from trioflow.events import RunStatus
from trioflow.plugins import NO_DISTRIBUTION, PluginHost, PluginInfo
from trioflow.steps import Step
from trioflow.tools import Tool
from trioflow.tracing import TracingContext, TracingOptions
from trioflow.validation import make_converter
from trioflow.workflow import Workflow

if TYPE_CHECKING:
    from cattrs import Converter

In = TypeVar("In")
Out = TypeVar("Out")
T = TypeVar("T", Step[Any, Any], Tool[..., Any], Workflow[Any, Any])

KEEP_FINISHED = 256
"""How many submitted runs an engine remembers after their end."""


@asynccontextmanager
async def open_engine(
    *,
    plugins: Iterable[Any] | None = None,
    blocked: Iterable[str] = (),
    workflows: Iterable[Workflow[Any, Any]] = (),
    steps: Iterable[Step[Any, Any]] = (),
    tools: Iterable[Tool[..., Any]] = (),
    limits: Mapping[str, int] | None = None,
) -> AsyncGenerator[Engine, None]:
    """Load plugins, and own the runs that are submitted.

    Leaving the block cancels the runs that are still going and waits for their clean-up;
    ``await run.wait()`` inside of it for those that should end by themselves.

    Args:
      plugins: Which plugins: names of installed ones, and modules or objects with hooks.
        None means all that are installed.
      blocked: Names of installed plugins not to load.
      workflows: Workflows that can be run by id, beside those of plugins.
      steps: Steps that workflows may use by id.
      tools: Tools that may be used by id.
      limits: How many bodies of steps with ``limit=name`` run at the same time, over all
        runs of this engine.

    Raises:
      PluginError: for a plugin that is unknown or broken, and it says how.
      UnknownStepError: if a workflow names something that nobody provides.
      UnknownNameError: if a step or tool asks for an unknown runner or limit.
      DefinitionError: if a definition or a limit cannot work.

    **Cancellation**: cancels all runs.

    **Checkpoints**: entering has none; leaving waits for the runs.
    """
    host = PluginHost(plugins, blocked)
    environment = _environment(host, steps, tools, workflows, limits or {})
    if host.implements("trioflow_converter"):
        environment.converter()  # a broken hook shows now, not at the first value
    for workflow in environment.workflows.values():
        plan_workflow(workflow, environment)
    for tool in environment.tools.values():  # a step may call any of them by id
        TargetPlanner(environment, validate=True).tool(tool)
    runs = _Runs()
    async with open_owned_nursery(runs.cancel_all) as nursery:
        yield Engine(host, environment, nursery, runs)


class Engine:
    """Plugins, limits and long-lived runs. Made by `open_engine`."""

    def __init__(
        self, host: PluginHost, environment: Environment, nursery: trio.Nursery, runs: _Runs
    ) -> None:
        self._host = host
        self._environment = environment
        self._nursery = nursery
        self._runs = runs

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
            workflow, environment=self._environment, run_id=run_id, resource_id=resource_id
        )
        self._runs.add(run)
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

        Read its events with ``run.observe()`` and its result with ``run.wait()``.

        Args: as for `create_run` and `Run.stream`.

        Raises:
          InvalidValueError: if input or state do not fit the workflow's types.
          UnknownNameError, DuplicateRunError, DefinitionError: as for `create_run`.
        """
        run = self.create_run(workflow, run_id=run_id, resource_id=resource_id)
        run.execution.begin(
            input_data, runtime_context, tracing_context, tracing_options, initial_state
        )
        self._runs.keep(run)
        self._nursery.start_soon(self._runs.drive, run)
        return run

    def get_run(self, run_id: str) -> Run[Any, Any]:
        """Return the run of that id.

        Runs from `create_run` are known as long as someone holds them, submitted ones until
        `KEEP_FINISHED` others have ended after them.

        Raises:
          UnknownRunError: if the engine does not know it.
        """
        run = self._runs.find(run_id)
        if run is None:
            raise UnknownRunError(run_id)
        return run

    def list_runs(
        self, *, status: RunStatus | None = None, workflow: str | None = None
    ) -> tuple[Run[Any, Any], ...]:
        """Return the runs that `get_run` knows, oldest first.

        Args:
          status: Only those with this status.
          workflow: Only those of the workflow with this id.
        """
        return tuple(
            run
            for run in self._runs.known()
            if status in (None, run.status) and workflow in (None, run.workflow_id)
        )


class _Runs:
    """The runs of an engine: which there are, and who keeps them alive."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[str, Run[Any, Any]] = WeakValueDictionary()
        self._submitted: dict[str, Run[Any, Any]] = {}
        self._finished: deque[Run[Any, Any]] = deque(maxlen=KEEP_FINISHED)

    def add(self, run: Run[Any, Any]) -> None:
        self._known[run.run_id] = run

    def find(self, run_id: str) -> Run[Any, Any] | None:
        return self._known.get(run_id)

    def known(self) -> list[Run[Any, Any]]:
        return list(self._known.values())

    def keep(self, run: Run[Any, Any]) -> None:
        self._submitted[run.run_id] = run

    async def drive(self, run: Run[Any, Any]) -> None:
        try:
            await run.execution.drive()
        finally:
            del self._submitted[run.run_id]
            self._finished.append(run)

    def cancel_all(self) -> None:
        for run in self._submitted.values():
            run.cancel("the engine was closed")


def _environment(
    host: PluginHost,
    steps: Iterable[Step[Any, Any]],
    tools: Iterable[Tool[..., Any]],
    workflows: Iterable[Workflow[Any, Any]],
    limits: Mapping[str, int],
) -> Environment:
    taken = dict(host.providers)
    return Environment(
        converter=functools.cache(lambda: _extended_converter(host)),
        steps={**host.steps, **_by_id(steps, taken)},
        tools={**host.tools, **_by_id(tools, taken)},
        workflows={**host.workflows, **_by_id(workflows, taken)},
        providers=host.providers,
        runner=functools.cache(host.runner),
        limits={name: _limiter(name, places) for name, places in limits.items()},
        instruments=host.instruments(),
    )


def _by_id(definitions: Iterable[T], taken: dict[str, str]) -> dict[str, T]:
    found: dict[str, T] = {}
    for definition in definitions:
        if definition.id in taken:
            raise DuplicateIdError(
                "open_engine",
                NO_DISTRIBUTION,
                f"{definition.id!r} is provided by {taken[definition.id]!r} already",
                "give one of the two another id with clone()",
            )
        taken[definition.id] = "open_engine"
        found[definition.id] = definition
    return found


def _limiter(name: str, places: int) -> trio.CapacityLimiter:
    if type(places) is not int or places < 1:
        raise DefinitionError(
            f"limit {name!r}", f"{places!r} is not a number of places", "give a whole number >= 1"
        )
    return trio.CapacityLimiter(places)


def _extended_converter(host: PluginHost) -> Converter:
    converter = make_converter()
    host.extend_converter(converter)
    return converter
