"""The limits of an engine: those that are passed to it, and those that define their own number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs
import trio

from trioflow._engine.base.plan import FindLimiter, Limiter
from trioflow._engine.running.leases import Leases
from trioflow._engine.running.rates import Rate
from trioflow.errors import DefinitionError, UnknownNameError
from trioflow.limits import Limit
from trioflow.nodes import Target, targets_of
from trioflow.steps import Step
from trioflow.tools import Tool

_OF_RUN: trio.lowlevel.RunVar[dict[Limit, Limiter]] = trio.lowlevel.RunVar("limits")
"""The limiters of limits that no engine has, for one ``trio.run()``."""


@attrs.define(eq=False)
class Limits:
    """Limits by name."""

    given: Mapping[str, trio.CapacityLimiter | Limit | int] = attrs.field(factory=dict)
    """The limits that the engine was opened with. They override all defaults; a number only
    overrides the number of places."""
    is_shared: bool = False
    """Whether they belong to an engine. If not, each workflow has its own, in one event loop."""
    leases: Leases | None = None
    """Gives the places of limits whose scope is the store; None without a store."""
    _defaults: dict[str, tuple[Limit, str]] = attrs.field(factory=dict)
    """By name, with what defined each."""
    _others: dict[str, tuple[Limit, str]] = attrs.field(factory=dict)
    """Limits of the same names with other numbers."""
    _limiters: dict[str, Limiter] = attrs.field(factory=dict)

    @property
    def limiters(self) -> Mapping[str, trio.CapacityLimiter]:
        """The limiters of this process in this event loop, by the names of their limits."""
        own = {limit.name: limiter for limit, limiter in _limiters_of_this_run().items()}
        known = {**own, **self.given, **self._limiters}
        return {name: at for name, at in known.items() if isinstance(at, trio.CapacityLimiter)}

    def for_workflow(self) -> Limits:
        """Return the limits that one workflow knows."""
        return self if self.is_shared else Limits(self.given, leases=self.leases)

    def offer(self, limit: Limit, where: str) -> None:
        """Record a limit that has its own number; it may be used or not."""
        known, _ = self._defaults.setdefault(limit.name, (limit, where))
        if known != limit:
            self._others.setdefault(limit.name, (limit, where))

    def learn(self, limit: Limit, where: str) -> None:
        """Record a limit that has its own number and is used.

        Raises:
          DefinitionError: if another limit with the same name has a different number.
        """
        self.offer(limit, where)
        self._check(limit.name)

    def _check(self, name: str) -> None:
        if name in self.given or name not in self._others:
            return
        (first, place), (second, where) = self._defaults[name], self._others[name]
        plain = attrs.evolve(first, places=second.places) == second
        there = str(first.places) if plain else _shown(first)
        problem = f"limit {name!r} has {_shown(second)} here, and {there} in {place}"
        remedy = "use the same Limit in both, or set it with open_engine(limits={...})"
        raise DefinitionError(where, problem, remedy)

    def find(self, name: str, where: str) -> FindLimiter:
        """Return a function that gives the limiter for a name.

        Raises:
          UnknownNameError: if nothing defines how many places it has.
          DefinitionError: if several definitions differ, or the limit needs a store and there is
            none.
        """
        self._check(name)
        limit = self._limit(name, where)
        if not isinstance(limit, Limit):
            return lambda: limit
        if limit.scope == "store" and self.leases is None:
            problem = f"limit {name!r} holds for all engines on one store, and there is no store"
            raise DefinitionError(where, problem, "run it in an engine that is opened with store=")
        if not self.is_shared:
            return lambda: _of_this_run(limit)
        if name not in self._limiters:
            self._limiters[name] = _limiter(limit, self.leases)
        limiter = self._limiters[name]
        return lambda: limiter

    def _limit(self, name: str, where: str) -> Limit | trio.CapacityLimiter:
        given = self.given.get(name)
        if given is None and name not in self._defaults:
            raise UnknownNameError("limit", name, where, (*self.given, *self._defaults))
        if isinstance(given, Limit | trio.CapacityLimiter):
            return given
        default = self._defaults[name][0] if name in self._defaults else None
        if given is None:
            assert default is not None  # or it is unknown
            return default
        return Limit(name, given) if default is None else attrs.evolve(default, places=given)


def _shown(limit: Limit) -> str:
    """Return what a limit is, apart from its name."""
    text = f"{limit.places} places"
    text += "" if limit.per is None else f" per {limit.per:g} s"
    return text if limit.scope == "engine" else f"{text} in the whole store"


def _limiter(limit: Limit, leases: Leases | None = None) -> Limiter:
    if leases is not None and limit.scope == "store":
        return leases.limiter(limit)
    if limit.per is not None:
        return Rate(limit.places, limit.per)
    return trio.CapacityLimiter(limit.places)


def _of_this_run(limit: Limit) -> Limiter:
    limiters = _limiters_of_this_run()
    if limit not in limiters:
        limiters[limit] = _limiter(limit)
    return limiters[limit]


def _limiters_of_this_run() -> dict[Limit, Limiter]:
    if not trio.lowlevel.in_trio_run():  # another thread reads them
        return {}
    try:
        return _OF_RUN.get()
    except LookupError:
        limiters: dict[Limit, Limiter] = {}
        _OF_RUN.set(limiters)
        return limiters


def limits_of(target: Target) -> Iterator[tuple[Limit, str]]:
    """Yield the limits with their own number in a workflow, and the name of each.

    Definitions named by id are left out: the engine knows their limits already.
    """
    if isinstance(target, str):
        return
    if isinstance(target, Step | Tool):
        if isinstance(target.limit, Limit):
            kind = "step" if isinstance(target, Step) else "tool"
            yield target.limit, f"{kind} {target.id!r}"
        return
    for node in target.nodes:
        for inner in targets_of(node):
            yield from limits_of(inner)
