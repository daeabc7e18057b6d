"""Open streams: how many each client has, and how they end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import trio

from trioflow_server.problems import Problem


@attrs.define(eq=False)
class OpenStreams:
    """The open streams of one application."""

    limit: int
    """Most open streams of one client."""
    _counts: Counter[str] = attrs.field(factory=Counter)
    _idle: trio.Event = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._idle = trio.Event()
        self._idle.set()

    @property
    def count(self) -> int:
        """How many are open."""
        return self._counts.total()

    def check(self, client: str) -> None:
        """Check that a client may open another one.

        Raises:
          Problem: if it has too many.
        """
        if self._counts[client] >= self.limit:
            raise Problem(429, "Too many open streams", "too-many-streams")

    @contextmanager
    def open(self, client: str) -> Iterator[None]:
        """Count a stream of a client while it is open."""
        self._counts[client] += 1
        if self._idle.is_set():
            self._idle = trio.Event()
        try:
            yield
        finally:
            self._counts[client] -= 1
            if not self._counts[client]:
                del self._counts[client]
            if not self._counts:
                self._idle.set()

    async def wait_closed(self) -> None:
        """Wait until none is open."""
        while self._counts:
            await self._idle.wait()
