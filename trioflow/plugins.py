"""The host: finds plugins, refuses broken ones by name, and collects what they provide."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import EntryPoint, entry_points, version
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import pluggy

from trioflow import builtins, hookspecs
from trioflow.abc import Instrument, Runner, Store
from trioflow.errors import (
    DuplicateIdError,
    PluginHookError,
    PluginImportError,
    UnknownPluginError,
    suggest,
)
from trioflow.hookspecs import PROJECT
from trioflow.steps import Step
from trioflow.tools import Tool
from trioflow.workflow import Workflow

if TYPE_CHECKING:
    from cattrs import Converter

T = TypeVar("T")

PREFIX = f"{PROJECT}_"
DISABLE_VARIABLE = "TRIOFLOW_DISABLE"
"""Environment variable with the names of plugins not to load, separated by commas."""
NO_DISTRIBUTION = "not from a distribution"


@attrs.frozen
class PluginInfo:
    """A plugin that is loaded, and what it provides."""

    name: str
    distribution: str
    """Name of the distribution, or ``"not from a distribution"``."""
    version: str
    """Version of the distribution, or ``""``."""
    hooks: tuple[str, ...]
    """The hooks it implements."""
    steps: tuple[str, ...] = ()
    """Ids of the steps it provides; likewise below."""
    tools: tuple[str, ...] = ()
    workflows: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """Distribution and version, as errors name them."""
        return f"{self.distribution} {self.version}".strip()


class PluginHost:
    """The plugins of one engine. An object, never a global."""

    def __init__(self, plugins: Iterable[Any] | None = None, blocked: Iterable[str] = ()) -> None:
        """Load plugins.

        Args:
          plugins: Which ones: names of installed entry points, and modules or objects with
            hooks. None means all that are installed.
          blocked: Names of installed plugins not to load, beside those that the
            environment variable ``TRIOFLOW_DISABLE`` lists.

        Raises:
          PluginError: for a plugin that is unknown or broken, and it says how.
        """
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._infos: dict[str, PluginInfo] = {}
        self._register(builtins, PluginInfo("builtin", PROJECT, version(PROJECT), ()))
        for plugin, info in _chosen(plugins, blocked):
            self._register(plugin, info)
        self.providers: dict[str, str] = {}
        """Which plugin provides the definition of an id."""
        self.steps: Mapping[str, Step[Any, Any]] = self._definitions("steps", Step)
        self.tools: Mapping[str, Tool[..., Any]] = self._definitions("tools", Tool)
        self.workflows: Mapping[str, Workflow[Any, Any]] = self._definitions("workflows", Workflow)

    @property
    def plugins(self) -> tuple[PluginInfo, ...]:
        """The plugins that are loaded, in the order of loading."""
        return tuple(self._infos.values())

    def instruments(self) -> tuple[Instrument, ...]:
        """Return all instruments."""
        return tuple(item for _, item in self._collect("trioflow_instruments", Instrument))

    def store(self, url: str) -> Store | None:
        """Return the store for a URL, or None if no plugin has one."""
        store: Store | None = self._manager.hook.trioflow_store(url=url)
        return store

    def runner(self, name: str) -> Runner | None:
        """Return the runner of that name, or None if no plugin has it."""
        runner: Runner | None = self._manager.hook.trioflow_runner(name=name)
        return runner

    def extend_converter(self, converter: Converter) -> None:
        """Let plugins register their hooks for own types."""
        for name, function in self._implementations("trioflow_converter"):
            self._call(name, "trioflow_converter", partial(function, converter))

    def add_commands(self, app: Any) -> None:
        """Let plugins add commands to the command line."""
        for name, function in self._implementations("trioflow_commands"):
            self._call(name, "trioflow_commands", partial(function, app))

    # ------------------------------------------------------------ registering
    def _register(self, plugin: Any, info: PluginInfo) -> None:
        if info.name in self._infos:
            raise DuplicateIdError(
                info.name, info.origin, "another plugin has this name", "block one of the two"
            )
        hooks = tuple(_check_hooks(plugin, info))
        try:
            self._manager.register(plugin, info.name)
        except (pluggy.PluginValidationError, ValueError) as exc:
            raise PluginHookError(
                info.name, info.origin, str(exc), "compare its parameters with trioflow.hookspecs"
            ) from exc
        self._infos[info.name] = attrs.evolve(info, hooks=hooks)

    # ------------------------------------------------------------ collecting
    def _definitions(self, kind: str, cls: type[T]) -> dict[str, T]:
        found: dict[str, T] = {}
        for name, item in self._collect(f"{PREFIX}{kind}", cls):
            id = item.id  # type: ignore[attr-defined]
            info = self._infos[name]
            if id in self.providers:
                raise DuplicateIdError(
                    name,
                    info.origin,
                    f"it provides {id!r}, which plugin {self.providers[id]!r} provides already",
                    "block one of the two plugins, or give one definition another id",
                )
            found[id] = item
            self.providers[id] = name
            ids: tuple[str, ...] = (*getattr(info, kind), id)
            self._infos[name] = attrs.evolve(info, **{kind: ids})  # type: ignore[arg-type]
        return found

    def _collect(self, hook: str, cls: type[T]) -> Iterator[tuple[str, T]]:
        for name, function in self._implementations(hook):
            # Listed inside of the call, because a generator may raise as well.
            for item in self._call(name, hook, partial(_listed, function)):
                if not isinstance(item, cls):
                    raise self._broken(
                        name,
                        f"{hook} gave {item!r}, which is not a {cls.__name__}",
                        f"return an iterable of {cls.__name__} objects",
                    )
                yield name, item

    def _implementations(self, hook: str) -> list[tuple[str, Callable[..., Any]]]:
        implementations = getattr(self._manager.hook, hook).get_hookimpls()
        return [(impl.plugin_name, impl.function) for impl in implementations]

    def _call(self, name: str, hook: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except Exception as exc:
            problem = f"{hook} raised {type(exc).__name__}: {exc}"
            raise self._broken(name, problem, "see the exception above") from exc

    def _broken(self, name: str, problem: str, remedy: str) -> PluginHookError:
        return PluginHookError(name, self._infos[name].origin, problem, remedy)


def _listed(function: Callable[[], Iterable[T]]) -> list[T]:
    return list(function())


# ---------------------------------------------------------------- finding
def _chosen(
    plugins: Iterable[Any] | None, blocked: Iterable[str]
) -> Iterator[tuple[Any, PluginInfo]]:
    installed = {point.name: point for point in _installed()}
    disabled = {name.strip() for name in os.environ.get(DISABLE_VARIABLE, "").split(",")}
    blocked = list(blocked)
    wanted: Sequence[Any] = list(installed) if plugins is None else list(plugins)
    for name in [*blocked, *(plugin for plugin in wanted if isinstance(plugin, str))]:
        if name not in installed:
            raise UnknownPluginError(
                name,
                NO_DISTRIBUTION,
                "no plugin of this name is installed",
                suggest(name, installed, f"installed: {', '.join(installed) or 'none'}"),
            )
    for plugin in wanted:
        if not isinstance(plugin, str):
            yield plugin, PluginInfo(_object_name(plugin), NO_DISTRIBUTION, "", ())
        elif plugin not in disabled and plugin not in blocked:
            yield _load(installed[plugin]), _info(installed[plugin])


def _installed() -> list[EntryPoint]:
    points = sorted(entry_points(group=PROJECT), key=lambda point: point.name)
    for first, second in zip(points, points[1:], strict=False):
        if first.name == second.name:
            raise DuplicateIdError(
                second.name,
                _info(second).origin,
                f"its entry point has the same name as that of {_info(first).origin}",
                "uninstall one of the two",
            )
    return points


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as exc:
        raise PluginImportError(
            point.name,
            _info(point).origin,
            f"{point.value} cannot be imported: {type(exc).__name__}: {exc}",
            f"repair or uninstall it, or set {DISABLE_VARIABLE}={point.name}",
        ) from exc


def _info(point: EntryPoint) -> PluginInfo:
    if point.dist is None:
        return PluginInfo(point.name, NO_DISTRIBUTION, "", ())
    return PluginInfo(point.name, point.dist.name, point.dist.version, ())


def _object_name(plugin: Any) -> str:
    return getattr(plugin, "__name__", None) or type(plugin).__name__


# ---------------------------------------------------------------- checking
def _check_hooks(plugin: Any, info: PluginInfo) -> Iterator[str]:
    """Yield the hooks that a plugin implements.

    pluggy would stay silent about all that is refused here.
    """
    for name in dir(plugin):
        function = getattr(plugin, name, None)
        if not name.startswith(PREFIX) or not inspect.isroutine(function):
            continue
        if not hasattr(hookspecs, name):
            known = [hook for hook in vars(hookspecs) if hook.startswith(PREFIX)]
            problem = f"there is no hook {name!r}"
            remedy = suggest(name, known, f"the hooks are {', '.join(known)}")
        elif not hasattr(function, f"{PROJECT}_impl"):
            problem, remedy = f"{name} is not marked as a hook", "decorate it with @hookimpl"
        elif inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            problem = f"{name} is async, but hooks are called synchronously"
            remedy = "make it a plain def; what it returns may have async methods"
        else:
            yield name
            continue
        raise PluginHookError(info.name, info.origin, problem, remedy)
