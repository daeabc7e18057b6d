"""Named events from outside, queued for the steps that wait for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import attrs
import trio

from trioflow.errors import MailboxFullError
from trioflow.events import EventReceived

CAPACITY = 1024
"""How many events of one name may wait to be taken."""
TOTAL_CAPACITY = 8 * CAPACITY
"""How many events may wait to be taken, whatever their names."""


@attrs.frozen
class Early:
    """An event that was sent to a run before its start."""

    event: str
    data: Any
    by: str | None


@attrs.define(eq=False)
class _Slot:
    arrived: deque[EventReceived] = attrs.field(factory=deque)
    waiting: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)
    count: int = 0
    """How many have arrived, including early ones."""


class Mailbox:
    """Queues events until they are taken; each is taken once, in the order sent."""

    def __init__(self, events: Iterable[EventReceived] = ()) -> None:
        self._slots: dict[str, _Slot] = {}
        self._count = 0
        self._early: list[Early] = []
        for event in events:
            self.put(event)

    def check_room(self, name: str) -> None:
        """Check that there is room for another event of that name.

        Raises:
          MailboxFullError: if `CAPACITY` events of that name or `TOTAL_CAPACITY` events of any name
            are waiting already.
        """
        if name in self._slots and self._slots[name].count >= CAPACITY:
            raise MailboxFullError(name, CAPACITY)
        if self._count >= TOTAL_CAPACITY:
            raise MailboxFullError(name, TOTAL_CAPACITY)

    def hold(self, early: Early) -> None:
        """Keep an event until the run starts."""
        self._add(early.event)  # first: an event that is counted but absent does no harm
        self._early.append(early)

    def take_early(self) -> list[Early]:
        """Return the events that were sent before the start, to be added as events of the run."""
        early, self._early = self._early, []
        for each in early:
            self._remove(each.event)
        return early

    def put(self, event: EventReceived) -> None:
        """Add an event and wake the task that has waited longest for its name."""
        slot = self._add(event.event)
        slot.arrived.append(event)
        slot.waiting.unpark()

    async def take(self, name: str) -> EventReceived:
        """Return the next event of that name; wait for one if there is none.

        **Cancellation**: no event is lost.

        **Checkpoints**: always.
        """
        await trio.lowlevel.checkpoint()
        slot = self._slots.setdefault(name, _Slot())
        while not slot.arrived:
            await slot.waiting.park()
        self._remove(name)
        return slot.arrived.popleft()

    def _add(self, name: str) -> _Slot:
        slot = self._slots.setdefault(name, _Slot())
        slot.count += 1
        self._count += 1
        return slot

    def _remove(self, name: str) -> None:
        self._slots[name].count -= 1
        self._count -= 1
