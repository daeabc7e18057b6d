"""The chunks of a body that are under way to its run."""

from __future__ import annotations

from collections import deque
from concurrent.futures import wait
from typing import Any

import trio

from trioflow.runners.remote._link import Asked, Link, when_done

INTERVAL = 0.02
"""Seconds after which a thread that waits looks for interrupts."""


class Window:
    """Sends the chunks of a body without waiting for each, in the order in which they are written.

    What a chunk has raised in the run is raised by a later write, or by the end of the body.
    """

    def __init__(self, link: Link, size: int) -> None:
        self._link = link
        self._size = size
        self._under_way: deque[Asked] = deque()

    async def write(self, chunk: Any) -> None:
        """Send a chunk; wait first while the window is full.

        **Cancellation**: the chunk is not sent.
        """
        await trio.lowlevel.checkpoint()
        while len(self._under_way) >= self._size:
            oldest = self._under_way[0]
            await when_done(oldest).wait()
            if self._under_way and self._under_way[0] is oldest:
                self._take_answer()
        _, asked = self._link.send("write", chunk, "chunk")
        self._under_way.append(asked)

    def finish(self) -> None:
        """Wait until the run has all chunks. Blocks the thread.

        Raises:
          Exception: what the first chunk that the run could not take has raised.
        """
        while self._under_way:
            while not self._under_way[
                0
            ].done():  # an interrupt that is no signal ends no longer wait
                wait([self._under_way[0]], INTERVAL)
            self._take_answer()

    def _take_answer(self) -> None:
        self._link.unpack(*self._under_way.popleft().result())
