"""For plugins that add commands: resolve arguments in the same way as trioflow's commands.

A command receives strings: a workflow's id or ``MODULE:ATTR``, a run's id, the URL of a store. The
functions here return the object that a string refers to. They raise a `TrioflowError` whose message
says what to type instead; the command line prints it without a traceback and exits with code 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from trioflow._cli.targets import import_workflow, is_in_module, known_workflow, plugins_with
from trioflow._host.plugins import PluginHost
from trioflow.describe import Definition, Provider, Resolve
from trioflow.events import Event
from trioflow.workflow import Workflow

__all__ = ["NamedWorkflow", "find_plugins", "find_store_url", "find_workflow", "recorded_events"]


@attrs.frozen
class NamedWorkflow:
    """A workflow, with functions that resolve the definitions it uses."""

    workflow: Workflow[Any, Any]
    resolve: Resolve
    """Returns the step, tool or workflow that plugins provide under an id."""
    provider: Provider
    """Returns the name of the plugin that provides a definition."""


def find_workflow(target: str) -> NamedWorkflow:
    """Return the workflow that *target* names. Loads the installed plugins.

    Args:
      target: Id of a workflow that a plugin provides, or ``MODULE:ATTR``. The module is
        imported; the working directory is searched as well. Hooks in it are used as those of a
        plugin are.

    Raises:
      TrioflowError: if there is no such workflow. If a plugin that may provide it is broken, the
        error of that plugin is raised.
    """
    own = import_workflow(target) if is_in_module(target) else None
    host = PluginHost(plugins_with([target]), keep_broken=True)

    def resolve(id: str) -> Definition | None:
        return host.steps.get(id) or host.tools.get(id) or host.workflows.get(id)

    def provider(definition: Definition) -> str | None:
        # A module may define something else under an id that a plugin also uses.
        is_provided = resolve(definition.id) is definition
        return host.providers[definition.id] if is_provided else None

    if own is not None:
        return NamedWorkflow(own, resolve, provider)
    if target not in host.workflows:
        for _, error in host.broken.values():
            raise error
    return NamedWorkflow(known_workflow(target, host.workflows), resolve, provider)


def find_plugins(targets: Sequence[str]) -> list[Any] | None:
    """Return the plugins for an engine that runs workflows, for ``open_engine(plugins=...)``.

    These are all installed plugins, and the modules of the targets that have hooks.

    Args:
      targets: Ids of workflows, or ``MODULE:ATTR``. Returns None, which also means all installed
        plugins, if no module has hooks.

    Raises:
      TrioflowError: if there is no such module or workflow in it.
    """
    for target in targets:
        if is_in_module(target):
            import_workflow(target)
    return plugins_with(targets)


def find_store_url(store: str | None = None) -> str:
    """Return the URL of the store to use.

    Args:
      store: The URL that the user gave; None means the value of ``TRIOFLOW_STORE``.

    Raises:
      TrioflowError: if neither is set.
    """
    from trioflow._cli.stores import need_store

    return need_store(store).store


async def recorded_events(run_id: str, store: str | None = None) -> list[Event]:
    """Return all events that a store currently has of a run, in order. Changes nothing.

    Args:
      run_id: Id of the run, whatever its status.
      store: URL such as ``"sqlite:runs.db"``; None means the value of ``TRIOFLOW_STORE``.

    Raises:
      TrioflowError: if no store is given, it cannot be opened, or it does not have the run.

    **Cancellation**: closes the store.

    **Checkpoints**: always at least one.
    """
    from trioflow._cli.stores import find_run, need_store, open_reading
    from trioflow._engine.journal.reading import JournalReader

    async with open_reading(need_store(store)) as opened:
        await find_run(opened, run_id)
        return [event async for event in JournalReader(opened, run_id).events()]
