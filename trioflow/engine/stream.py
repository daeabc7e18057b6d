"""The receive channel of one reader.

The memory channel inside never blocks the engine: emitting must work while a cancel scope
is cancelled, and number, fold and send must not be torn apart by a checkpoint. The bound
is kept by the run instead, which waits at its next step boundary or ``write`` while a
reader has `max_buffer_size` or more events unread.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Literal

import trio

from trioflow.errors import HistoryGap
from trioflow.events import Event

OnFull = Literal["wait", "gap"]
"""What happens when a reader's buffer is full: the run waits, or the reader is told of a gap."""


class EventStream(trio.abc.ReceiveChannel[Event]):
    """The events of one run, in order, each once.

    It ends after the run's last event. Closing it makes the run go on without this reader.
    """

    def __init__(
        self, max_buffer_size: int, on_room: Callable[[], None], on_full: OnFull = "wait"
    ) -> None:
        if max_buffer_size < 1:
            raise ValueError(f"max_buffer_size must be at least 1, not {max_buffer_size!r}")
        self.max_buffer_size = max_buffer_size
        self._low_water = max_buffer_size // 2
        self._on_room = on_room
        self._on_full = on_full
        self._missed_from: int | None = None
        self.on_gap: Callable[[Event], None] | None = None
        """Is told of each event that is left out."""
        self._unread = 0
        self._unbounded = 0
        self._closed = False
        self._send, self._receive = trio.open_memory_channel[Event](math.inf)

    @property
    def unread(self) -> int:
        """How many events wait for the reader."""
        return self._unread

    @property
    def full(self) -> bool:
        """Whether the run has to wait for this reader."""
        waits = self._on_full == "wait" and not self._unbounded
        return waits and self._unread >= self.max_buffer_size

    # ------------------------------------------------------------ the reader's side
    async def receive(self) -> Event:
        """Return the next event.

        Raises:
          trio.EndOfChannel: after the run's last event.
          HistoryGap: if this reader was too slow and events were left out for that.
          trio.ClosedResourceError: if the stream was closed on this side.

        **Cancellation**: no event is lost.

        **Checkpoints**: always a cancellation point, and a schedule point when no event is
        waiting. It need not be one otherwise: at most a buffer full of events can be read
        before the run must have its turn.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            event = self._receive.receive_nowait()
        except trio.WouldBlock:
            event = await self._receive.receive()
        except trio.EndOfChannel:
            if self._missed_from is not None:
                raise HistoryGap(self._missed_from) from None
            raise
        self._unread -= 1
        if self._unread == self._low_water:
            self._on_room()
        return event

    def close(self) -> None:
        """Stop reading. What was not read is dropped, and the run no longer waits."""
        if not self._closed:
            self._closed = True
            self._receive.close()
            self._send.close()
            self._on_room()

    async def aclose(self) -> None:
        """Stop reading, see `close`. A checkpoint."""
        self.close()
        await trio.lowlevel.checkpoint()

    # ------------------------------------------------------------ the run's side
    @property
    def closed(self) -> bool:
        """Whether the reader has closed it."""
        return self._closed

    def offer(self, event: Event) -> None:
        """Put an event into the buffer, or end the stream if its reader is too slow for it."""
        if self._on_full == "gap" and self._unread >= self.max_buffer_size:
            if self._missed_from is None:
                self._missed_from = event.seq
                self._send.close()
            if self.on_gap is not None:
                self.on_gap(event)
            return
        self._unread += 1
        self._send.send_nowait(event)

    def offer_all(self, events: Iterable[Event]) -> None:
        """Put the events of the past into the buffer, however many they are."""
        for event in events:
            self._unread += 1
            self._send.send_nowait(event)

    def end(self) -> None:
        """Let the reader come to the end once it has read what is in the buffer."""
        self._send.close()

    def lift_bound(self) -> None:
        """Let the buffer grow, for someone who waits for the end of the run unread."""
        self._unbounded += 1
        self._on_room()

    def restore_bound(self) -> None:
        """Undo one `lift_bound`."""
        self._unbounded -= 1
