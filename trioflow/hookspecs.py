"""The hooks a plugin can implement. Mark each implementation with ``@hookimpl``.

All hooks are synchronous and are called while an engine opens, never while a run is going
on; whatever has to wait is an async method of the object that a hook returns. Plugins are
found by their entry point in the group ``trioflow``, whose name is the plugin's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from cattrs import Converter

    from trioflow.abc import Instrument, Runner, Store
    from trioflow.limits import Limit
    from trioflow.runners import OpenResource
    from trioflow.steps import Step
    from trioflow.tools import Tool
    from trioflow.workflow import Workflow

PROJECT = "trioflow"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of the same name."""


@hookspec
def trioflow_steps() -> Iterable[Step[Any, Any]]:  # type: ignore[empty-body]
    """Return steps that workflows may use by id.

    Called once while the engine opens. Ids are unique across all plugins.
    """


@hookspec
def trioflow_tools() -> Iterable[Tool[..., Any]]:  # type: ignore[empty-body]
    """Return tools that steps may call, and workflows use, by id.

    Called once while the engine opens. Ids are unique across all plugins.
    """


@hookspec
def trioflow_workflows() -> Iterable[Workflow[Any, Any]]:  # type: ignore[empty-body]
    """Return workflows that can be run, and nested in others, by id.

    Called once while the engine opens. They may name steps, tools and workflows of other
    plugins by id; all names must be known when all plugins are loaded.
    """


@hookspec(firstresult=True)
def trioflow_store(url: str) -> Store | None:
    """Return the store for a URL, or None if its scheme is not yours.

    Called once, while the engine opens. The plugin that was registered last is asked
    first, and the first store that is returned is used. Only build the object; it connects
    when it is entered.

    Args:
      url: Scheme and location, such as ``"sqlite:runs.db"``.
    """


@hookspec
def trioflow_store_schemes() -> Iterable[str]:  # type: ignore[empty-body]
    """Return the schemes of the URLs that your `trioflow_store` takes, such as ``"sqlite"``.

    Called when a store is asked for that no plugin has, to list those that can be used.
    """


@hookspec(firstresult=True)
def trioflow_runner(name: str) -> Runner | None:
    """Return the runner of that name, or None if it is not yours.

    Called for each name that a step asks for and ``open_engine(runners=...)`` does not have,
    once per engine. The plugin that was registered last is asked first, and the first runner
    that is returned is used. Only build the object; the engine opens and closes it.

    Args:
      name: What stands in ``@step(runner=...)``, such as ``"process"``.
    """


@hookspec
def trioflow_instruments() -> Iterable[Instrument]:  # type: ignore[empty-body]
    """Return objects that watch all runs of the engine: for traces, metrics and logs.

    Called once while the engine opens.
    """


@hookspec
def trioflow_limits() -> Iterable[Limit]:  # type: ignore[empty-body]
    """Return limits that steps and tools name with ``limit="name"``.

    Called once while the engine opens. ``open_engine(limits=...)`` and ``trioflow run --limit``
    overrule their numbers. Two different limits of one name are an error, from whichever plugins.
    """


@hookspec
def trioflow_resources() -> Mapping[str, OpenResource]:  # type: ignore[empty-body]
    """Return what steps share, such as clients and pools: functions that open them, by name.

    Called once while the engine opens; the functions are called when a step first uses
    ``ctx.resource(name, type)``. Each returns an async context manager, which one task enters and
    leaves. Names are unique across all plugins; ``open_engine(resources=...)`` overrules them.
    """


@hookspec
def trioflow_converter(converter: Converter) -> None:
    """Register cattrs hooks for your own value types; return nothing.

    Called once per engine, when the first type is looked at. The converter is strict: a
    hook must not coerce. Raise ``FaultsError`` to say what is wrong with a value, and where.
    A structure hook returns what already is an instance as it is, and takes back the JSON
    that the unstructure hook makes of it. What an unstructure hook returns may still hold
    values of other types; trioflow writes those in turn.

    Args:
      converter: The engine's converter, with trioflow's own hooks registered.
    """


@hookspec(firstresult=True)
def trioflow_schema(type_: Any) -> Mapping[str, Any] | None:
    """Return the JSON Schema (draft 2020-12) of a type of yours, or None if it is not yours.

    Called when a schema is made, once for each class in it that trioflow itself
    knows nothing of. The plugin that was registered last is asked first. Say what the hook
    that you registered with ``trioflow_converter`` takes.

    Where a part is of another type, of yours or not, put the type itself:
    ``{"$ref": Place}``. trioflow describes it and fills the reference in, so that nothing is
    described twice and no two types share a name; a type that contains itself can be put
    in the same way. Definitions of your own may stand under ``$defs`` and be referred to as
    ``#/$defs/name``.

    Args:
      type_: A class, or one with type arguments such as ``Box[int]``.
    """


@hookspec(firstresult=True)
def trioflow_upgrade(
    type_name: str, data: Mapping[str, Any], recorded_version: int
) -> Mapping[str, Any] | None:
    """Return the data of a recorded value in today's shape, or None if it needs no change.

    Called while a run is loaded, for a value that another version of its class has written: if
    the recorded version differs from the class's ``__trioflow_version__``, or if fields are gone
    and others are new at the same time, as when one was renamed. The plugin that was registered
    last is asked first, and the first answer counts. If nobody answers, fields that are gone are
    left out and new ones get their defaults; where both happened at once, the run is unreadable.

    Args:
      type_name: Module and name of today's class: ``"app.models.Order"``.
      data: What was recorded, by the names of the fields; values are plain JSON types. Return a
        changed copy.
      recorded_version: The class's ``__trioflow_version__`` when it was written, 0 if it had none.
    """


@hookspec
def trioflow_commands(app: Any) -> None:
    """Add commands to the command line; return nothing.

    Called once when the command line starts, if it may need a command of a plugin. That
    includes ``--help``, so import what a command needs inside the command.
    `trioflow.commands` finds the workflow or the run that the user names. A command that
    raises a `TrioflowError` ends with its message and exit code 2.

    Args:
      app: The ``cyclopts.App``.
    """
