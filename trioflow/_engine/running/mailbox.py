"""Named events from outside, on their way to the steps that wait for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import attrs
import trio

from trioflow.errors import MailboxFullError
from trioflow.events import EventReceived

CAPACITY = 1024
"""How many events of one name may wait to be taken."""


@attrs.define(eq=False)
class _Slot:
    arrived: deque[EventReceived] = attrs.field(factory=deque)
    waiting: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)


class Mailbox:
    """Holds events until someone takes them; each is taken once, in the order sent."""

    def __init__(self, events: Iterable[EventReceived] = ()) -> None:
        self._slots: dict[str, _Slot] = {}
        for event in events:
            self.put(event)

    def check_room(self, name: str) -> None:
        """Check that another event of that name may come.

        Raises:
          MailboxFullError: if `CAPACITY` events of that name are waiting already.
        """
        if name in self._slots and len(self._slots[name].arrived) >= CAPACITY:
            raise MailboxFullError(name, CAPACITY)

    def put(self, event: EventReceived) -> None:
        """Add an event and wake who has waited for one of its name the longest."""
        slot = self._slots.setdefault(event.event, _Slot())
        slot.arrived.append(event)
        slot.waiting.unpark()

    async def take(self, name: str) -> EventReceived:
        """Return the next event of that name; wait for it if there is none.

        **Cancellation**: no event is lost.

        **Checkpoints**: always.
        """
        await trio.lowlevel.checkpoint()
        slot = self._slots.setdefault(name, _Slot())
        while not slot.arrived:
            await slot.waiting.park()
        return slot.arrived.popleft()
