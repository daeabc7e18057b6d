"""Checks definitions: refuses broken ones of the caller, and warns of broken ones of plugins."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from trioflow._engine.planning.environment import Environment
from trioflow._engine.planning.planner import plan_workflow
from trioflow._engine.planning.targets import TargetPlanner
from trioflow._host.assembly import environment_of
from trioflow._host.plugins import PluginHost
from trioflow.errors import TrioflowError

logger = logging.getLogger("trioflow")


def check_definitions(host: PluginHost, environment: Environment) -> None:
    """Refuse broken definitions of the caller, and warn of broken ones of plugins.

    Raises:
      PluginError: if the hook of a plugin is broken.
      TrioflowError: if a workflow or tool of the caller is broken.
    """
    if host.implements("trioflow_converter"):
        environment.converter()  # reports a broken hook now, not at the first value
    for id, error in broken_definitions(environment):
        if id not in host.providers:
            raise error
        logger.warning("%s", error)


def broken_definitions(environment: Environment) -> Iterator[tuple[str, TrioflowError]]:
    """Yield the id of each broken workflow and tool, with the reason."""
    for workflow in environment.workflows.values():
        try:
            plan_workflow(workflow, environment)
        except TrioflowError as exc:
            yield workflow.id, exc
    for tool in environment.tools.values():  # a step may call any of them by id
        try:
            TargetPlanner(environment, True, environment.limits).tool(tool)
        except TrioflowError as exc:
            yield tool.id, exc


def problems_of(host: PluginHost) -> dict[str, Sequence[str]]:
    """Return the problems of each broken plugin by name; *host* must keep broken plugins."""
    environment = environment_of(host, (), (), (), {}, {}, {}, ())
    environment.converter()  # with the hooks of all plugins
    found = list(broken_definitions(environment))
    problems: dict[str, list[str]] = {
        name: [f"{error.problem}; {error.remedy}"] for name, (_, error) in host.broken.items()
    }
    for id, error in found:
        problems.setdefault(host.providers[id], []).append(str(error))
    return dict(problems)
