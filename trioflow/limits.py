"""Limits: bounds on how many bodies of steps and tools run at the same time."""

from __future__ import annotations

import attrs

from trioflow._help import PlainHelp
from trioflow._ids import MAX_ID
from trioflow._numbers import is_whole_number
from trioflow.errors import DefinitionError


@attrs.frozen
class Limit(metaclass=PlainHelp):
    """A named limit with its number of places: ``@step(limit=Limit("station", 5))``.

    All steps and tools with a limit of the same name share its places, across all runs of an
    engine. ``open_engine(limits={"station": 2})`` and ``trioflow run --limit station=2`` override
    the number given here. Without an engine, a limit is shared within one ``trio.run()``.

    Args:
      name: Name of the limit.
      places: How many bodies may run at the same time.

    Raises:
      DefinitionError: if the name is not a string, or the number is not an integer >= 1.
    """

    name: str
    places: int

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.name, str) or not 0 < len(self.name) <= MAX_ID:
            problem = f"{self.name!r} is not a valid name"
            raise DefinitionError("limit", problem, "use a string such as 'station'")
        check_places(self.name, self.places)


def check_places(name: str, places: object) -> None:
    """Check that *places* is a valid number of places for the limit *name*.

    Raises:
      DefinitionError: if not.
    """
    if not is_whole_number(places) or places < 1:
        problem = f"{places!r} is not a number of places"
        raise DefinitionError(f"limit {name!r}", problem, "give a whole number >= 1")
