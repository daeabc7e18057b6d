"""Hand log records of workers to the loggers of this process."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextvars import Context, copy_context

import trio

from trioflow.runners.remote._forwarding import from_bytes

LONGEST = 1000
"""Number of records after which workers wait for the handlers."""
BATCH = 100
PATIENCE = 1.0
"""Seconds that the end of a body waits for the handlers of its records."""
GRACE = 5.0
"""Seconds that the end of the runner waits for them."""

Entry = tuple[Context, bytes | bytearray] | trio.Event


class Logbook:
    """Writes records in the order in which they came, in a thread.

    So a slow handler does not hold up the event loop, and one that raises does not end a step.
    """

    def __init__(self) -> None:
        self._sender, self._receiver = trio.open_memory_channel[Entry](LONGEST)
        self._limiter = trio.CapacityLimiter(1)
        self._written = trio.Event()

    async def write(self, content: bytes | bytearray) -> None:
        """Write a record, with the context variables of the caller. Waits if many are waiting."""
        entry = copy_context(), content
        try:
            self._sender.send_nowait(entry)
        except trio.WouldBlock:
            await self._sender.send(entry)

    async def flush(self) -> None:
        """Wait until the records so far are written, at most `PATIENCE` seconds."""
        written = trio.Event()
        with trio.move_on_after(PATIENCE):
            await self._sender.send(written)
            await written.wait()

    async def serve(self) -> None:
        """Write records until the logbook is closed and all are written."""
        try:
            async with self._receiver:
                async for first in self._receiver:
                    entries = [first]
                    try:
                        while len(entries) < BATCH:
                            entries.append(self._receiver.receive_nowait())
                    except (trio.WouldBlock, trio.EndOfChannel):
                        pass
                    await self._write(entries)
        finally:
            self._written.set()  # when canceled, too: nobody waits for what is written no more

    async def _write(self, entries: Sequence[Entry]) -> None:
        records = [entry for entry in entries if not isinstance(entry, trio.Event)]
        if records:
            # A handler that never returns must not hold up the end of the program.
            await trio.to_thread.run_sync(
                _handle_all, records, limiter=self._limiter, abandon_on_cancel=True
            )
        for entry in entries:
            if isinstance(entry, trio.Event):
                entry.set()

    async def close(self) -> None:
        """Accept no more records, and wait for the others to be written, at most `GRACE` s."""
        self._sender.close()
        with trio.move_on_after(GRACE):
            await self._written.wait()


def _handle_all(records: Sequence[tuple[Context, bytes | bytearray]]) -> None:
    for context, content in records:
        context.run(_handle, content)


def _handle(content: bytes | bytearray) -> None:
    record = None
    try:
        record = from_bytes(content)
        logger = logging.getLogger(record.name)
        if logger.isEnabledFor(record.levelno):
            logger.handle(record)
    except BaseException:
        # As handlers of the standard library do it with their own errors: on standard error.
        logging.Handler().handleError(record or logging.makeLogRecord({}))
