"""Finds plugins: lists and loads entry points, and checks the hooks of plugins."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import attrs

from trioflow import hookspecs
from trioflow._help import PlainHelp
from trioflow.errors import (
    DuplicateIdError,
    PluginHookError,
    PluginImportError,
    UnknownPluginError,
    suggest,
)
from trioflow.hookspecs import PROJECT

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

PREFIX = f"{PROJECT}_"
DISABLE_VARIABLE = "TRIOFLOW_DISABLE"
"""Environment variable with the names of plugins not to load, separated by commas."""
NO_DISTRIBUTION = "not from a distribution"

logger = logging.getLogger("trioflow")


@attrs.frozen
class PluginInfo(metaclass=PlainHelp):
    """A plugin that is loaded, and what it provides."""

    name: str
    distribution: str
    """Name of the distribution, or ``"not from a distribution"``."""
    version: str
    """Version of the distribution, or ``""``."""
    hooks: tuple[str, ...] = ()
    """The hooks it implements."""
    steps: tuple[str, ...] = ()
    """Ids of the steps it provides; likewise below."""
    tools: tuple[str, ...] = ()
    workflows: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """Distribution and version, as errors name them."""
        return f"{self.distribution} {self.version}".strip()


# ---------------------------------------------------------------- finding
def chosen_plugins(
    plugins: Iterable[Any] | None, blocked: Iterable[str]
) -> Iterator[tuple[Callable[[], Any], PluginInfo]]:
    """Find plugins, and yield for each one a function that loads it, and its info.

    Args:
      plugins: Names of installed ones, and objects with hooks; None for all installed.
      blocked: Names of installed ones to leave out, in addition to those in
        `DISABLE_VARIABLE`.

    The functions raise `PluginError` if the plugin cannot be imported, or if two
    distributions have a plugin with its name.

    Raises:
      UnknownPluginError: if a name is not that of an installed plugin.
      TypeError: if *plugins* or *blocked* is a string.
    """
    refused = [*_names(blocked, "blocked")]
    given = None if plugins is None else [*_names(plugins, "plugins")]
    names = [*refused, *(plugin for plugin in given or () if isinstance(plugin, str))]
    # Finding installed plugins takes milliseconds, which not every engine has to spend.
    installed = installed_plugins() if names or given is None else {}
    wanted = list(installed) if given is None else given
    for name in names:
        if name not in installed:
            known = f"installed: {', '.join(installed) or 'none'}"
            problem = "no plugin with this name is installed"
            raise UnknownPluginError(
                name, NO_DISTRIBUTION, problem, suggest(name, installed, known)
            )
    if installed:
        refused += disabled_plugins(installed)
    numbers: dict[str, int] = {}
    for plugin in wanted:
        if not isinstance(plugin, str):
            info = PluginInfo(_object_name(plugin, numbers), NO_DISTRIBUTION, "")
            yield partial(_same, plugin), info
        elif plugin not in refused:
            points = installed[plugin]
            yield partial(load_plugin, points), info_of(points[0])


def installed_plugins() -> dict[str, list[EntryPoint]]:
    """Return the entry points of the installed plugins, by the names of the plugins."""
    from importlib.metadata import entry_points  # its import takes longer than this module's

    points: dict[str, list[EntryPoint]] = {}
    for point in sorted(entry_points(group=PROJECT), key=lambda point: point.name):
        points.setdefault(point.name, []).append(point)
    return points


def _names(given: Iterable[Any], argument: str) -> Iterable[Any]:
    if isinstance(given, str):  # otherwise its characters would be taken as names
        raise TypeError(f"{argument} must be a list of plugins, not the string {given!r}")
    return given


def disabled_plugins(installed: Mapping[str, object]) -> list[str]:
    """Return the names in `DISABLE_VARIABLE`; warn of those that are not installed."""
    names = [name.strip() for name in os.environ.get(DISABLE_VARIABLE, "").split(",")]
    for name in names:
        # Not an error, because one environment may serve several installations.
        if name and name not in installed:
            logger.warning("%s names %r, which is not installed", DISABLE_VARIABLE, name)
    return names


def _same(plugin: Any) -> Any:
    return plugin


def load_plugin(points: list[EntryPoint]) -> Any:
    """Load the plugin of entry points that share one name.

    Raises:
      PluginError: if it cannot be imported, or if there are several.
    """
    point, *others = points
    for other in others:
        raise DuplicateIdError(
            other.name,
            info_of(other).origin,
            f"its entry point has the same name as that of {info_of(point).origin}",
            f"uninstall one of the two, or set {DISABLE_VARIABLE}={other.name} to use neither",
        )
    try:
        return point.load()
    except (Exception, SystemExit) as exc:  # a module that exits would end the application
        raise PluginImportError(
            point.name,
            info_of(point).origin,
            f"{point.value} cannot be imported: {type(exc).__name__}: {exc}",
            f"repair or uninstall it, or set {DISABLE_VARIABLE}={point.name}",
        ) from exc


def info_of(point: EntryPoint) -> PluginInfo:
    """Return the info of a plugin without importing it."""
    distribution = cast("Distribution", point.dist)  # every entry point that was found has one
    metadata = distribution.metadata  # parsed anew by each access
    return PluginInfo(point.name, metadata["Name"], metadata["Version"])


def _object_name(plugin: Any, numbers: dict[str, int]) -> str:
    """Return a unique name for a plugin that was given as an object."""
    name = getattr(plugin, "__name__", None) or type(plugin).__name__
    numbers[name] = number = numbers.get(name, 0) + 1
    return name if number == 1 else f"{name}-{number}"


# ---------------------------------------------------------------- checking
def check_hooks(plugin: Any, info: PluginInfo) -> Iterator[str]:
    """Yield the hooks that a plugin implements.

    Raises:
      PluginHookError: for a mistake that pluggy would ignore, or report only much later.
    """
    found = False
    for name in dir(plugin):
        hook, wrong = _check_attribute(plugin, name)
        if wrong is not None:
            raise PluginHookError(info.name, info.origin, *wrong)
        if hook is not None:
            found = True
            yield hook
    if not found and not isinstance(plugin, ModuleType) and info.distribution == NO_DISTRIBUTION:
        remedy = "give open_engine() the names, modules or objects of plugins"
        raise PluginHookError(info.name, info.origin, f"{plugin!r} has no hooks", remedy)


def _check_attribute(plugin: Any, name: str) -> tuple[str | None, tuple[str, str] | None]:
    """Return the hook that an attribute implements, and its problem with the remedy."""
    # Statically, because reading a property might run any code.
    attribute = inspect.getattr_static(plugin, name, None)
    function = getattr(attribute, "__func__", attribute)  # of a static or class method
    options = getattr(function, f"{PROJECT}_impl", None) if inspect.isroutine(function) else None
    hook = (options or {}).get("specname") or name
    exists = hook.startswith(PREFIX) and hasattr(hookspecs, hook)
    if options is None:
        return None, _check_unmarked(name, function, exists=exists)
    if not exists:
        return None, _unknown_hook(hook)
    if options["wrapper"] or options["hookwrapper"]:
        return None, (f"{name} is a wrapper", "hooks are called one by one; remove the option")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        remedy = "make it a plain def; what it returns may have async methods"
        return None, (f"{name} is async, but hooks are called synchronously", remedy)
    return hook, None


def _check_unmarked(name: str, value: Any, *, exists: bool) -> tuple[str, str] | None:
    """Return what is wrong with an attribute that is not marked as a hook."""
    if not name.startswith(PREFIX):
        return None
    if not inspect.isroutine(value):  # such as an imported module trioflow_files
        remedy = "write a function that returns it, decorated with @hookimpl"
        return (f"{name} is not a function but {value!r}", remedy) if exists else None
    if exists:
        return f"{name} is not marked as a hook", "decorate it with @hookimpl"
    return _unknown_hook(name)


def _unknown_hook(name: str) -> tuple[str, str]:
    known = [hook for hook in vars(hookspecs) if hook.startswith(PREFIX)]
    # Compared by their last words, because the prefix alone makes any two names alike.
    words = {hook.rpartition("_")[2]: hook for hook in known}
    import difflib

    close = difflib.get_close_matches(name.rpartition("_")[2], words, n=1)
    remedy = f"did you mean {words[close[0]]!r}?" if close else f"the hooks are {', '.join(known)}"
    return f"there is no hook {name!r}", remedy
