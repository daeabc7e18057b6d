"""Reading a run from its journal while it goes on somewhere else, or when it is over."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

import trio

from trioflow._engine.journal.reading import JournalReader
from trioflow.abc import Codec, Store
from trioflow.errors import JournalFormatError, UnknownRunError
from trioflow.events import ACTIVE_STATUSES, Event

POLL = 0.2
"""Seconds between two looks at a journal that has nothing new."""


@asynccontextmanager
async def open_journal_reader(
    store: Store, run_id: str, after: int | None, max_buffer_size: int, codec: Codec | None = None
) -> AsyncGenerator[trio.abc.ReceiveChannel[Event], None]:
    """Open a channel of the events of a journal, up to where the run settles.

    Raises:
      UnknownRunError: if the store does not have the run.
      JournalFormatError: when the block is left, if its journal is damaged. The channel gives
        the events before the damage, and then ends.
    """
    if await store.get(run_id) is None:
        raise UnknownRunError(run_id)
    send, receive = trio.open_memory_channel[Event](max_buffer_size)
    damage: JournalFormatError | None = None

    async def follow() -> None:
        nonlocal damage
        async with send:
            try:
                reader = JournalReader(store, run_id, codec)
                await _follow(reader, -1 if after is None else after, send)
            except JournalFormatError as exc:  # leaving here, it would cancel the reader
                damage = exc

    async with trio.open_nursery() as nursery, receive:
        nursery.start_soon(follow)
        yield receive
        nursery.cancel_scope.cancel()
    if damage is not None:
        raise damage


async def _follow(reader: JournalReader, after: int, send: trio.abc.SendChannel[Event]) -> None:
    store, run_id = reader.store, reader.run_id
    while True:
        stored, before = await store.get(run_id), after
        async with aclosing(reader.events(after)) as events:
            async for event in events:
                await send.send(event)
                after = event.seq
        if stored is None or (stored.status not in ACTIVE_STATUSES and stored.last_seq <= after):
            return
        if after == before:
            await trio.sleep(POLL)
