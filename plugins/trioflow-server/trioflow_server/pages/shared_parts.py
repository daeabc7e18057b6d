"""Parts of pages, rendered once for all who look at the same at the same time."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Hashable

import attrs
import trio

MOST = 64
"""How many are remembered."""
SECONDS = 1.0
"""For how long: not everything that a page shows is an event, such as who drives a run."""


@attrs.define(eq=False)
class SharedParts:
    """What was rendered last."""

    placeholder: str = attrs.field(factory=lambda: secrets.token_hex(16), repr=False)
    """Stands for the token in forms, which is another one for each browser. No value can
    contain it."""
    _known: OrderedDict[Hashable, tuple[float, bytes]] = attrs.field(factory=OrderedDict)

    def get(self, key: Hashable, token: str, render: Callable[[], bytes]) -> bytes:
        """Return what *render* returns, with a token in place of the placeholder.

        Args:
          key: What it depends on besides the token.
        """
        now = trio.current_time()
        until, found = self._known.get(key, (now, b""))
        if until <= now:
            found = render()
            self._known[key] = (now + SECONDS, found)
            self._known.move_to_end(key)
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        return found.replace(self.placeholder.encode(), token.encode())
