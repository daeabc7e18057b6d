"""Named events from outside, on their way to the steps that wait for them."""

from __future__ import annotations

from collections import deque
from typing import Any

import attrs
import trio

from trioflow.errors import MailboxFullError

CAPACITY = 1024
"""How many events of one name may wait to be taken."""


@attrs.define(eq=False)
class _Slot:
    arrived: deque[Any] = attrs.field(factory=deque)
    waiting: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)


class Mailbox:
    """Holds events until someone takes them; each is taken once, in the order sent."""

    def __init__(self) -> None:
        self._slots: dict[str, _Slot] = {}

    def put(self, name: str, data: Any) -> None:
        """Add an event and wake who has waited for one of that name the longest.

        Raises:
          MailboxFullError: if `CAPACITY` events of that name are waiting already.
        """
        slot = self._slots.setdefault(name, _Slot())
        if len(slot.arrived) >= CAPACITY:
            raise MailboxFullError(name, CAPACITY)
        slot.arrived.append(data)
        slot.waiting.unpark()

    async def take(self, name: str) -> Any:
        """Return the data of the next event of that name; wait for it if there is none.

        **Cancellation**: no event is lost.

        **Checkpoints**: always.
        """
        await trio.lowlevel.checkpoint()
        slot = self._slots.setdefault(name, _Slot())
        while not slot.arrived:
            await slot.waiting.park()
        return slot.arrived.popleft()
