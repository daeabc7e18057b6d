"""Plugins and their hooks: load and register them, call each hook, and name a faulty plugin.

This module handles hooks only; `trioflow._host.plugins` handles what they return. So the command
line can load the commands of plugins without importing what a workflow needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import attrs
import pluggy

from trioflow import hookspecs
from trioflow._host.discovery import PluginInfo, check_hooks, chosen_plugins
from trioflow.errors import DuplicateIdError, PluginError, PluginHookError
from trioflow.hookspecs import PROJECT

T = TypeVar("T")


class Hooks:
    """The hooks of the chosen plugins. An object, never a global."""

    def __init__(
        self,
        plugins: Iterable[Any] | None,
        blocked: Iterable[str] = (),
        *,
        built_in: Iterable[tuple[Any, PluginInfo]] = (),
        keep_broken: bool = False,
    ) -> None:
        """Load plugins, built-in ones first.

        Args and Raises: as for `trioflow._host.plugins.PluginHost`.
        """
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._infos: dict[str, PluginInfo] = {}
        self._keeps_broken = keep_broken
        self.broken: dict[str, tuple[PluginInfo, PluginError]] = {}
        """The broken plugins by name, each with its first error."""
        for plugin, info in built_in:
            self._register(plugin, info)
        for load, info in chosen_plugins(plugins, blocked):
            with self._reporting(info):
                self._register(load(), info)

    @property
    def plugins(self) -> tuple[PluginInfo, ...]:
        """The loaded plugins, in the order of loading."""
        return tuple(self._infos.values())

    def implements(self, hook: str) -> bool:
        """Return whether a plugin implements *hook*."""
        return bool(self._implementations(hook))

    def add_commands(self, app: Any) -> None:
        """Let plugins add commands to the command line."""
        self._notify("trioflow_commands", app=app)

    # ------------------------------------------------------------ registering
    def _register(self, plugin: Any, info: PluginInfo) -> None:
        if info.name in self._infos or self._manager.is_registered(plugin):
            raise DuplicateIdError(
                info.name, info.origin, "a plugin with this name is already loaded", "load only one"
            )
        hooks = tuple(check_hooks(plugin, info))
        try:
            self._manager.register(plugin, info.name)
        except Exception as exc:  # what pluggy finds: a wrong signature
            problem = " ".join(str(exc).split())
            remedy = "compare its hooks with trioflow.hookspecs"
            raise PluginHookError(info.name, info.origin, problem, remedy) from exc
        self._infos[info.name] = attrs.evolve(info, hooks=hooks)

    @contextmanager
    def _reporting(self, info: PluginInfo) -> Iterator[None]:
        """Keep the error of a plugin instead of raising it, if broken plugins are kept."""
        try:
            yield
        except PluginError as exc:
            if not self._keeps_broken:
                raise
            self.broken.setdefault(info.name, (info, exc))

    # ------------------------------------------------------------ calling
    def _collect(self, hook: str, cls: type[T]) -> Iterator[tuple[str, T]]:
        """Yield what all plugins return, with their names, in the order of loading."""
        for implementation in self._implementations(hook):
            name, given = implementation.plugin_name, []
            with self._reporting(self._infos[name]):
                # Listed inside the call, because a generator may also raise.
                given = self._call(hook, implementation, {}, _listed)
                for item in given:
                    if not isinstance(item, cls):
                        problem = f"{hook} returned {item!r}, which is not a {cls.__name__}"
                        remedy = f"return an iterable of {cls.__name__} objects"
                        raise self._broken(name, problem, remedy)
            yield from ((name, item) for item in given if isinstance(item, cls))

    def _first(self, hook: str, cls: type, **arguments: Any) -> Any:
        """Return the answer of the last loaded plugin that does not return None."""
        for implementation in reversed(self._implementations(hook)):
            found = self._call(hook, implementation, arguments)
            if isinstance(found, cls):
                return found
            if found is not None:
                problem = f"{hook} returned {found!r}, which is not a {cls.__name__}"
                remedy = f"return a {cls.__name__}, or None for what is not yours"
                raise self._broken(implementation.plugin_name, problem, remedy)
        return None

    def _notify(self, hook: str, **arguments: Any) -> None:
        """Call a hook that returns nothing."""
        for implementation in self._implementations(hook):
            name = implementation.plugin_name
            with self._reporting(self._infos[name]):
                returned = self._call(hook, implementation, arguments)
                if returned is not None:
                    problem = f"{hook} returned {returned!r}, which is not used"
                    remedy = "use the object that it is called with, and return None"
                    raise self._broken(name, problem, remedy)

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
        """Call one implementation, with the arguments that it takes."""
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


def _listed(given: Any) -> list[Any]:
    if isinstance(given, str):  # otherwise its characters would be taken as definitions
        raise TypeError(f"{given!r} is a string, not an iterable of definitions")
    return list(given)
