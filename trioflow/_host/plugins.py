"""The host: finds plugins, refuses broken ones by name, and collects what they provide."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import pluggy

from trioflow import hookspecs
from trioflow._host import builtins
from trioflow._host.discovery import (
    DISABLE_VARIABLE,
    NO_DISTRIBUTION,
    PREFIX,
    PluginInfo,
    check_hooks,
    chosen_plugins,
)
from trioflow.abc import Instrument, Runner, Store
from trioflow.errors import DuplicateIdError, PluginHookError
from trioflow.hookspecs import PROJECT
from trioflow.limits import Limit
from trioflow.runners._resources import OpenResource, check_opener
from trioflow.steps import Step
from trioflow.tools import Tool
from trioflow.workflow import Workflow

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["NO_DISTRIBUTION", "PluginHost", "PluginInfo"]

T = TypeVar("T")


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
          TypeError: if a text is given for a list of names.
        """
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._infos: dict[str, PluginInfo] = {}
        self._register(builtins, _built_in())
        for plugin, info in chosen_plugins(plugins, blocked):
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

    def implements(self, hook: str) -> bool:
        """Tell whether a plugin implements *hook*."""
        return bool(self._implementations(hook))

    def instruments(self) -> tuple[Instrument, ...]:
        """Return all instruments."""
        return tuple(item for _, item in self._collect("trioflow_instruments", Instrument))

    def limits(self) -> Iterator[tuple[Limit, str]]:
        """Yield all limits, each with the plugin that provides it."""
        for plugin, limit in self._collect("trioflow_limits", Limit):
            yield limit, plugin

    def resources(self) -> dict[str, OpenResource]:
        """Return what opens the resources of all plugins, by their names.

        Raises:
          DuplicateIdError: if two plugins provide a resource of one name.
        """
        found: dict[str, OpenResource] = {}
        owners: dict[str, str] = {}
        for implementation in self._implementations("trioflow_resources"):
            name = implementation.plugin_name
            for resource, opener in self._call("trioflow_resources", implementation, {}, _openers):
                if resource in owners:
                    problem = f"it provides resource {resource!r}, as {owners[resource]!r} does"
                    remedy = f"block one of the two plugins, or set {DISABLE_VARIABLE}={name}"
                    raise DuplicateIdError(name, self._infos[name].origin, problem, remedy)
                found[resource], owners[resource] = opener, name
        return found

    def store(self, url: str) -> Store | None:
        """Return the store for a URL, or None if no plugin has one."""
        store: Store | None = self._first("trioflow_store", Store, url=url)
        return store

    def runner(self, name: str) -> Runner | None:
        """Return the runner of that name, or None if no plugin has it."""
        runner: Runner | None = self._first("trioflow_runner", Runner, name=name)
        return runner

    def schema(self, type_: Any) -> Mapping[str, Any] | None:
        """Return the JSON Schema that a plugin has for a type, or None if no plugin knows it."""
        schema: Mapping[str, Any] | None = self._first("trioflow_schema", Mapping, type_=type_)
        return schema

    def upgrade(
        self, type_name: str, data: Mapping[str, Any], recorded_version: int
    ) -> Mapping[str, Any] | None:
        """Return a recorded value in today's shape, or None if no plugin says anything of it."""
        arguments = {"type_name": type_name, "data": data, "recorded_version": recorded_version}
        found: Mapping[str, Any] | None = self._first("trioflow_upgrade", Mapping, **arguments)
        return found

    def extend_converter(self, converter: Converter) -> None:
        """Let plugins register their hooks for own types."""
        self._tell("trioflow_converter", converter=converter)

    def add_commands(self, app: Any) -> None:
        """Let plugins add commands to the command line."""
        self._tell("trioflow_commands", app=app)

    # ------------------------------------------------------------ registering
    def _register(self, plugin: Any, info: PluginInfo) -> None:
        if info.name in self._infos or self._manager.is_registered(plugin):
            raise DuplicateIdError(
                info.name, info.origin, "a plugin of this name is loaded already", "load only one"
            )
        hooks = tuple(check_hooks(plugin, info))
        try:
            self._manager.register(plugin, info.name)
        except Exception as exc:  # what pluggy finds: a wrong signature
            problem = " ".join(str(exc).split())
            remedy = "compare its hooks with trioflow.hookspecs"
            raise PluginHookError(info.name, info.origin, problem, remedy) from exc
        self._infos[info.name] = attrs.evolve(info, hooks=hooks)

    def _definitions(self, kind: str, cls: type[T]) -> dict[str, T]:
        found: dict[str, T] = {}
        for name, item in self._collect(f"{PREFIX}{kind}", cls):
            id = item.id  # type: ignore[attr-defined]
            if id in self.providers:
                raise self._duplicate(name, id)
            found[id] = item
            self.providers[id] = name
            info = self._infos[name]
            ids: tuple[str, ...] = (*getattr(info, kind), id)
            self._infos[name] = attrs.evolve(info, **{kind: ids})  # type: ignore[arg-type]
        return found

    def _duplicate(self, name: str, id: str) -> DuplicateIdError:
        first, second = self._infos[self.providers[id]], self._infos[name]
        problem, remedy = f"it provides {id!r} twice", "give one of the two another id"
        if first is not second:
            problem = f"it provides {id!r}, which plugin {first.name!r} ({first.origin}) provides"
            remedy = f"block one of the two plugins, or set {DISABLE_VARIABLE}={name}"
        return DuplicateIdError(name, second.origin, problem, remedy)

    # ------------------------------------------------------------ calling
    def _collect(self, hook: str, cls: type[T]) -> Iterator[tuple[str, T]]:
        """Yield what all plugins give, with the name of the plugin, first loaded first."""
        remedy = f"return an iterable of {cls.__name__} objects"
        for implementation in self._implementations(hook):
            name = implementation.plugin_name
            # Listed inside of the call, because a generator may raise as well.
            for item in self._call(hook, implementation, {}, _listed):
                if not isinstance(item, cls):
                    problem = f"{hook} gave {item!r}, which is not a {cls.__name__}"
                    raise self._broken(name, problem, remedy)
                yield name, item

    def _first(self, hook: str, cls: type, **arguments: Any) -> Any:
        """Return what the plugin gives that was loaded last of those that give something."""
        for implementation in reversed(self._implementations(hook)):
            found = self._call(hook, implementation, arguments)
            if isinstance(found, cls):
                return found
            if found is not None:
                problem = f"{hook} returned {found!r}, which is not a {cls.__name__}"
                remedy = f"return a {cls.__name__}, or None for what is not yours"
                raise self._broken(implementation.plugin_name, problem, remedy)
        return None

    def _tell(self, hook: str, **arguments: Any) -> None:
        """Call a hook that returns nothing."""
        for implementation in self._implementations(hook):
            returned = self._call(hook, implementation, arguments)
            if returned is not None:
                problem = f"{hook} returned {returned!r}, which nobody looks at"
                remedy = "use the object that it is called with, and return None"
                raise self._broken(implementation.plugin_name, problem, remedy)

    def _implementations(self, hook: str) -> list[pluggy.HookImpl]:
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        return caller.get_hookimpls()

    def _call(
        self,
        hook: str,
        implementation: pluggy.HookImpl,
        arguments: Mapping[str, Any],
        finish: Callable[[Any], Any] = lambda result: result,
    ) -> Any:
        """Call one implementation, with those arguments that it takes."""
        try:
            return finish(
                implementation.function(*(arguments[name] for name in implementation.argnames))
            )
        except Exception as exc:
            problem = f"{hook} raised {type(exc).__name__}: {exc}"
            raise self._broken(
                implementation.plugin_name, problem, "see the exception above"
            ) from exc

    def _broken(self, name: str, problem: str, remedy: str) -> PluginHookError:
        return PluginHookError(name, self._infos[name].origin, problem, remedy)


@functools.cache  # read from a file, for every engine otherwise
def _built_in() -> PluginInfo:
    return PluginInfo("builtin", PROJECT, version(PROJECT))


def _listed(given: Any) -> list[Any]:
    if isinstance(given, str):  # else its characters would be taken for what it gives
        raise TypeError(f"{given!r} is a text, not an iterable of definitions")
    return list(given)


def _openers(given: Any) -> list[tuple[str, OpenResource]]:
    if not isinstance(given, Mapping):
        raise TypeError(f"{given!r} is not a mapping of names to functions")
    for name, opener in given.items():
        check_opener(name, opener)
    return list(given.items())
