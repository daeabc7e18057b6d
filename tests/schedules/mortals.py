"""Engines that die at one of their uses of the store, as if their process had been killed."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import trio

from trioflow import _calendar
from trioflow.abc import Append
from trioflow.errors import StoreError
from trioflow.stores import MemoryStore

USES = {
    *("append", "read", "get", "list_runs", "count_runs", "list_claimable", "delete"),
    *("claim", "renew", "release", "post_request", "take_requests", "now", "wake"),
    *("put_schedules", "get_schedule", "list_schedules", "advance", "list_ticks", "prune_ticks"),
}
"""The methods of a store at which an engine may die."""


class Fate:
    """When an engine dies: before or after its n-th use of the store."""

    def __init__(self, dies_at: float, luck: random.Random, headers: list[str]) -> None:
        self.dies_at, self.luck, self.headers = dies_at, luck, headers
        self.uses = 0
        self.is_dead = False
        self.scope = trio.CancelScope()

    async def use(self, method: Any, args: Any, options: Any) -> Any:
        """Call a method of the store, unless this is the end."""
        for _ in range(self.luck.randrange(3)):
            await trio.lowlevel.checkpoint()
        self.uses += 1
        is_last = self.uses >= self.dies_at
        if self.is_dead or (is_last and self.luck.random() < 0.5):
            await self._die()
        found = await method(*args, **options)
        if is_last:
            await self._die()
        return found

    async def _die(self) -> None:
        self.is_dead = True
        self.scope.cancel()
        await trio.lowlevel.checkpoint()
        raise StoreError("of a dead engine", "is gone")


class Mortal:
    """What makes the store of one engine part of its fate; before a class of stores."""

    fate: Fate

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in USES:
            return found

        async def use(*args: Any, **options: Any) -> Any:
            return await self.fate.use(found, args, options)

        return use

    async def append(self, appends: Sequence[Append]) -> Any:
        """Append, and note the runs that begin."""
        results = await super().append(appends)  # type: ignore[misc]
        self.fate.headers += [
            append.run_id
            for append, conflict in zip(appends, results, strict=True)
            if conflict is None and append.header is not None
        ]
        return results


class MortalMemory(Mortal, MemoryStore):
    """A memory store that many engines share. Claims of a dead one expire."""

    def __init__(self, shared: MemoryStore, fate: Fate) -> None:
        self._shelf, self.fate = shared._shelf, fate

    @asynccontextmanager
    async def _open_owner(self, owner: str) -> AsyncGenerator[None, None]:
        held: Any = ()
        try:
            async with MemoryStore._open_owner(self, owner):
                try:
                    yield
                finally:
                    held = self._shelf.claimed_by(owner) if self.fate.is_dead else ()
        finally:
            for run in held:
                run.owner = owner


def set_calendar(moment: datetime) -> None:
    """Let virtual time begin at a moment that is in the future."""
    _calendar._tie.set((moment.timestamp() - trio.current_time(), -math.inf))
