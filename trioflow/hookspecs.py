"""The hooks a plugin can implement. Mark each implementation with ``@hookimpl``.

All hooks are synchronous. To wait for something, use an async method of the object that a hook
returns. Each hook says when it is called. Plugins are found by their entry points in the group
``trioflow``; the name of the entry point is the name of the plugin.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from cattrs import Converter

    from trioflow.abc import Authenticator, Instrument, Runner, Store
    from trioflow.limits import Limit
    from trioflow.record import RunRecord
    from trioflow.runners import OpenResource
    from trioflow.schedules import Schedule
    from trioflow.steps import Step
    from trioflow.tools import Tool
    from trioflow.workflow import Workflow

PROJECT = "trioflow"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of the same name."""


@hookspec
def trioflow_steps() -> Iterable[Step[Any, Any]]:  # type: ignore[empty-body]
    """Return steps that workflows can use by id.

    Called once, while the engine opens. Ids are unique across all plugins.
    """


@hookspec
def trioflow_tools() -> Iterable[Tool[..., Any]]:  # type: ignore[empty-body]
    """Return tools that steps can call, and workflows can use, by id.

    Called once, while the engine opens. Ids are unique across all plugins.
    """


@hookspec
def trioflow_workflows() -> Iterable[Workflow[Any, Any]]:  # type: ignore[empty-body]
    """Return workflows that can be run, and nested in others, by id.

    Called once, while the engine opens. They may use steps, tools and workflows of other plugins by
    id; all ids must be known when all plugins are loaded.
    """


@hookspec(firstresult=True)
def trioflow_store(url: str) -> Store | None:
    """Return the store for a URL, or None if its scheme is not yours.

    Called once, while the engine opens. Plugins are called in reverse order of registration,
    and the first returned store is used. Only build the object; it connects when it is entered.

    Args:
      url: Scheme and location, such as ``"sqlite:runs.db"``.
    """


@hookspec
def trioflow_store_schemes() -> Iterable[str]:  # type: ignore[empty-body]
    """Return the URL schemes that your `trioflow_store` supports, such as ``"sqlite"``.

    Called when no plugin provides a requested store, to list the supported schemes.
    """


@hookspec(firstresult=True)
def trioflow_runner(name: str) -> Runner | None:
    """Return the runner with that name, or None if it is not yours.

    Called once per engine for each name that a step uses and ``open_engine(runners=...)`` does
    not have. Plugins are called in reverse order of registration, and the first returned runner
    is used. Only build the object; the engine opens and closes it.

    Args:
      name: The name in ``@step(runner=...)``, such as ``"process"``.
    """


@hookspec
def trioflow_instruments() -> Iterable[Instrument]:  # type: ignore[empty-body]
    """Return instruments that observe all runs of the engine: for traces, metrics and logs.

    Called once, while the engine opens.
    """


@hookspec
def trioflow_limits() -> Iterable[Limit]:  # type: ignore[empty-body]
    """Return limits that steps and tools refer to with ``limit="name"``.

    Called once, while the engine opens. ``open_engine(limits=...)`` and ``trioflow run --limit``
    override their numbers. Two different limits with the same name are an error, even in different
    plugins.
    """


@hookspec
def trioflow_resources() -> Mapping[str, OpenResource]:  # type: ignore[empty-body]
    """Return functions that open shared resources, such as clients and pools, by name.

    Called once, while the engine opens. A function is called when a step first uses
    ``ctx.resource(name, type)``. It returns an async context manager, which one task enters and
    leaves. Names are unique across all plugins; ``open_engine(resources=...)`` overrides them.
    """


@hookspec
def trioflow_converter(converter: Converter) -> None:
    """Register cattrs hooks for your own value types; return nothing.

    Called once per engine, when the converter is first needed. The converter is strict: a hook
    must not coerce. Raise ``FaultsError`` to report what is wrong with a value, and where. A
    structure hook returns an instance unchanged, and accepts the JSON that the unstructure hook
    returns. The value that an unstructure hook returns may contain values of other types;
    trioflow then writes those.

    Args:
      converter: The engine's converter, with trioflow's built-in hooks registered.
    """


@hookspec(firstresult=True)
def trioflow_schema(type_: Any) -> Mapping[str, Any] | None:
    """Return the JSON Schema (draft 2020-12) of one of your types, or None for other types.

    Called when a schema is made, once for each class in it that trioflow itself does not support,
    for each dataclass, and for each type with metadata other than strings in ``Annotated``.
    Plugins are called in reverse order of registration. Describe the values that your
    ``trioflow_converter`` hook accepts.

    To refer to another type, yours or not, insert the type itself: ``{"$ref": Place}``. trioflow
    describes the type and fills in the reference, so no type is described twice and no two types
    share a name. This also works for a type that contains itself. You may put your own
    definitions under ``$defs`` and refer to them as ``#/$defs/name``.

    Args:
      type_: A class, one with type arguments such as ``Box[int]``, or an annotated type such as
        ``Annotated[int, Meta(ge=0)]``. The schema of an annotated type is used where it stands;
        refer to the type inside: ``{"$ref": int, "minimum": 0}``.
    """


@hookspec(firstresult=True)
def trioflow_usage(record: RunRecord) -> Mapping[str, Any] | None:
    """Return what language models have used in a run, or None if it used none.

    Called once, when a run with private state finishes. Plugins are called in reverse order of
    registration, and the first returned usage becomes `trioflow.events.Finish.usage`.

    Args:
      record: The run. Its private state is in ``record.private``.

    Returns:
      Numbers by name: ``inputTokens``, ``outputTokens``, ``totalTokens``, ``cachedInputTokens``,
      ``reasoningTokens``, and ``cost`` if it is known.
    """


@hookspec(firstresult=True)
def trioflow_upgrade(
    type_name: str, data: Mapping[str, Any], recorded_version: int
) -> Mapping[str, Any] | None:
    """Return the data of a recorded value in its current shape, or None if it needs no change.

    Called while a run is loaded, for a value that another version of its class has written: if
    the recorded version differs from the class's ``__trioflow_version__``, or if the class has both
    lost and gained fields, as after a rename. Plugins are called in reverse order of
    registration, and the first returned value is used. If all return None, removed fields are
    dropped and new fields get their defaults; if there are both, the run is unreadable.

    Args:
      type_name: Module and name of the current class: ``"app.models.Order"``.
      data: The recorded data, by field name; values are plain JSON types. Do not change it; return
        a changed copy.
      recorded_version: The class's ``__trioflow_version__`` when the value was written, 0 if it had
        none.
    """


@hookspec
def trioflow_schedules() -> Iterable[Schedule]:  # type: ignore[empty-body]
    """Return schedules: which workflows run when.

    Called once, while the engine opens. Ids are unique across all plugins. Their ticks are decided
    by engines that run their schedules: ``open_engine(schedule=True)``.
    """


@hookspec(firstresult=True)
def trioflow_authenticator() -> Authenticator | None:
    """Return what says who sends a request to an HTTP server of trioflow, or None.

    Called once, while a server such as ``trioflow serve`` starts. Plugins are called in reverse
    order of registration, and the first returned authenticator is used. It replaces the server's
    own tokens.
    """


@hookspec
def trioflow_commands(app: Any) -> None:
    """Add commands to the command line; return nothing.

    Called once when the command line starts, if it may need a command of a plugin. This includes
    ``--help``, so import the dependencies of a command inside the command. Use
    `trioflow.commands` to find the workflow or run that the user names. If a command raises a
    `TrioflowError`, its message is printed and the exit code is 2.

    Args:
      app: The ``cyclopts.App``.
    """
