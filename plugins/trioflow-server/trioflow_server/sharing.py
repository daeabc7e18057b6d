"""Pieces of streams, made once for all readers of a run."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

import attrs

from trioflow.events import Event

MOST_BYTES = 16 * 2**20
"""How much is remembered."""


@attrs.define(eq=False)
class SharedPieces:
    """Remembers the pieces that were made last: readers of a live run get the same events."""

    _known: OrderedDict[tuple[int, Hashable], tuple[Event, bytes]] = attrs.field(
        factory=OrderedDict
    )
    _size: int = 0

    def get(self, event: Event, form: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return an event as a piece of a stream; *make* makes it for its first reader.

        Args:
          form: What the piece depends on besides the event.
        """
        key = (id(event), form)  # the event is kept, so nothing else gets its id
        known = self._known.get(key)
        if known is not None:
            return known[1]
        piece = make()
        if len(piece) < MOST_BYTES // 8:
            self._known[key] = (event, piece)
            self._size += len(piece) + 200  # the rest of the entry
        while self._size > MOST_BYTES:
            _, (_, oldest) = self._known.popitem(last=False)
            self._size -= len(oldest) + 200
        return piece
