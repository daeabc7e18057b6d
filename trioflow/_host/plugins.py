"""The plugin host of an engine: what its plugins provide, by id."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from trioflow._host import builtins
from trioflow._host.discovery import DISABLE_VARIABLE, NO_DISTRIBUTION, PREFIX, PluginInfo
from trioflow._host.hooks import Hooks
from trioflow._version import __version__
from trioflow.abc import Authenticator, Instrument, Runner, Store
from trioflow.errors import DuplicateIdError
from trioflow.hookspecs import PROJECT
from trioflow.limits import Limit
from trioflow.runners._resources import OpenResource, check_opener
from trioflow.steps import Step
from trioflow.tools import Tool
from trioflow.workflow import Workflow

if TYPE_CHECKING:
    from cattrs import Converter

    from trioflow.record import RunRecord
    from trioflow.schedules import Schedule

__all__ = ["NO_DISTRIBUTION", "PluginHost", "PluginInfo"]

T = TypeVar("T")


class PluginHost(Hooks):
    """The plugins of one engine, and what they provide."""

    def __init__(
        self,
        plugins: Iterable[Any] | None = None,
        blocked: Iterable[str] = (),
        *,
        keep_broken: bool = False,
    ) -> None:
        """Load plugins.

        Args:
          plugins: Which ones: names of installed entry points, and modules or objects with
            hooks. None means all that are installed.
          blocked: Names of installed plugins not to load, in addition to those in the
            environment variable ``TRIOFLOW_DISABLE``.
          keep_broken: Whether a broken plugin is put into `broken` instead of raising; for
            listings, and for commands that do not need the plugin.

        Raises:
          PluginError: if a plugin is unknown or broken; the message says which and why.
          TypeError: if *plugins* or *blocked* is a string.
        """
        built_in = ((builtins, PluginInfo("builtin", PROJECT, __version__)),)
        super().__init__(plugins, blocked, built_in=built_in, keep_broken=keep_broken)
        self.providers: dict[str, str] = {}
        """The name of the plugin that provides each id."""
        self.steps: Mapping[str, Step[Any, Any]] = self._definitions("steps", Step)
        self.tools: Mapping[str, Tool[..., Any]] = self._definitions("tools", Tool)
        self.workflows: Mapping[str, Workflow[Any, Any]] = self._definitions("workflows", Workflow)

    def instruments(self) -> tuple[Instrument, ...]:
        """Return all instruments."""
        return tuple(item for _, item in self._collect("trioflow_instruments", Instrument))

    def limits(self) -> Iterator[tuple[Limit, str]]:
        """Yield all limits, each with the plugin that provides it."""
        for plugin, limit in self._collect("trioflow_limits", Limit):
            yield limit, plugin

    def resources(self) -> dict[str, OpenResource]:
        """Return the functions that open the resources of all plugins, by name.

        Raises:
          DuplicateIdError: if two plugins provide a resource with the same name.
        """
        found: dict[str, OpenResource] = {}
        owners: dict[str, str] = {}
        hook = "trioflow_resources"
        for implementation in self._implementations(hook):
            name = implementation.plugin_name
            with self._reporting(self._infos[name]):
                for resource, opener in self._call(hook, implementation, {}, _openers):
                    if resource in owners:
                        problem = f"plugin {owners[resource]!r} also provides resource {resource!r}"
                        remedy = f"block one of the two plugins, or set {DISABLE_VARIABLE}={name}"
                        raise DuplicateIdError(name, self._infos[name].origin, problem, remedy)
                    found[resource], owners[resource] = opener, name
        return found

    def schedules(self) -> dict[str, tuple[str, Schedule]]:
        """Return the schedules of all plugins by id, each with the plugin that provides it.

        Raises:
          DuplicateIdError: if two have the same id.
        """
        found: dict[str, tuple[str, Schedule]] = {}
        if not self.implements("trioflow_schedules"):
            return found
        from trioflow.schedules import Schedule  # few engines need it

        for name, schedule in self._collect("trioflow_schedules", Schedule):
            if schedule.id in found:
                problem = f"plugin {found[schedule.id][0]!r} also provides schedule {schedule.id!r}"
                remedy = f"block one of the two plugins, or set {DISABLE_VARIABLE}={name}"
                raise DuplicateIdError(name, self._infos[name].origin, problem, remedy)
            found[schedule.id] = name, schedule
        return found

    def store_schemes(self) -> tuple[str, ...]:
        """Return the URL schemes of all known stores."""
        return tuple(scheme for _, scheme in self._collect("trioflow_store_schemes", str))

    def store(self, url: str) -> Store | None:
        """Return the store for a URL, or None if no plugin has one."""
        store: Store | None = self._first("trioflow_store", Store, url=url)
        return store

    def runner(self, name: str) -> Runner | None:
        """Return the runner with this name, or None if no plugin has it."""
        runner: Runner | None = self._first("trioflow_runner", Runner, name=name)
        return runner

    def authenticator(self) -> Authenticator | None:
        """Return the authenticator of HTTP servers, or None if no plugin has one."""
        found: Authenticator | None = self._first("trioflow_authenticator", Authenticator)
        return found

    def schema(self, type_: Any) -> Mapping[str, Any] | None:
        """Return the JSON Schema that a plugin has for a type.

        Returns:
          A schema that allows everything if a plugin reads the type without describing it. None
          if no plugin knows the type.
        """
        schema: Mapping[str, Any] | None = self._first("trioflow_schema", Mapping, type_=type_)
        if schema is None and self.implements("trioflow_converter") and self._reads(type_):
            return {}
        return schema

    def usage(self, record: RunRecord) -> Mapping[str, Any] | None:
        """Return what language models have used in a run, or None if no plugin counts it."""
        usage: Mapping[str, Any] | None = self._first("trioflow_usage", Mapping, record=record)
        return usage

    def _reads(self, type_: Any) -> bool:
        """Return whether a plugin has a converter hook for a class that trioflow has none for."""
        plain, extended = self._converters
        if not isinstance(type_, type):
            return False
        try:
            known, hook = plain.get_structure_hook(type_), extended.get_structure_hook(type_)
        except Exception:  # of a hook factory
            return True
        is_ours = getattr(known, "is_for_instances", getattr(known, "is_of_scalar", False))
        return bool(is_ours and hook is not known and not getattr(hook, "is_for_instances", False))

    @functools.cached_property
    def _converters(self) -> tuple[Converter, Converter]:
        """A converter without plugins, and one with them."""
        from trioflow.wire._converter import make_wire_converter  # it needs cattrs

        plain, extended = make_wire_converter(), make_wire_converter()
        self.extend_converter(extended)
        return plain, extended

    def upgrade(
        self, type_name: str, data: Mapping[str, Any], recorded_version: int
    ) -> Mapping[str, Any] | None:
        """Return a recorded value in its current shape, or None if no plugin upgrades it."""
        arguments = {"type_name": type_name, "data": data, "recorded_version": recorded_version}
        found: Mapping[str, Any] | None = self._first("trioflow_upgrade", Mapping, **arguments)
        return found

    def extend_converter(self, converter: Converter) -> None:
        """Let plugins register converter hooks for their own types."""
        self._notify("trioflow_converter", converter=converter)

    # ------------------------------------------------------------ definitions
    def _definitions(self, kind: str, cls: type[T]) -> dict[str, T]:
        found: dict[str, T] = {}
        for name, item in self._collect(f"{PREFIX}{kind}", cls):
            id = item.id  # type: ignore[attr-defined]
            info = self._infos[name]
            with self._reporting(info):
                if id in self.providers:
                    raise self._duplicate(name, id)
                found[id] = item
                self.providers[id] = name
                ids: tuple[str, ...] = (*getattr(info, kind), id)
                self._infos[name] = attrs.evolve(info, **{kind: ids})  # type: ignore[arg-type]
        return found

    def _duplicate(self, name: str, id: str) -> DuplicateIdError:
        first, second = self._infos[self.providers[id]], self._infos[name]
        problem, remedy = f"it provides {id!r} twice", "rename one of the two"
        if first is not second:
            problem = f"plugin {first.name!r} ({first.origin}) also provides {id!r}"
            remedy = f"block one of the two plugins, or set {DISABLE_VARIABLE}={name}"
        return DuplicateIdError(name, second.origin, problem, remedy)


def _openers(given: Any) -> list[tuple[str, OpenResource]]:
    if not isinstance(given, Mapping):
        raise TypeError(f"{given!r} is not a mapping of names to functions")
    for name, opener in given.items():
        check_opener(name, opener)
    return list(given.items())
