"""The lines of a memory store, in which bodies wait for places of limits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import attrs
import trio

from trioflow.abc import PlaceRule, PlaceStore

if TYPE_CHECKING:
    from trioflow.stores._shelf import Shelf


@attrs.define
class Ticket:
    """A place in the line of a limit, or a place that a rate has given."""

    limit: str
    owner: str
    until: float
    given_at: float | None = None
    """When a rate gave its place."""
    counts_until: float = 0.0
    """Until when that counts for the rate, even if the ticket has left."""


@attrs.define
class Lines:
    """The lines of all limits."""

    tickets: dict[str, Ticket] = attrs.field(factory=dict)
    """In the order in which they joined."""

    def has_place(self, name: str, rule: PlaceRule, now: float) -> bool:
        """Return whether a ticket has a place, or gets one now."""
        self._tidy(now)
        ticket = self.tickets.get(name)
        if ticket is None or ticket.given_at is not None:
            return ticket is not None
        others = [each for each in self.tickets.values() if each.limit == ticket.limit]
        line = [each for each in others if each.given_at is None]
        ahead = next(rank for rank, each in enumerate(line) if each is ticket)
        if rule.per is None:
            return ahead < rule.places
        since = now - rule.per
        given = sum(each.given_at is not None and each.given_at > since for each in others)
        if ahead + given < rule.places:
            ticket.given_at, ticket.counts_until = now, now + rule.per
            return True
        return False

    def _tidy(self, now: float) -> None:
        for name, each in [*self.tickets.items()]:
            if max(each.until, each.counts_until) <= now:
                del self.tickets[name]

    def renew(self, owner: str, until: float) -> None:
        """Keep the tickets of an owner."""
        for each in self.tickets.values():
            if each.owner == owner:
                each.until = until

    def leave(self, owner: str, names: Collection[str] | None = None) -> None:
        """Remove tickets of an owner, or all of them."""
        for name in [*self.tickets] if names is None else names:
            each = self.tickets.get(name)
            if each is None or each.owner != owner:
                continue
            if each.given_at is None:
                del self.tickets[name]
            else:
                each.owner, each.until = "", 0.0


class MemoryPlaces(PlaceStore):
    """The part of a memory store that limits need."""

    _shelf: Shelf

    async def join_line(
        self, limit: str, ticket: str, owner: str, seconds: float, rule: PlaceRule
    ) -> bool:
        await trio.lowlevel.checkpoint()
        now = self._shelf.now()
        self._shelf.lines.tickets.setdefault(ticket, Ticket(limit, owner, now + seconds))
        return self._shelf.lines.has_place(ticket, rule, now)

    async def take_places(
        self, owner: str, tickets: Mapping[str, Collection[str]], rules: Mapping[str, PlaceRule]
    ) -> set[str]:
        await trio.lowlevel.checkpoint()
        now = self._shelf.now()
        return {
            ticket
            for limit, waiting in tickets.items()
            for ticket in waiting
            if self._shelf.lines.has_place(ticket, rules[limit], now)
        }

    async def leave_line(self, owner: str, tickets: Collection[str]) -> None:
        await trio.lowlevel.checkpoint()
        self._shelf.lines.leave(owner, tickets)
