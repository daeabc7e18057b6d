"""The part of the store that limits need which hold for all engines on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from trioflow.abc import PlaceRule, PlaceStore
from trioflow_sql import places
from trioflow_sql.access import Access
from trioflow_sql.database import Database


class SqlPlaces(PlaceStore):
    """Keeps the lines of limits."""

    _database: Database
    _access: Access

    async def join_line(
        self, limit: str, ticket: str, owner: str, seconds: float, rule: PlaceRule
    ) -> bool:
        join = partial(places.join_line, self._database, limit, ticket, owner, seconds, rule)
        return await self._access.write(join)

    async def take_places(
        self, owner: str, tickets: Mapping[str, Collection[str]], rules: Mapping[str, PlaceRule]
    ) -> set[str]:
        take = partial(places.take_places, self._database, owner, tickets, rules)
        return await self._access.write(take)

    async def leave_line(self, owner: str, tickets: Collection[str]) -> None:
        await self._access.write(partial(places.leave_line, owner, tickets))
