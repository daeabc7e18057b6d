"""Places of limits that hold for all engines on one store: asked for, waited for, given back."""

from __future__ import annotations

import logging
import random
from itertools import count
from typing import TYPE_CHECKING

import attrs
import trio

from trioflow._engine.base.reporting import report
from trioflow.abc import PlaceRule
from trioflow.errors import StoreError

if TYPE_CHECKING:
    from trioflow.abc import Store
    from trioflow.limits import Limit

LOOK = 0.25
"""Seconds between two looks for places that other engines have given back."""
PAUSE = 1.0
"""Seconds between two tries to reach a store that is unavailable."""


@attrs.define(eq=False)
class _Waiter:
    limit: str
    has_place: trio.Event = attrs.field(factory=trio.Event)
    failure: StoreError | None = None


@attrs.define(eq=False)
class Leases:
    """The tickets of one engine in the lines of a store."""

    _store: Store | None = None
    _owner: str = ""
    _seconds: float = 0.0
    """Seconds that a ticket counts without renewal."""
    _rules: dict[str, PlaceRule] = attrs.field(factory=dict)
    _waiting: dict[str, _Waiter] = attrs.field(factory=dict)
    _left: list[str] = attrs.field(factory=list)
    """Tickets to give back."""
    _news: trio.Event = attrs.field(factory=trio.Event)
    """Set when there is something to give back, or when the first body waits."""
    _numbers: count[int] = attrs.field(factory=count)

    def open(self, store: Store, owner: str, seconds: float) -> None:
        """Connect to the store of the engine."""
        self._store, self._owner, self._seconds = store, owner, seconds

    def limiter(self, limit: Limit) -> StoreLimiter:
        """Return the limiter of a limit whose scope is the store."""
        self._rules[limit.name] = PlaceRule(limit.places, limit.per)
        return StoreLimiter(self, limit.name)

    async def acquire(self, limit: str) -> str:
        """Wait for a place, and return its ticket.

        Raises:
          StoreError: if the store fails, other than for a while.
        """
        ticket = f"{self._owner}#{next(self._numbers)}"
        try:
            if not await self._join(limit, ticket):
                waiter = self._waiting[ticket] = _Waiter(limit)
                self._news.set()
                await waiter.has_place.wait()
                if waiter.failure is not None:
                    raise waiter.failure
        except BaseException:
            self.give_back(ticket)
            raise
        return ticket

    def give_back(self, ticket: str) -> None:
        """Leave the line of a limit, soon."""
        self._waiting.pop(ticket, None)
        self._left.append(ticket)
        self._news.set()

    async def _join(self, limit: str, ticket: str) -> bool:
        assert self._store is not None  # bodies run while the engine is open
        while True:
            try:
                return await self._store.join_line(
                    limit, ticket, self._owner, self._seconds, self._rules[limit]
                )
            except StoreError as exc:
                if not exc.transient:
                    raise
                report("no place of limit %s: %s", limit, exc, level=logging.WARNING)
            await trio.sleep(PAUSE)

    async def attend_forever(self) -> None:
        """Give back places, and take those that others have given back. A task of the engine."""
        while True:
            pause = LOOK * random.uniform(0.8, 1.2) if self._waiting else float("inf")
            with trio.move_on_after(pause):
                await self._news.wait()
            self._news = trio.Event()
            try:
                await self._attend()
            except StoreError as exc:
                if not exc.transient:
                    self._fail(exc)
                report("places of limits could not be looked up: %s", exc, level=logging.WARNING)
                await trio.sleep(PAUSE)

    async def _attend(self) -> None:
        assert self._store is not None
        if self._left:
            left = tuple(self._left)
            await self._store.leave_line(self._owner, left)
            self._left = self._left[len(left) :]
        if not self._waiting:
            return
        tickets: dict[str, list[str]] = {}
        for ticket, waiter in self._waiting.items():
            tickets.setdefault(waiter.limit, []).append(ticket)
        rules = {limit: self._rules[limit] for limit in tickets}
        for ticket in await self._store.take_places(self._owner, tickets, rules):
            waiting = self._waiting.pop(ticket, None)
            if waiting is not None:  # it may have been canceled
                waiting.has_place.set()

    def _fail(self, failure: StoreError) -> None:
        """End all waits: the store will give no more places."""
        self._left.clear()
        for waiter in self._waiting.values():
            waiter.failure = failure
            waiter.has_place.set()
        self._waiting.clear()


@attrs.define(eq=False)
class StoreLimiter:
    """The limiter of one limit."""

    _leases: Leases
    _limit: str
    _held: dict[object, str] = attrs.field(factory=dict)
    """The tickets of those that have a place."""

    async def acquire_on_behalf_of(self, borrower: object) -> None:
        """Wait for a place in the store.

        Raises:
          StoreError: if the store fails, other than for a while.

        **Checkpoints**: always.
        """
        self._held[borrower] = await self._leases.acquire(self._limit)

    def release_on_behalf_of(self, borrower: object) -> None:
        """Give the place back, soon."""
        self._leases.give_back(self._held.pop(borrower))
