"""The part of a run's events that is held in memory."""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import attrs

from trioflow.events import Event

NEVER = sys.maxsize
"""A mark that no run reaches."""


@attrs.define(eq=False)
class EventWindow:
    """The events of one run, in order.

    All readers of a run look through the same window, each from its own position, so an event is
    put into one list however many readers there are.

    Positions have no gaps. The position of an event that happened here is its ``seq``. Events from
    a journal, which may lack chunks, lie directly before those.
    """

    first: int = 0
    """The position of the first held event, or of the next event if none is held."""
    events: list[Any] = attrs.field(factory=list)
    """Each is an `AnyEvent`; `RunLog.add` does not have to prove it to the type checker."""
    mark: int = NEVER
    """How many events the run must have before a reader is notified; 0 if one waits for any."""
    forgotten: int = 0
    """The ``seq`` after the last event that was dropped; 0 if none was."""

    @property
    def end(self) -> int:
        """The position, and the ``seq``, after the last event."""
        return self.first + len(self.events)

    def since(self, position: int, end: int | None = None) -> EventWindow:
        """Return a separate window on what is held from *position* on, up to *end*."""
        stop = None if end is None else end - self.first
        return EventWindow(position, self.events[position - self.first : stop])

    def forget(self, position: int) -> None:
        """Drop the events before *position*."""
        count = position - self.first
        if count:
            self.forgotten = self.events[count - 1].seq + 1
            del self.events[:count]
            self.first = position

    def position_of(self, seq: int) -> int:
        """Return the position of the first event with that ``seq`` or a higher one."""
        if seq >= self.end:
            return seq
        return self.first + bisect_left(self.events, seq, key=attrgetter("seq"))

    def adopt(self, events: Sequence[Event]) -> int:
        """Add the events of a journal, and return by how much this shifts all positions."""
        self.events.extend(events)
        missing = events[-1].seq + 1 - self.end if events else 0
        self.first += missing
        return missing
