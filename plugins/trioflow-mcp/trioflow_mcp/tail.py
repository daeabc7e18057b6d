"""The last lines that the process of a server writes to standard error."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TextIO

import trio
from attrs import define, field

KEPT = 4_000
"""Most bytes that are kept."""

logger = logging.getLogger("trioflow.mcp")


@define(eq=False)
class Tail:
    """Keeps the end of what a process writes, and logs all of it."""

    server: str
    ended: trio.Event = field(factory=trio.Event)
    """Set when nothing more will be written."""
    _kept: bytearray = field(factory=bytearray)

    @property
    def text(self) -> str:
        """The last lines."""
        return self._kept.decode("utf-8", "replace").strip()

    def add(self, data: bytes) -> None:
        """Add what the process has written."""
        self._kept += data
        del self._kept[:-KEPT]
        for line in data.decode("utf-8", "replace").splitlines():
            logger.debug("%s: %s", self.server, line)

    @asynccontextmanager
    async def open_pipe(self) -> AsyncGenerator[TextIO, None]:
        """Yield the file to give to a process, and to close then; read what is written there."""
        reading, writing = os.pipe()
        stream = trio.lowlevel.FdStream(reading)
        with os.fdopen(writing, "w", encoding="utf-8") as file:
            async with stream, trio.open_nursery() as nursery:
                nursery.start_soon(self._read, stream)
                yield file
                nursery.cancel_scope.cancel()

    async def _read(self, stream: trio.lowlevel.FdStream) -> None:
        async for data in stream:
            self.add(bytes(data))
        self.ended.set()
