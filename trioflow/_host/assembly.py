"""Putting together what an engine needs, from its plugins and from what its caller gives."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from trioflow._engine.life.life import Life
from trioflow._engine.life.ports import Keeper
from trioflow._engine.planning.environment import BUILT_IN_RUNNERS, Environment
from trioflow._engine.planning.planner import plan_workflow
from trioflow._engine.planning.runners import Runners
from trioflow._host.plugins import NO_DISTRIBUTION, PluginHost
from trioflow.abc import Instrument, Runner, Store, StoredRun
from trioflow.errors import DefinitionError, DuplicateIdError, UnknownNameError
from trioflow.steps import Step
from trioflow.tools import Tool
from trioflow.wire._converter import make_wire_converter
from trioflow.workflow import Workflow

if TYPE_CHECKING:
    from cattrs import Converter

T = TypeVar("T", Step[Any, Any], Tool[..., Any], Workflow[Any, Any])


def open_store(host: PluginHost, store: Store | str) -> Store:
    """Return a store, or the one that a URL means.

    Raises:
      UnknownNameError: if no plugin has a store for the URL.
    """
    if isinstance(store, Store):
        return store
    found = host.store(store)
    if found is None:
        scheme = store.partition(":")[0]
        raise UnknownNameError("store", scheme, "open_engine", host.store_schemes())
    return found


def life_of(environment: Environment, stored: StoredRun, keeper: Keeper) -> Life:
    """Return the life of a run that a store has; its journal is not read.

    Raises:
      UnknownNameError: if there is no workflow of its id.
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
    limits: Mapping[str, int],
    runners: Mapping[str, Runner],
    instruments: Iterable[Instrument],
) -> Environment:
    """Return what workflows can rely on: what plugins provide, and what the caller gives.

    Raises:
      DuplicateIdError: if an id is given twice.
      DefinitionError: if a limit is not a number of places, or a runner or an instrument is
        not one.
    """
    taken = dict(host.providers)
    return Environment(
        converter=functools.cache(lambda: _extended_converter(host)),
        steps={**host.steps, **_by_id(steps, Step, taken)},
        tools={**host.tools, **_by_id(tools, Tool, taken)},
        workflows={**host.workflows, **_by_id(workflows, Workflow, taken)},
        providers=host.providers,
        runners=_runners(host, runners),
        limits={name: _limiter(name, places) for name, places in limits.items()},
        instruments=(*host.instruments(), *_instruments(instruments)),
    )


def _by_id(definitions: Iterable[T], cls: type[T], taken: dict[str, str]) -> dict[str, T]:
    found: dict[str, T] = {}
    for definition in definitions:
        if not isinstance(definition, cls):
            name = cls.__name__.lower()
            raise DefinitionError(
                "open_engine", f"{definition!r} is not a {name}", f"give {name}s under {name}s="
            )
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


def _limiter(name: str, places: int) -> trio.CapacityLimiter:
    if type(places) is not int or places < 1:
        raise DefinitionError(
            f"limit {name!r}", f"{places!r} is not a number of places", "give a whole number >= 1"
        )
    return trio.CapacityLimiter(places)


def _extended_converter(host: PluginHost) -> Converter:
    converter = make_wire_converter()
    host.extend_converter(converter)
    return converter
