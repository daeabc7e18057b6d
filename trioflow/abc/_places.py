"""The part of the contract of stores that limits need which hold for all engines on a store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping

import attrs


@attrs.frozen
class PlaceRule:
    """How many places a limit has."""

    places: int
    per: float | None = None
    """Seconds, if the limit is a rate: so many places are given away in any such time."""


class PlaceStore(ABC):
    """What a store does for limits: it keeps a line for each, and gives places in its order.

    Whoever wants a place joins the line with a ticket. Of the tickets in a line, as many as there
    are places have one, those that joined first. With a rate, a place is given to the first tickets
    in the line while fewer than ``places`` were given in the last ``per`` seconds, and these leave
    the line. Tickets count only while the claims of their owner do: see `Store.open_owner`,
    `Store.renew`.
    """

    @abstractmethod
    async def join_line(
        self, limit: str, ticket: str, owner: str, seconds: float, rule: PlaceRule
    ) -> bool:
        """Put a ticket at the end of the line of a limit; return whether it has a place.

        A ticket that has joined is left where it is, so this can be retried. Atomic across
        processes. A ticket that waits or has a place counts for *seconds*, until it is renewed.
        """

    @abstractmethod
    async def take_places(
        self, owner: str, tickets: Mapping[str, Collection[str]], rules: Mapping[str, PlaceRule]
    ) -> set[str]:
        """Return those tickets of *owner* that have a place, or get one now.

        Args:
          tickets: Tickets that wait, by limit.
          rules: The rules of these limits.
        """

    @abstractmethod
    async def leave_line(self, owner: str, tickets: Collection[str]) -> None:
        """Give up places, or leave the line. Places that a rate has given remain given."""
