"""Limits: bounds on how many bodies of steps and tools run at once, or begin in a time."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from trioflow._durations import Duration, finite_seconds
from trioflow._help import PlainHelp
from trioflow._ids import MAX_ID
from trioflow._numbers import is_whole_number
from trioflow.errors import DefinitionError

LimitScope: TypeAlias = Literal["engine", "store"]
"""Where a limit holds: in one engine, or in all engines on one store."""


def _seconds(per: Duration | None) -> Duration | None:
    seconds = finite_seconds(per, above_zero=True)
    return per if seconds is None else float(seconds)


@attrs.frozen
class Limit(metaclass=PlainHelp):
    """A named limit with its number of places: ``@step(limit=Limit("station", 5))``.

    All steps and tools with a limit of the same name share its places, across all runs of an
    engine. ``open_engine(limits={"station": 2})`` and ``trioflow run --limit station=2`` override
    the number given here. Without an engine, a limit is shared within one ``trio.run()``.

    With *per* it is a rate: ``Limit("llm", 60, per=60.0)`` lets at most 60 bodies begin in any 60
    seconds, however long they run.

    With ``scope="store"`` it holds for all engines on one store, in all processes. Bodies get their
    places in the order in which they asked for them. Places of a process that dies are free as soon
    as its claims are. An engine asks the store several times per second while bodies wait.

    Args:
      name: Name of the limit.
      places: How many bodies may run at the same time, or begin within *per*.
      per: Seconds, or a timedelta, if this is a rate.
      scope: Where it holds: ``"engine"`` or ``"store"``.

    Raises:
      DefinitionError: if the name is not a string, the number is not an integer >= 1, or *per* or
        *scope* is invalid.
    """

    name: str
    places: int
    per: float | None = attrs.field(default=None, kw_only=True, converter=_seconds)
    scope: LimitScope = attrs.field(default="engine", kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.name, str) or not 0 < len(self.name) <= MAX_ID:
            problem = f"{self.name!r} is not a valid name"
            raise DefinitionError("limit", problem, "use a string such as 'station'")
        check_places(self.name, self.places)
        if self.per is not None and finite_seconds(self.per, above_zero=True) is None:
            problem = f"per={self.per!r} is not a duration"
            raise DefinitionError(f"limit {self.name!r}", problem, "give seconds > 0")
        if self.scope not in ("engine", "store"):
            problem = f"scope={self.scope!r} is unknown"
            raise DefinitionError(f"limit {self.name!r}", problem, 'use "engine" or "store"')


def check_places(name: str, places: object) -> None:
    """Check that *places* is a valid number of places for the limit *name*.

    Raises:
      DefinitionError: if not.
    """
    if not is_whole_number(places) or places < 1:
        problem = f"{places!r} is not a number of places"
        raise DefinitionError(f"limit {name!r}", problem, "give a whole number >= 1")
