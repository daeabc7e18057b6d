"""Continue reading where a run no longer holds the events that a reader wants next.

An observer that falls far behind, or that waits for a run that continues in another process,
fetches its events from the journal, page by page, on demand. Nothing is fetched ahead and no task
does this, so it costs the run nothing and holds one page in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs
import trio

if TYPE_CHECKING:
    from trioflow._engine.stream.reader import Reader


class Source(Protocol):
    """Where a reader gets the events that its run does not hold for it."""

    async def fetch(self, reader: Reader, end: object) -> None:
        """Wait until the reader has something to read, sees the run again, or is complete.

        Args:
          end: The receive end that fetches; for `Reader.sleep`.

        Raises:
          Exception: what prevented it; the next call tries again.

        **Cancellation**: no event is lost.
        """


@attrs.define(eq=False)
class Fetching:
    """What a reader needs to continue from a source."""

    source: Source
    after: int = -1
    """The ``seq`` of the last event that the reader has or does not want."""
    _lock: trio.Lock = attrs.field(factory=trio.Lock)
    _scopes: dict[trio.CancelScope, object] = attrs.field(factory=dict)
    """A cancel scope around each task that fetches, with its receive end."""

    async def fetch(self, reader: Reader, end: object) -> None:
        """Fetch for one receive end; others that fetch meanwhile share the events.

        **Checkpoints**: always.
        """
        with trio.CancelScope() as scope:
            self._scopes[scope] = end
            try:
                async with self._lock:
                    if reader.is_behind and not reader.unread:
                        await self.source.fetch(reader, end)
            finally:
                del self._scopes[scope]

    def close_end(self, end: object) -> None:
        """Wake the tasks that fetch for a receive end."""
        for scope, fetching in self._scopes.items():
            if fetching is end:
                scope.cancel()
