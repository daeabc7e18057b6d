"""One reader as its run sees it: a position in the events, and how far it may fall behind."""

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

``"journal"``: it reads on from what the run still holds, then from the journal. Without a journal,
`HistoryGap` is raised where events are missing. ``"gap"``: `HistoryGap` is raised behind a full
buffer. ``"wait"``: the run waits.
"""
Until = Literal["suspended", "finished"]
"""Where a reader ends: when the run next finishes or suspends, or only when it finishes."""


class Room(Protocol):
    """What a reader needs of the object that keeps the run waiting for its readers."""

    @property
    def tasks_waiting(self) -> int: ...
    @property
    def forgotten(self) -> int: ...
    def review_room(self) -> None: ...


class Reader:
    """A position in the events of a run, from which one or more receive ends read.

    The receive ends (`trioflow.EventStream`) read at `position` themselves; what else a run and
    its readers have to agree about is here.
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
        """Make a reader.

        Args:
          room: Reviewed when the buffer has room again.
          source: Where it reads on if *on_full* is ``"journal"``.
        """
        if max_buffer_size < 1:
            raise ValueError(f"max_buffer_size must be at least 1, not {max_buffer_size!r}")
        self.max_buffer_size = max_buffer_size
        self.stays = until == "finished"
        """Whether it reads on after the run has suspended."""
        self.position = NEVER
        """Of the next event that is read, in the window."""
        # Positions, so that reading an event looks at nothing else.
        self.turn_at = NEVER
        """Where others get a turn, if this reader has not waited since the last one."""
        self.low_at = NEVER
        """Where the run is told that there is room again; `NEVER` if it does not wait for that."""
        self.open_ends = 0
        """How many receive ends there are that are not closed."""
        self.roused = False
        """Whether a task was woken for an event and has not had its turn yet."""
        self.on_gap: Callable[[Event], None] | None = None
        """Is told of each event that is left out."""
        self._tasks: tuple[trio.lowlevel.Task, ...] = ()
        """Those that wait for an event, each with its receive end as ``custom_sleep_data``. Not in
        a ParkingLot, which is objects more for the garbage collector to go through."""
        self.room = room
        self._on_full = on_full
        self.fetching = None if source is None else Fetching(source)
        """How it reads on where the run does not hold its events; None if it cannot."""
        self.is_behind = False
        """Whether what follows has to be fetched."""
        self._unbounded = 0
        self._missed_from: int | None = None
        self.is_detached = False
        """Whether no more events will come, and what is left to read is its own."""
        self.is_complete = False
        """Whether nothing comes behind the events that wait to be read."""
        self._has_ended = False
        """Whether the run has had its last event, or the last one of this part."""
        self.closed = False
        """Whether all its receive ends are closed."""

    # ------------------------------------------------------------ what there is to read
    @property
    def unread(self) -> int:
        """How many events wait to be read."""
        window = self.window
        unread = window.first + len(window.events) - self.position
        # It may wait for one yet to come. Not max() (shortcut `unread`).
        return unread if unread > 0 else 0  # noqa: FURB136

    def check_gap(self) -> None:
        """Raise HistoryGap if events were left out behind those that wait to be read."""
        if self._missed_from is not None:
            raise HistoryGap(max(self._missed_from, self.room.forgotten))

    # ------------------------------------------------------------ reading it
    def first_unread(self) -> list[AnyEvent]:
        """Return what waits to be read, or the first of it."""
        index, size = self.position - self.window.first, self.max_buffer_size
        batch: list[AnyEvent] = self.window.events[index : index + 2 * size]
        if len(batch) == 2 * size:
            # The events that close steps come on top of a full buffer; what is more is a backlog.
            del batch[size:]
        return batch

    def reach_low_water(self) -> None:
        """Tell the run that there is room again, if there is."""
        self.low_at = NEVER
        if self.unread > self.max_buffer_size // 2:  # more has come since the run has to wait
            self.ask_for_room()
        else:
            self.room.review_room()

    def forget_read(self) -> None:
        """Let go of what was read, in steps as large as what is left, so that it costs little."""
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
        """Let this task wait at a receive end until it is woken: ``await reader.sleep(end)``.

        It may be woken without an event: for the end, or because another task has taken it.

        **Cancellation**: no event is lost. **Checkpoints**: always.
        """
        task = trio.lowlevel.current_task()

        def give_up(_: object) -> trio.lowlevel.Abort:
            self._tasks = tuple(other for other in self._tasks if other is not task)
            return trio.lowlevel.Abort.SUCCEEDED

        task.custom_sleep_data = end
        self._tasks += (task,)
        self.window.mark = 0  # the next event is soon enough to ask
        return trio.lowlevel.wait_task_rescheduled(give_up)  # noqa: ASYNC105 - by the caller

    def _wake(self, count: int | None = None) -> None:
        """Wake so many of the tasks that wait, by default all; those first that came first."""
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
        """Close one receive end, and with the last one this reader: the run no longer waits."""
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
        """Let the buffer grow, for a task that waits for the end of the run unread."""
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
        """From which position on the run has to hold its events for this reader."""
        return NEVER if self.is_detached or self._on_full == "journal" else self.position

    def bound(self, end: int) -> int:
        """Return how many events the run may have had before something must be done about this
        reader: wait for it, if the run has had *end* and that is not less, else tell it."""
        if self.is_detached:  # an instrument may want to know what it misses
            return NEVER if self.on_gap is None or self._missed_from is None else end + 1
        if self._unbounded or self._on_full == "journal":
            bound = NEVER
        else:
            bound = self.position + self.max_buffer_size
        if self._on_full == "gap":
            bound = max(bound, end) + 1
        return min(bound, end + 1) if self._tasks else bound

    def ask_for_room(self) -> None:
        """Tell the run as soon as half of the buffer has been read."""
        self.low_at = self.window.end - self.max_buffer_size // 2

    def look_through(self, window: EventWindow, position: int) -> None:
        """Read the events of *window* from *position* on, as they come."""
        self.window, self.position = window, position
        self.is_detached = self.is_behind = False
        self.turn_at = self.position + self.max_buffer_size

    def move(self, end: int, count: int) -> None:
        """Have the positions before *end* lie so much further on, and look anew for later ones."""
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
            # What had happened before it began to read does not count, however much it is.
            seq = max(self.position + self.max_buffer_size, events[0].seq)
            self._miss(seq, seq)
        if self._missed_from is not None:
            self._report_missed(events)

    def _miss(self, seq: int, end: int) -> None:
        """End with a gap behind what is left to read before position *end*; *seq* can be had."""
        self._missed_from = seq
        self.is_complete = True
        self._detach(end)
        self._wake()  # those for whom no event is left have to be told

    def _report_missed(self, events: Sequence[Event]) -> None:
        if self._missed_from is not None and self.on_gap is not None:
            for event in events:
                if event.seq >= self._missed_from:
                    self.on_gap(event)

    def let_forget(self, first: int) -> None:
        """Fall behind if the run is about to forget unread events before position *first*."""
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

    # ------------------------------------------------------------ reading on elsewhere
    def fall_behind(self, window: EventWindow, after: int) -> None:
        """See nothing more of the run for now, but what is in *window*.

        Args:
          after: The ``seq`` behind which the reader has to read on.
        """
        assert self.fetching is not None  # the caller has asked
        self.window, self.position = window, window.first
        self.low_at = NEVER
        self.turn_at = self.position + self.max_buffer_size
        self.fetching.after = after
        self.is_detached = self.is_behind = True
        self._wake()

    def step_aside(self) -> None:
        """See nothing more of the run for now, but what is unread."""
        end = max(self.window.end, self.position)
        self.fall_behind(self.window.since(self.position), end - 1)

    def complete(self) -> None:
        """End behind what was fetched."""
        self.is_complete = self._has_ended = True
        self._wake()

    def give(self, events: Sequence[Event]) -> None:
        """Let the reader have the next events, which were fetched."""
        assert self.fetching is not None
        self.fall_behind(EventWindow(events=list(events)), events[-1].seq)

    def end(self, detach: bool) -> None:
        """Let the reader come to the end once it has read what has happened.

        Args:
          detach: Whether there may be more events than it should see.
        """
        self.is_complete = self._has_ended = True
        if detach:
            self._detach()
        self._wake()

    def _detach(self, end: int | None = None) -> None:
        """Keep what is left to read, up to *end*, and see nothing more of the run."""
        self.window = self.window.since(self.position, end)
        self.is_detached = True
