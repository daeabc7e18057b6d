"""Reading a run from its journal while it goes on somewhere else, or when it is over."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

from trioflow._engine.journal.codec import decode
from trioflow.abc import Store
from trioflow.errors import UnknownRunError
from trioflow.events import Event

POLL = 0.2
"""Seconds between two looks at a journal that has nothing new."""
PAGE = 500
"""How many entries are read at a time."""
GOING_ON = ("pending", "running")


@asynccontextmanager
async def open_journal_reader(
    store: Store, run_id: str, after: int | None, max_buffer_size: int
) -> AsyncGenerator[trio.abc.ReceiveChannel[Event], None]:
    """Open a channel of the events of a journal, up to where the run settles.

    Raises:
      UnknownRunError: if the store does not have the run.
    """
    if await store.get(run_id) is None:
        raise UnknownRunError(run_id)
    send, receive = trio.open_memory_channel[Event](max_buffer_size)
    async with trio.open_nursery() as nursery, receive:
        nursery.start_soon(_follow, store, run_id, -1 if after is None else after, send)
        yield receive
        nursery.cancel_scope.cancel()


async def _follow(store: Store, run_id: str, after: int, send: trio.abc.SendChannel[Event]) -> None:
    async with send:
        while True:
            stored = await store.get(run_id)
            entries = await store.read(run_id, after, PAGE)
            for event in decode(entries):
                await send.send(event)
                after = event.seq
            over = stored is None or (stored.status not in GOING_ON and stored.last_seq <= after)
            if over:
                return
            if not entries:
                await trio.sleep(POLL)
