"""Owners that are open in this store: their presence and their requests."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from functools import partial

import trio
from sqlalchemy import Connection

from trioflow.abc import Request, StoredRun
from trioflow.errors import StoreError
from trioflow_sql import claims, inbox
from trioflow_sql.access import Access
from trioflow_sql.bells import Listener
from trioflow_sql.database import Presence
from trioflow_sql.taking import Wish
from trioflow_sql.texts import is_storable

logger = logging.getLogger("trioflow")


class Attendance:
    """The owners that are open in one store."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self.listeners: dict[str, Listener] = {}
        self.work_listeners: dict[str, Listener] = {}

    @asynccontextmanager
    async def open_owner(self, owner: str) -> AsyncGenerator[None, None]:
        """See `trioflow.abc.Store.open_owner`."""
        access = self._access
        access.opened.check_writable()
        if not is_storable(owner):
            raise StoreError(access.name, f"owner {owner!r} has a NUL or a lone surrogate")
        if owner in self.listeners:
            raise StoreError(access.name, f"owner {owner!r} is already open")
        token = trio.lowlevel.current_trio_token()
        listener, work = Listener(token), Listener(token)
        opens = access.database.open_presence
        make = partial(opens, owner, listener.ring, work.ring, access.opened.writer)
        listener.presence = work.presence = await access.call(make)
        self.listeners[owner], self.work_listeners[owner] = listener, work
        try:
            yield
        finally:
            del self.listeners[owner], self.work_listeners[owner]
            with trio.CancelScope(shield=True):
                await self._leave(owner, listener)

    async def _leave(self, owner: str, listener: Listener) -> None:
        try:
            await self._access.write(partial(claims.release_all, owner))
        except StoreError as error:  # other processes will detect that the owner is gone
            logger.warning("cannot release the claims of %s: %s", owner, error)
        finally:
            await self._access.call(listener.presence.close)

    def wake(self) -> None:
        """Make all listeners look for new requests."""
        for listener in (*self.listeners.values(), *self.work_listeners.values()):
            listener.wake()

    async def take(
        self, owner: str, run_ids: Collection[str] | None, after: int, limit: int
    ) -> Sequence[Request]:
        """See `trioflow.abc.Store.take_requests`."""
        take = partial(inbox.take_requests, owner, run_ids, after, limit)
        listener = self.listeners.get(owner)
        if listener is None or run_ids is not None or after > 0:
            return await self._access.read(take)
        listener.mute()  # a request that is posted from now on rings again
        found: Sequence[Request] | None = None
        try:
            found = await self._access.read(partial(_attended, listener.presence, take))
        finally:
            if found is None or len(found) >= limit:  # there may be requests left
                listener.wake()
        return found

    async def wait(self, owner: str) -> None:
        """See `trioflow.abc.Store.wait_requests`."""
        listener = self.listeners.get(owner)
        if listener is None:
            raise self._not_open(owner)
        while not await listener.rings():
            if await self._access.look(listener.presence.look):
                return

    # ------------------------------------------------------------ work
    async def claim_next(self, wish: Wish) -> Sequence[StoredRun]:
        """See `trioflow.abc.WorkStore.claim_next`."""
        access = self._access
        access.opened.check_writable()
        work = self.work_listeners.get(wish.owner)
        if work is not None:
            work.mute()  # a run that is enqueued from now on rings again
        opened = access.opened
        claim = partial(access.database.claim_next, opened.reader, opened.writer, wish)
        try:
            return await access.call(claim)
        except BaseException:
            if work is not None:
                work.wake()
            raise

    async def wait_runs(self, owner: str) -> None:
        """See `trioflow.abc.WorkStore.wait_runs`."""
        work = self.work_listeners.get(owner)
        if work is None:
            raise self._not_open(owner)
        while not await work.rings():
            if await self._access.look(work.presence.look_for_work):
                work.wake()

    def _not_open(self, owner: str) -> StoreError:
        problem = f"owner {owner!r} is not open in this store; use open_owner()"
        return StoreError(self._access.name, problem)


def _attended(
    presence: Presence, take: Callable[[Connection], Sequence[Request]], connection: Connection
) -> Sequence[Request]:
    """Take requests in a thread."""
    presence.taking()
    return take(connection)
