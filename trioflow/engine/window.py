"""The part of a run's events that is held in memory."""

from __future__ import annotations

import sys

import attrs

from trioflow.events import Event

NEVER = sys.maxsize
"""A mark that no run passes."""


@attrs.define(eq=False)
class EventWindow:
    """Events of one run, one after the other without gaps.

    All readers of a run look through the same window, each from a position of its own, so an
    event is put into one list however many read it.
    """

    first: int = 0
    """The ``seq`` of the first event that is held, or of the next one if none is."""
    events: list[Event] = attrs.field(factory=list)
    mark: int = NEVER
    """How many events the run must have had for a reader to be told; 0 if one waits for any."""

    @property
    def end(self) -> int:
        """The ``seq`` behind the last event."""
        return self.first + len(self.events)

    def since(self, position: int, end: int | None = None) -> EventWindow:
        """Return a window of its own on what is held from *position* on, up to *end*."""
        stop = None if end is None else end - self.first
        return EventWindow(position, self.events[position - self.first : stop])

    def forget(self, position: int) -> None:
        """Let go of the events before *position*."""
        del self.events[: position - self.first]
        self.first = position
