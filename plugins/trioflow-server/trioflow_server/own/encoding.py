"""Events as bytes, made once for all readers of a run."""

from __future__ import annotations

from collections import OrderedDict

import attrs

from trioflow.events import Event
from trioflow.wire import Dialect
from trioflow_server.values import Shower, dump

MOST_BYTES = 16 * 2**20
"""How much is remembered."""


@attrs.define(eq=False)
class Encoder:
    """Encodes events, and remembers the last ones: readers of a live run get the same objects."""

    shower: Shower
    _known: OrderedDict[tuple[int, str], tuple[Event, bytes]] = attrs.field(factory=OrderedDict)
    _size: int = 0

    def encode(self, event: Event, dialect: Dialect) -> bytes:
        """Return an event as JSON."""
        key = (id(event), dialect)  # the event is kept, so nothing else gets its id
        known = self._known.get(key)
        if known is not None:
            return known[1]
        encoded = dump(self.shower.event(event, dialect))
        if len(encoded) < MOST_BYTES // 8:
            self._known[key] = (event, encoded)
            self._size += len(encoded)
        while self._size > MOST_BYTES:
            _, (_, oldest) = self._known.popitem(last=False)
            self._size -= len(oldest)
        return encoded
