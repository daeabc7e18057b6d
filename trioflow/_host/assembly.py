"""Assembles what an engine needs, from its plugins and from its caller."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import trio

from trioflow._engine.life.life import Life
from trioflow._engine.life.ports import Keeper
from trioflow._engine.planning.environment import BUILT_IN_RUNNERS, Environment
from trioflow._engine.planning.limits import Limits, limits_of
from trioflow._engine.planning.planner import plan_workflow
from trioflow._engine.planning.runners import Runners
from trioflow._host.plugins import NO_DISTRIBUTION, PluginHost
from trioflow.abc import Instrument, Runner, Store
from trioflow.errors import (
    DefinitionError,
    DuplicateIdError,
    PluginHookError,
    StoreError,
    UnknownNameError,
)
from trioflow.limits import Limit, check_places
from trioflow.runners._resources import OpenResource, Resources, check_opener
from trioflow.steps import Step
from trioflow.tools import Tool
from trioflow.workflow import Workflow

if TYPE_CHECKING:
    from cattrs import Converter

    from trioflow.abc import StoredRun

T = TypeVar("T", Step[Any, Any], Tool[..., Any], Workflow[Any, Any])
Definition: TypeAlias = Step[Any, Any] | Tool[..., Any] | Workflow[Any, Any]


def open_store(host: PluginHost, store: Store | str) -> Store:
    """Return *store*, or the store that a URL names.

    Raises:
      UnknownNameError: if no plugin has a store for the URL.
      StoreError: if its plugin refuses the URL.
    """
    if isinstance(store, Store):
        return store
    try:
        found = host.store(store)
    except PluginHookError as exc:
        if isinstance(exc.__cause__, StoreError):  # the URL is wrong, and not the plugin
            raise exc.__cause__ from None
        raise
    if found is None:
        scheme = store.partition(":")[0]
        raise UnknownNameError("store", scheme, "open_engine", host.store_schemes())
    return found


def life_of(environment: Environment, stored: StoredRun, keeper: Keeper) -> Life:
    """Return the life of a stored run, without reading its journal.

    Raises:
      UnknownNameError: if no workflow has its workflow id.
    """
    header = stored.header
    if header.workflow_id not in environment.workflows:
        where = f"run {header.run_id}"
        raise UnknownNameError("workflow", header.workflow_id, where, tuple(environment.workflows))
    plan = plan_workflow(environment.workflows[header.workflow_id], environment)
    return Life(plan, environment, header.run_id, header.resource_id, keeper, header.tags)


def environment_of(
    host: PluginHost,
    steps: Iterable[Step[Any, Any]],
    tools: Iterable[Tool[..., Any]],
    workflows: Iterable[Workflow[Any, Any]],
    limits: Mapping[str, int | Limit | trio.CapacityLimiter],
    resources: Mapping[str, OpenResource],
    runners: Mapping[str, Runner],
    instruments: Iterable[Instrument],
) -> Environment:
    """Return the environment of workflows: what plugins provide, and what the caller gives.

    Raises:
      DuplicateIdError: if an id is given twice.
      DefinitionError: if a limit is not a number of places, or a resource, a runner or an
        instrument is not of its type.
    """
    taken = dict(host.providers)
    all_steps = {**host.steps, **_by_id(steps, Step, taken, host.steps)}
    all_tools = {**host.tools, **_by_id(tools, Tool, taken, host.tools)}
    all_workflows = {**host.workflows, **_by_id(workflows, Workflow, taken, host.workflows)}
    definitions: list[Definition] = [*all_steps.values(), *all_tools.values()]
    definitions += all_workflows.values()
    return Environment(
        converter=functools.cache(lambda: _extended_converter(host)),
        steps=all_steps,
        tools=all_tools,
        workflows=all_workflows,
        providers=host.providers,
        runners=_runners(host, runners),
        limits=_limits(host, limits, definitions),
        resources=Resources({**host.resources(), **_openers(resources)}),
        schema=host.schema,
        usage=host.usage,
        instruments=(*host.instruments(), *_instruments(instruments)),
    )


def _by_id(
    definitions: Iterable[T], cls: type[T], taken: dict[str, str], provided: Mapping[str, T]
) -> dict[str, T]:
    """Return definitions by their ids, without those that a plugin provides too."""
    found: dict[str, T] = {}
    for definition in definitions:
        if not isinstance(definition, cls):
            name = cls.__name__.lower()
            raise DefinitionError(
                "open_engine", f"{definition!r} is not a {name}", f"give {name}s under {name}s="
            )
        if provided.get(definition.id) is definition:
            continue
        if definition.id in taken:
            raise DuplicateIdError(
                "open_engine",
                NO_DISTRIBUTION,
                f"{definition.id!r} is already provided by {taken[definition.id]!r}",
                'rename one with .clone("other-id")',
            )
        taken[definition.id] = "open_engine"
        found[definition.id] = definition
    return found


def _runners(host: PluginHost, given: Mapping[str, Runner]) -> Runners:
    for name, runner in given.items():
        if not isinstance(runner, Runner):
            problem, remedy = f"{runner!r} is not a Runner", "give an object such as ThreadRunner()"
            raise DefinitionError(f"runner {name!r}", problem, remedy)

    def find(name: str) -> Runner | None:
        return given[name] if name in given else host.runner(name)

    return Runners(find, (*BUILT_IN_RUNNERS, *given))


def _instruments(given: Iterable[Instrument]) -> Iterable[Instrument]:
    for instrument in given:
        if not isinstance(instrument, Instrument):
            problem, remedy = f"{instrument!r} is not an Instrument", "give an object of a subclass"
            raise DefinitionError("open_engine", problem, remedy)
        yield instrument


def _limits(
    host: PluginHost,
    given: Mapping[str, int | Limit | trio.CapacityLimiter],
    definitions: Iterable[Definition],
) -> Limits:
    for name, places in given.items():
        _check_limit(name, places)
    limits = Limits(given, is_shared=True)
    for limit, plugin in host.limits():
        limits.learn(limit, f"plugin {plugin!r}")
    for definition in definitions:
        for limit, where in limits_of(definition):
            limits.offer(limit, where)
    return limits


def _check_limit(name: str, places: int | Limit | trio.CapacityLimiter) -> None:
    if isinstance(places, trio.CapacityLimiter):
        return
    if isinstance(places, Limit):
        if places.name != name:
            problem = f"it is given as {places!r}, which has another name"
            raise DefinitionError(f"limit {name!r}", problem, "use the same name for both")
        return
    check_places(name, places)


def _openers(given: Mapping[str, OpenResource]) -> Mapping[str, OpenResource]:
    for name, opener in given.items():
        check_opener(name, opener)
    return given


def _extended_converter(host: PluginHost) -> Converter:
    from trioflow.wire._converter import make_wire_converter

    converter = make_wire_converter()
    host.extend_converter(converter)
    return converter
