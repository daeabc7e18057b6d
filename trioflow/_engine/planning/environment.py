"""What a workflow can use in addition to its own definitions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

import attrs
import trio

from trioflow._engine.base.plan import WorkflowPlan
from trioflow._engine.base.ports import StartRun
from trioflow._engine.base.services import AskSchema, AskUsage, Services, no_schema, no_usage
from trioflow._engine.planning.limits import Limits
from trioflow._engine.planning.runners import Runners
from trioflow._values.structure import make_converter
from trioflow.abc import Instrument, Runner
from trioflow.runners._inline import InlineRunner
from trioflow.runners._resources import Resources
from trioflow.runners._thread import ThreadRunner
from trioflow.steps import Step
from trioflow.tools import Tool
from trioflow.workflow import Workflow

if TYPE_CHECKING:
    from cattrs import Converter

    from trioflow._engine.planning.recording import Recording

BUILT_IN_RUNNERS: Mapping[str, Runner] = {"inline": InlineRunner(), "thread": ThreadRunner()}


def built_in_runners() -> Runners:
    """Return the runners that need no plugin."""
    return Runners(BUILT_IN_RUNNERS.get, tuple(BUILT_IN_RUNNERS))


class KnownRuns(Protocol):
    """The runs that an engine knows, and those in its store."""

    def lock(self, run_id: str) -> trio.Lock:
        """Return the lock to hold while looking up a run and adding it."""

    def find(self, run_id: str) -> Any:
        """Return the run with that id if it is in memory, else None."""

    def add(self, life: Any) -> None:
        """Register a run for as long as it is referenced."""

    async def is_stored(self, run_id: str) -> bool:
        """Return whether the store has a run with that id."""

    async def load(self, run_id: str) -> Any:
        """Return the run with that id, from the store if it has it. The caller holds its lock."""


def _no_runs() -> None:
    """Return None: there is no engine."""


@attrs.define(eq=False, kw_only=True)
class Environment:
    """Definitions by id, runners, limits, types and instruments."""

    converter: Callable[[], Converter]
    steps: Mapping[str, Step[Any, Any]] = attrs.field(factory=dict)
    tools: Mapping[str, Tool[..., Any]] = attrs.field(factory=dict)
    workflows: Mapping[str, Workflow[Any, Any]] = attrs.field(factory=dict)
    providers: Mapping[str, str] = attrs.field(factory=dict)
    """The plugin that provides the definition with an id."""
    runners: Runners = attrs.field(factory=built_in_runners)
    limits: Limits = attrs.field(factory=Limits)
    resources: Resources = attrs.field(factory=lambda: Resources({}))
    schema: AskSchema = no_schema
    """Returns the JSON Schema that a plugin has for a class."""
    usage: AskUsage = no_usage
    """Returns what language models have used in a run."""
    recording: Callable[[bool], Recording] | None = None
    """Returns the recording of values, checked or unchecked; None without a store."""
    instruments: tuple[Instrument, ...] = ()
    known: Callable[[], KnownRuns | None] = _no_runs
    """Returns the runs of the engine while it exists. A finished run must not keep them alive."""
    start_run: StartRun | None = None
    """Starts a run in the engine; None without one."""
    plans: WeakKeyDictionary[Workflow[Any, Any], WorkflowPlan] = attrs.field(
        factory=WeakKeyDictionary, init=False
    )
    """Workflows that were planned for this environment."""
    services: Services = attrs.field(init=False)
    """What bodies can use of it."""

    def __attrs_post_init__(self) -> None:
        self.services = Services(self.converter, self.resources, self.schema, self.usage)


@functools.cache
def bare_environment() -> Environment:
    """Return the environment of runs without an engine: no plugins, resources or instruments."""
    return Environment(converter=functools.cache(make_converter))
