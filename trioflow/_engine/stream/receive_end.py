"""The receive channel of one reader: a position in the events of a run.

That events have come never blocks: emitting must work while a cancel scope is cancelled, and
number, fold and hand-out must not be torn apart by a checkpoint. The bound is kept by the run
instead, which waits at its next step boundary or ``write`` while a reader has
`max_buffer_size` or more events unread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, Protocol

import trio
from trio.lowlevel import checkpoint, checkpoint_if_cancelled

from trioflow._engine.stream.window import NEVER, EventWindow
from trioflow.errors import HistoryGap
from trioflow.events import Event

OnFull = Literal["wait", "gap"]
"""What happens when a reader's buffer is full: the run waits, or the reader is told of a gap."""


class Room(Protocol):
    """What a stream needs of the one who keeps the run waiting for its readers."""

    def review_room(self) -> None: ...


class EventStream(trio.abc.ReceiveChannel[Event]):
    """The events of one run, in order, each once.

    It ends after the run's last event. Closing it makes the run go on without this reader.
    """

    def __init__(self, max_buffer_size: int, room: Room, on_full: OnFull = "wait") -> None:
        """Make a stream; *room* is reviewed when the buffer has room again."""
        if max_buffer_size < 1:
            raise ValueError(f"max_buffer_size must be at least 1, not {max_buffer_size!r}")
        self.max_buffer_size = max_buffer_size
        self._low_water = max_buffer_size // 2
        self._room = room
        # No memory channel of Trio's: sending and receiving an event without waiting take
        # 0.3 µs there, of 6 µs for a whole step. Here an event is there once it has happened.
        self._window: EventWindow
        self._is_detached = False
        """Whether no more events will come, and what is left to read is its own."""
        self.position = NEVER
        """Of the next event that is read, in the window."""
        # Positions, so that reading an event looks at nothing else.
        self._turn_at = NEVER
        """Where others get a turn, if this reader has not waited since the last one."""
        self._low_at = NEVER
        """Where the run is told that there is room again."""
        self._tasks: tuple[trio.lowlevel.Task, ...] = ()
        """Those that wait for an event. Not in a ParkingLot, which is three objects more for the
        garbage collector to go through, of 33 for a run that has not begun and its reader."""
        self.roused = False
        """Whether a task was woken for an event and has not had its turn yet."""
        self.on_gap: Callable[[Event], None] | None = None
        """Is told of each event that is left out."""
        self._waits = on_full == "wait"
        self._unbounded = 0
        self._missed_from: int | None = None
        self._ended = False
        self._closed = False

    @property
    def unread(self) -> int:
        """How many events wait for the reader."""
        window = self._window  # and not its end, for Python takes 0.1 µs for a property
        unread = window.first + len(window.events) - self.position
        return max(0, unread)

    # ------------------------------------------------------------ the reader's side
    async def receive(self) -> Event:
        """Return the next event.

        Raises:
          trio.EndOfChannel: after the run's last event.
          HistoryGap: if this reader was too slow and events were left out for that.
          trio.ClosedResourceError: if the stream was closed on this side.

        **Cancellation**: no event is lost.

        **Checkpoints**: always a cancellation point, and a schedule point when an event has to
        be waited for, and after each buffer full of events that were there.
        """
        try:
            return await self.__anext__()
        except StopAsyncIteration:
            raise trio.EndOfChannel from None

    async def receive_some(self) -> list[Event]:
        """Return the events that wait to be read, and wait for one if there is none.

        Costs a reader a tenth of what awaiting each event does. An empty list means the end, as
        empty bytes do in Trio's byte streams: ``while batch := await stream.receive_some():``.

        Returns:
          At least one event, and less than two buffers full; none after the run's last one.

        Raises:
          HistoryGap, trio.ClosedResourceError: as for `receive`.

        **Cancellation** and **Checkpoints**: as for `receive`.
        """
        await checkpoint_if_cancelled()
        if (self.position >= self._turn_at or not self.unread) and not await self._pause():
            return []
        batch = self._batch()
        self.position += len(batch)
        if self.position >= self._low_at:
            self._reach_low_water()
        return batch

    def _batch(self) -> list[Event]:
        """Return what waits to be read, or the first of it."""
        index = self.position - self._window.first
        batch = self._window.events[index : index + 2 * self.max_buffer_size]
        if len(batch) == 2 * self.max_buffer_size:
            # The events that close steps come on top of a full buffer; what is more is a backlog.
            del batch[self.max_buffer_size :]
        return batch

    async def __anext__(self) -> Event:
        # The work is done here and not in receive(): a loop's way through both takes 0.1 µs more.
        await checkpoint_if_cancelled()
        window = self._window
        index = self.position - window.first
        if index >= len(window.events) or self.position >= self._turn_at:
            if not await self._pause():
                raise StopAsyncIteration
            window = self._window
            index = self.position - window.first
        event = window.events[index]
        self.position += 1
        if self.position >= self._low_at:
            self._reach_low_water()
        return event

    async def _pause(self) -> bool:
        """Let others have a turn, and wait until there is an event to read; or return False if
        there will be none."""
        if self._is_detached:
            self._forget()
        unread = self.unread
        if unread:
            await checkpoint()
            unread = self.unread
        while not unread:  # another task may take the event that wakes this one
            self._check_open()
            if self._ended:
                return False
            self._window.mark = 0
            await self._sleep()
            self.roused = False
            unread = self.unread
        self._turn_at = self.position + self.max_buffer_size
        return True

    def _sleep(self) -> Awaitable[Any]:
        """Wait until `_wake` wakes this task: ``await self._sleep()``. A checkpoint."""
        task = trio.lowlevel.current_task()

        def give_up(_: object) -> trio.lowlevel.Abort:
            self._tasks = tuple(other for other in self._tasks if other is not task)
            return trio.lowlevel.Abort.SUCCEEDED

        self._tasks += (task,)
        return trio.lowlevel.wait_task_rescheduled(give_up)  # noqa: ASYNC105 - by _pause

    def _wake(self, count: int | None = None) -> None:
        """Wake so many of the tasks that wait, by default all; those first that came first."""
        count = len(self._tasks) if count is None else count
        woken, self._tasks = self._tasks[:count], self._tasks[count:]
        for task in woken:
            trio.lowlevel.reschedule(task)

    def _forget(self) -> None:
        """Let go of what was read, in steps as large as what is left, so that it costs little."""
        if self.position - self._window.first > self.unread:
            self._window.forget(self.position)

    def _reach_low_water(self) -> None:
        self._low_at = NEVER
        if self.unread > self._low_water:  # more has come since the run was told to wait
            self.ask_for_room()
        else:
            self._room.review_room()

    def _check_open(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError
        if self._missed_from is not None:
            raise HistoryGap(self._missed_from)

    def close(self) -> None:
        """Stop reading. What was not read is dropped, and the run no longer waits."""
        if not self._closed:
            self._closed = True
            self._detach(self.position)
            self._wake()
            if not self._ended:
                self._room.review_room()

    async def aclose(self) -> None:
        """Stop reading, see `close`. A checkpoint."""
        self.close()
        await checkpoint()

    # ------------------------------------------------------------ the run's side
    @property
    def closed(self) -> bool:
        """Whether the reader has closed it."""
        return self._closed

    @property
    def position_held(self) -> int:
        """From which position on the run has to hold its events for this reader."""
        return NEVER if self._is_detached else self.position

    def bound(self, end: int) -> int:
        """Return how many events the run may have had before something must be done about this
        reader: wait for it, if the run has had *end* and that is not less, else tell it."""
        if self._is_detached:  # somebody may want to know what it misses
            return NEVER if self.on_gap is None or self._missed_from is None else end + 1
        bound = NEVER if self._unbounded else self.position + self.max_buffer_size
        if not self._waits:
            bound = max(bound, end) + 1
        return min(bound, end + 1) if self._tasks else bound

    def ask_for_room(self) -> None:
        """Tell the run as soon as half of the buffer has been read."""
        self._low_at = self._window.end - self._low_water

    def look_through(self, window: EventWindow, position: int) -> None:
        """Read the events of *window* from *position* on."""
        self._window, self.position = window, position
        self._turn_at = position + self.max_buffer_size

    def move(self, end: int, count: int) -> None:
        """Have the positions before *end* lie so much further on, and look anew for later ones."""
        if self._is_detached:
            return
        if self.position > end:
            self.position = self._window.position_of(self.position)
        else:
            self.position += count
        self._turn_at = self.position + self.max_buffer_size
        if self._low_at != NEVER:
            self._low_at += count

    def notice(self, events: Sequence[Event]) -> None:
        """Wake whoever waits for events, and end the stream if its reader is too slow for them."""
        if self._tasks and (unread := self.unread):  # it may wait for one yet to come
            self._wake(unread)
            self.roused = True
        if not self._waits and not self._is_detached and self.unread > self.max_buffer_size:
            # What had happened before it began to read does not count, however much it is.
            self._missed_from = max(self.position + self.max_buffer_size, events[0].seq)
            self._detach(self._missed_from)
            self._wake()  # whoever finds no event left has to be told
        if self._missed_from is not None and self.on_gap is not None:
            for event in events:
                if event.seq >= self._missed_from:
                    self.on_gap(event)

    def _detach(self, end: int | None = None) -> None:
        """Keep what is left to read, up to *end*, and see nothing more of the run."""
        self._window = self._window.since(self.position, end)
        self._is_detached = True

    def end(self, detach: bool) -> None:
        """Let the reader come to the end once it has read what has happened.

        Args:
          detach: Whether there may be more events than it should see.
        """
        self._ended = True
        if detach:
            self._detach()
        self._wake()

    def lift_bound(self) -> None:
        """Let the buffer grow, for someone who waits for the end of the run unread."""
        self._unbounded += 1
        self._room.review_room()

    def restore_bound(self) -> None:
        """Undo one `lift_bound`."""
        self._unbounded -= 1
        self._room.review_room()
