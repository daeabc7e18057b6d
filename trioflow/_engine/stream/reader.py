"""One reader from its run's side: a position in the events, and how far it may fall behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, Protocol

import trio

from trioflow._engine.stream.fetching import Fetching, Source
from trioflow._engine.stream.window import NEVER, EventWindow
from trioflow.errors import HistoryGap
from trioflow.events import AnyEvent, Event

OnFull = Literal["journal", "gap", "wait"]
"""What happens when a reader falls behind.

``"journal"``: it continues from what the run still holds, then from the journal. Without a journal,
`HistoryGap` is raised where events are missing. ``"gap"``: `HistoryGap` is raised after a full
buffer. ``"wait"``: the run waits.
"""
Until = Literal["suspended", "finished"]
"""Where a reader ends: when the run next finishes or suspends, or only when it finishes."""


class Room(Protocol):
    """What a reader needs from the object that makes the run wait for its readers."""

    @property
    def tasks_waiting(self) -> int: ...
    @property
    def forgotten(self) -> int: ...
    def review_room(self) -> None: ...


class Reader:
    """A position in the events of a run, from which one or more receive ends read.

    The receive ends (`trioflow.EventStream`) read at `position` themselves; everything else that a
    run and its readers must agree on is here.
    """

    window: EventWindow

    def __init__(
        self,
        max_buffer_size: int,
        room: Room,
        on_full: OnFull = "wait",
        until: Until = "suspended",
        source: Source | None = None,
    ) -> None:
        """Create a reader.

        Args:
          room: Called to review readers when the buffer has room again.
          source: Where it continues if *on_full* is ``"journal"``.
        """
        if max_buffer_size < 1:
            raise ValueError(f"max_buffer_size must be at least 1, not {max_buffer_size!r}")
        self.max_buffer_size = max_buffer_size
        self.stays = until == "finished"
        """Whether it continues after the run has suspended."""
        self.position = NEVER
        """The position, in the window, of the next event to be read."""
        # Positions, so that reading an event needs no other object.
        self.turn_at = NEVER
        """Where other tasks get a turn, if this reader has not waited since the last turn."""
        self.low_at = NEVER
        """Where the run learns that there is room again; `NEVER` if it does not wait for that."""
        self.open_ends = 0
        """How many receive ends are not closed."""
        self.roused = False
        """Whether a task was woken for an event and has not had its turn yet."""
        self.on_gap: Callable[[Event], None] | None = None
        """Called for each event that is left out."""
        self._tasks: tuple[trio.lowlevel.Task, ...] = ()
        """The tasks that wait for an event, each with its receive end as ``custom_sleep_data``. Not
        a ParkingLot, which adds objects for the garbage collector to traverse."""
        self.room = room
        self._on_full = on_full
        self.fetching = None if source is None else Fetching(source)
        """How it continues where the run does not hold its events; None if it cannot."""
        self.is_behind = False
        """Whether the events that follow must be fetched."""
        self._unbounded = 0
        self._missed_from: int | None = None
        self.is_detached = False
        """Whether no more events will come, so what is left to read belongs to this reader."""
        self.is_complete = False
        """Whether nothing follows the unread events."""
        self._has_ended = False
        """Whether the run has had its last event, or the last event of this part."""
        self.closed = False
        """Whether all its receive ends are closed."""

    # ------------------------------------------------------------ unread events
    @property
    def unread(self) -> int:
        """How many events are unread."""
        window = self.window
        unread = window.first + len(window.events) - self.position
        # The position may be ahead of the events. Not max() (shortcut `unread`).
        return unread if unread > 0 else 0  # noqa: FURB136

    def check_gap(self) -> None:
        """Raise HistoryGap if events were left out after the unread ones."""
        if self._missed_from is not None:
            raise HistoryGap(max(self._missed_from, self.room.forgotten))

    # ------------------------------------------------------------ reading it
    def first_unread(self) -> list[AnyEvent]:
        """Return the unread events, or the first of them."""
        index, size = self.position - self.window.first, self.max_buffer_size
        batch: list[AnyEvent] = self.window.events[index : index + 2 * size]
        if len(batch) == 2 * size:
            # The events that close steps may exceed a full buffer; anything more is a backlog.
            del batch[size:]
        return batch

    def reach_low_water(self) -> None:
        """Notify the run that there is room again, if there is."""
        self.low_at = NEVER
        if self.unread > self.max_buffer_size // 2:  # more has come while the run had to wait
            self.ask_for_room()
        else:
            self.room.review_room()

    def forget_read(self) -> None:
        """Drop what was read, in steps as large as what is left, so that it costs little."""
        if self.position - self.window.first > self.unread:
            self.window.forget(self.position)

    # ------------------------------------------------------------ waiting for more
    @property
    def tasks_waiting(self) -> int:
        """How many tasks wait for an event."""
        return len(self._tasks)

    @property
    def writers_waiting(self) -> int:
        """How many tasks of the run wait for room here."""
        return 0 if self.low_at == NEVER else self.room.tasks_waiting

    def sleep(self, end: object) -> Awaitable[Any]:
        """Make this task wait at a receive end until woken: ``await reader.sleep(end)``.

        It may be woken without an event: for the end, or because another task has taken the event.

        **Cancellation**: no event is lost. **Checkpoints**: always.
        """
        task = trio.lowlevel.current_task()

        def give_up(_: object) -> trio.lowlevel.Abort:
            self._tasks = tuple(other for other in self._tasks if other is not task)
            return trio.lowlevel.Abort.SUCCEEDED

        task.custom_sleep_data = end
        self._tasks += (task,)
        self.window.mark = 0  # the next event is soon enough to check
        return trio.lowlevel.wait_task_rescheduled(give_up)  # noqa: ASYNC105 - by the caller

    def _wake(self, count: int | None = None) -> None:
        """Wake *count* waiting tasks in order of arrival, by default all."""
        count = len(self._tasks) if count is None else count
        woken, self._tasks = self._tasks[:count], self._tasks[count:]
        for task in woken:
            trio.lowlevel.reschedule(task)

    def _wake_for_events(self) -> None:
        if self._tasks and (unread := self.unread):
            self._wake(unread)
            self.roused = True

    # ------------------------------------------------------------ receive ends
    def close_end(self, end: object) -> None:
        """Close one receive end; with the last one, the reader closes and the run stops waiting."""
        self.open_ends -= 1
        if self.open_ends:
            own = [task for task in self._tasks if task.custom_sleep_data is end]
            self._tasks = (*own, *(task for task in self._tasks if task not in own))
            self._wake(len(own))
            self._wake_for_events()  # one of them may have been woken for an event before
        else:
            self.closed = self.is_complete = True
            self._detach(self.position)
            self._wake()
            if not self._has_ended:
                self.room.review_room()
        if self.fetching is not None:
            self.fetching.close_end(end)

    def lift_bound(self) -> None:
        """Let the buffer grow, for a task that waits for the end of the run without reading."""
        self._unbounded += 1
        self.low_at = NEVER
        self.room.review_room()

    def restore_bound(self) -> None:
        """Undo one `lift_bound`."""
        self._unbounded -= 1
        self.room.review_room()

    # ------------------------------------------------------------ the run's side
    @property
    def position_held(self) -> int:
        """The position from which the run must hold its events for this reader."""
        return NEVER if self.is_detached or self._on_full == "journal" else self.position

    def bound(self, end: int) -> int:
        """Return how many events the run may have before it must act on this reader.

        If the run already has that many events (it has *end*), it must wait for the reader.
        Otherwise, it must notify the reader when it has.
        """
        if self.is_detached:  # an instrument may report what it misses
            return NEVER if self.on_gap is None or self._missed_from is None else end + 1
        if self._unbounded or self._on_full == "journal":
            bound = NEVER
        else:
            bound = self.position + self.max_buffer_size
        if self._on_full == "gap":
            bound = max(bound, end) + 1
        return min(bound, end + 1) if self._tasks else bound

    def ask_for_room(self) -> None:
        """Notify the run as soon as half of the buffer has been read."""
        self.low_at = self.window.end - self.max_buffer_size // 2

    def look_through(self, window: EventWindow, position: int) -> None:
        """Read the events of *window* from *position* on, as they come."""
        self.window, self.position = window, position
        self.is_detached = self.is_behind = False
        self.turn_at = self.position + self.max_buffer_size

    def move(self, end: int, count: int) -> None:
        """Shift the positions before *end* by *count*, and update the later ones."""
        if self.is_detached:
            return
        if self.position > end:
            self.position = self.window.position_of(self.position)
        else:
            self.position += count
        self.turn_at = self.position + self.max_buffer_size
        if self.low_at != NEVER:
            self.low_at += count

    def notice(self, events: Sequence[Event]) -> None:
        """Wake the tasks that wait for events, and end here if the reader is too slow for them."""
        self._wake_for_events()
        ends = self._on_full == "gap" and not self.is_detached
        if ends and self.unread > self.max_buffer_size:
            # Events that happened before it began to read do not count.
            seq = max(self.position + self.max_buffer_size, events[0].seq)
            self._miss(seq, seq)
        if self._missed_from is not None:
            self._report_missed(events)

    def _miss(self, seq: int, end: int) -> None:
        """End with a gap after the unread events before position *end*; *seq* is available."""
        self._missed_from = seq
        self.is_complete = True
        self._detach(end)
        self._wake()  # the tasks for which no event is left must be notified

    def _report_missed(self, events: Sequence[Event]) -> None:
        if self._missed_from is not None and self.on_gap is not None:
            for event in events:
                if event.seq >= self._missed_from:
                    self.on_gap(event)

    def let_forget(self, first: int) -> None:
        """Fall behind if the run is about to drop unread events before position *first*."""
        if self.is_detached or self.position >= first:
            return
        start = self.window.first
        lost = self.window.events[self.position - start : first - start]
        if self.fetching is not None:
            self.fall_behind(EventWindow(), lost[0].seq - 1)
            return
        self.position = first
        self._miss(lost[-1].seq + 1, first)
        if self.on_gap is not None:
            for event in lost:
                self.on_gap(event)

    # ------------------------------------------------------------ continuing elsewhere
    def fall_behind(self, window: EventWindow, after: int) -> None:
        """See nothing more of the run for now, except what is in *window*.

        Args:
          after: The ``seq`` after which the reader continues.
        """
        assert self.fetching is not None  # the caller has checked
        self.window, self.position = window, window.first
        self.low_at = NEVER
        self.turn_at = self.position + self.max_buffer_size
        self.fetching.after = after
        self.is_detached = self.is_behind = True
        self._wake()

    def step_aside(self) -> None:
        """See nothing more of the run for now, except the unread events."""
        end = max(self.window.end, self.position)
        self.fall_behind(self.window.since(self.position), end - 1)

    def complete(self) -> None:
        """End after the fetched events."""
        self.is_complete = self._has_ended = True
        self._wake()

    def give(self, events: Sequence[Event]) -> None:
        """Give the reader the next events, which were fetched."""
        assert self.fetching is not None
        self.fall_behind(EventWindow(events=list(events)), events[-1].seq)

    def end(self, detach: bool) -> None:
        """End the reader once it has read what has happened.

        Args:
          detach: Whether there may be more events than it should see.
        """
        self.is_complete = self._has_ended = True
        if detach:
            self._detach()
        self._wake()

    def _detach(self, end: int | None = None) -> None:
        """Keep the unread events, up to *end*, and see nothing more of the run."""
        self.window = self.window.since(self.position, end)
        self.is_detached = True
