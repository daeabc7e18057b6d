"""The readers of a run: what they see, and when the run waits for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from trioflow._engine.stream.reader import Reader
from trioflow._engine.stream.window import EventWindow
from trioflow.errors import HistoryGap
from trioflow.events import Event

HISTORY = 1024
"""How many events a run holds, at least, for late observers."""
SLACK = 128
"""How many events it holds beyond that before it drops the oldest ones, all at once."""


class Readers:
    """The readers of one run, and the window through which they see its events.

    The cost of an event does not depend on the number of readers: they are notified only if one of
    them is waiting or its buffer is full.
    """

    def __init__(self) -> None:
        self.window = EventWindow(mark=HISTORY + SLACK)
        self.congested = False
        """Whether a reader's buffer has been full and is still more than half full."""
        self.on_gap: Callable[[Event], None] | None = None
        """Called for each event that is left out for a reader."""
        self.on_blocked: Callable[[float], None] | None = None
        """Called with the seconds that a task has waited for room."""
        self._readers: list[Reader] = []
        self._writers: trio.lowlevel.ParkingLot | None = None
        """Where tasks wait for room. Created for the first one, because few runs need it."""

    # ------------------------------------------------------------ readers
    def add(self, reader: Reader, after: int | None) -> None:
        """Give a reader every event with a ``seq`` above *after*, past ones first.

        They may all be in the future.

        Raises:
          HistoryGap: if some of the past events are no longer held.
        """
        if not self.holds(after):
            raise HistoryGap(self.window.events[0].seq)
        position = self.window.position_of(first_wanted(after))
        reader.look_through(self.window, position)
        reader.room = self
        reader.on_gap = self.on_gap
        self._readers.append(reader)
        if reader.unread:
            self.congested = self._review() or self.congested
        else:
            self.window.mark = 0  # the next event is soon enough to check

    def holds(self, after: int | None) -> bool:
        """Return whether all events with a ``seq`` above *after* are still held."""
        return self.window.forgotten <= first_wanted(after)

    def adopt(self, events: Sequence[Event]) -> None:
        """Show the readers the events of a journal."""
        end = self.window.end
        moved = self.window.adopt(events)
        for reader in self._readers:
            reader.move(end, moved)
        self.pass_mark(events)

    @trio.lowlevel.enable_ki_protection
    def end_part(self, has_ended: bool) -> None:
        """End the readers after the last event, except those that also read the next part.

        Args:
          has_ended: Whether there is no next part.
        """
        # The window of a finished run does not change, so readers can share it, unless it holds
        # more than is kept anyway.
        is_large = len(self.window.events) >= HISTORY + SLACK
        kept = []
        for reader in tuple(self._readers):
            if has_ended or not reader.stays:
                reader.end(detach=is_large or not has_ended)
            elif reader.fetching is not None:  # the next part may run in another process
                reader.step_aside()
            else:
                kept.append(reader)
        # Only now: if one of them raises, the next end of the run has to end all of them.
        self._readers = kept
        if is_large:
            self._forget_oldest()
        if self.congested:
            self.review_room()  # the next part must not wait for them

    def end_reader(self, reader: Reader, has_ended: bool) -> None:
        """End one reader after the last event."""
        self.remove(reader)
        reader.end(detach=not has_ended or len(self.window.events) >= HISTORY + SLACK)

    def step_aside(self) -> None:
        """Make readers that can fetch do so from now on: later events here may not be valid."""
        for reader in tuple(self._readers):
            if reader.fetching is not None:
                reader.step_aside()
                self.remove(reader)

    def remove(self, reader: Reader) -> None:
        """Remove a reader."""
        self._readers = [each for each in self._readers if each is not reader]

    @property
    def has_unread(self) -> bool:
        """Whether a reader has not read everything yet."""
        return any(reader.unread for reader in self._readers)

    # ------------------------------------------------------------ what they see
    def pass_mark(self, events: Sequence[Event]) -> None:
        """Notify the readers of *events*, the last of which is at or after the mark."""
        for reader in self._readers:
            reader.notice(events)
        if len(self.window.events) >= HISTORY + SLACK:
            self._forget_oldest()
        self.congested = self._review() or self.congested  # until low water

    def _forget_oldest(self) -> None:
        kept = [reader.position_held for reader in self._readers]
        first = min([self.window.end - HISTORY, *kept])
        for reader in self._readers:
            reader.let_forget(first)
        self._readers = [reader for reader in self._readers if not reader.is_behind]
        self.window.forget(first)

    def _review(self) -> bool:
        """Find the event that next needs action, and whether a buffer is full.

        A reader with a full buffer is asked to report when there is room.
        """
        end = self.window.end
        # Unread events are kept, and checked again only after a while.
        mark = max(self.window.first + HISTORY, end) + SLACK
        is_full = False
        for reader in self._readers:
            bound = reader.bound(end)
            if bound <= end:
                is_full = True
                reader.ask_for_room()
            elif bound < mark:
                mark = bound
        self.window.mark = mark
        return is_full

    # ------------------------------------------------------------ room
    def review_room(self) -> None:
        """Check again which readers are full or closed, and wake a writer if none is full."""
        self._readers = [reader for reader in self._readers if not reader.closed]
        self.congested = self._review()
        if not self.congested and self._writers is not None:
            self._writers.unpark()

    @property
    def tasks_waiting(self) -> int:
        """How many tasks wait for room."""
        return 0 if self._writers is None else len(self._writers)

    @property
    def forgotten(self) -> int:
        """The ``seq`` after the last event that the run has dropped; 0 if it has all events."""
        return self.window.forgotten

    async def let_read(self) -> None:
        """Let every waiting reader see the events that have happened.

        **Checkpoints**: always.
        """
        await trio.lowlevel.checkpoint()
        if any(reader.roused for reader in self._readers):
            # Trio runs the tasks of a batch in any order, and this one may have run before a
            # reader.
            await trio.lowlevel.checkpoint()

    async def wait_for_room(self) -> None:
        """Wait until no reader's buffer is full.

        One writer is woken at low water, and wakes the next one if there is still room, so that
        many writers neither stampede nor starve.

        **Checkpoints**: at least one if it has to wait, else none.
        """
        if self.congested:
            if self._writers is None:
                self._writers = trio.lowlevel.ParkingLot()
            began = trio.current_time()
            try:
                while self.congested:
                    await self._writers.park()
            finally:
                if self.on_blocked is not None:
                    self.on_blocked(trio.current_time() - began)
            self._writers.unpark()


def first_wanted(after: int | None) -> int:
    """Return the lowest ``seq`` after *after*."""
    return 0 if after is None else max(after + 1, 0)
