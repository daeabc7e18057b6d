"""Finds the workflow that a command names: one that a plugin provides, or one in a module."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from trioflow._cli.errors import UsageError
from trioflow._host.discovery import PREFIX, installed_plugins
from trioflow.errors import suggest
from trioflow.hookspecs import PROJECT
from trioflow.workflow import Workflow


def is_in_module(target: str) -> bool:
    """Return whether a target is ``MODULE:ATTR``; ids have no colon."""
    return ":" in target


def known_workflow(name: str, workflows: Mapping[str, Workflow[Any, Any]]) -> Workflow[Any, Any]:
    """Return the workflow with this id.

    Raises:
      UsageError: if no plugin provides it.
    """
    if name in workflows:
        return workflows[name]
    listing = ", ".join(sorted(workflows)) or "none installed"
    hint = suggest(name, workflows, f"known: {listing}, or MODULE:ATTR of your own")
    if name.endswith(".py"):
        hint = f"for a workflow in a file write {name.removesuffix('.py')}:NAME"
    raise UsageError(f"unknown workflow {name!r}; {hint}")


def import_workflow(target: str) -> Workflow[Any, Any]:
    """Import the workflow ``MODULE:ATTR``, from the working directory like ``python -m``.

    Raises:
      UsageError: if there is no such module or attribute, or it is not a workflow.
    """
    name, _, path = target.partition(":")
    module = _import(name)
    value: Any = module
    for attribute in path.split("."):
        if not hasattr(value, attribute):
            raise UsageError(f"{name!r} has no {path!r}; {_workflows_of(module, path)}")
        value = getattr(value, attribute)
    if not isinstance(value, Workflow):
        problem = f"{target} is not a Workflow, but of type {type(value).__name__}"
        raise UsageError(f"{problem}; {_workflows_of(module, path)}")
    return value


def plugins_with(targets: Iterable[str]) -> list[Any] | None:
    """Return the plugins of a command: all installed ones, and the imported modules with hooks.

    Args:
      targets: Ids, and ``MODULE:ATTR`` of workflows that were imported.

    Returns None, for all installed plugins, if no module has hooks. A module that is installed as a
    plugin is not used a second time, nor if it is disabled.
    """
    names = dict.fromkeys(target.partition(":")[0] for target in targets if is_in_module(target))
    modules = [module for name in names if _has_hooks(module := sys.modules[name])]
    if not modules:
        return None
    installed = installed_plugins()
    taken = {point.module for points in installed.values() for point in points}
    return [*installed, *(module for module in modules if module.__name__ not in taken)]


def _has_hooks(module: ModuleType) -> bool:
    """Return whether a module has a hook, be it valid or not."""
    return any(
        hasattr(value, f"{PROJECT}_impl") or (name.startswith(PREFIX) and inspect.isroutine(value))
        for name, value in vars(module).items()
    )


def _import(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        remedy = "give MODULE:ATTR, such as my_app.flows:weather"
        raise UsageError(f"{name!r} is not the name of a module; {remedy}")
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and f"{name}.".startswith(f"{exc.name}."):
            where = f"in {folder} or in the installed packages"
            raise UsageError(f"there is no module {exc.name!r} {where}") from exc
        raise UsageError(_import_problem(name, exc)) from exc
    except Exception as exc:
        raise UsageError(_import_problem(name, exc)) from exc


def _import_problem(name: str, exc: Exception) -> str:
    frame = traceback.extract_tb(exc.__traceback__)[-1]
    place = "" if isinstance(exc, SyntaxError) else f" ({frame.filename}, line {frame.lineno})"
    problem = f"module {name!r} cannot be imported: {type(exc).__name__}: {exc}{place}"
    if isinstance(exc, RuntimeError) and "from inside a run()" in str(exc):
        remedy = 'put that under: if __name__ == "__main__":'
        problem += f"\nit calls trio.run() when it is imported; {remedy}"
    return problem


def _workflows_of(module: ModuleType, wrong: str) -> str:
    names = [name for name, value in vars(module).items() if isinstance(value, Workflow)]
    return suggest(wrong, names, f"workflows in it: {', '.join(names) or 'none'}")
