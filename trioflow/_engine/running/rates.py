"""Rates: how many bodies begin in any time of a given length, in one engine."""

from __future__ import annotations

from collections import deque

import attrs
import trio


@attrs.define(eq=False)
class Rate:
    """Lets bodies begin, in the order in which they ask, as often as a rate permits."""

    places: int
    per: float
    _begins: deque[float] = attrs.field(init=False)
    """When the last ones began, on Trio's clock."""
    _line: trio.StrictFIFOLock = attrs.field(factory=trio.StrictFIFOLock)

    def __attrs_post_init__(self) -> None:
        self._begins = deque(maxlen=self.places)

    async def acquire_on_behalf_of(self, borrower: object) -> None:
        """Wait until a body may begin.

        **Cancellation**: another body may begin instead.

        **Checkpoints**: always.
        """
        async with self._line:
            if len(self._begins) == self.places:
                await trio.sleep_until(self._begins[0] + self.per)
            self._begins.append(trio.current_time())

    def release_on_behalf_of(self, borrower: object) -> None:
        """Do nothing: a place cannot be given back."""
