"""The user's side of a run's memory channel: a receive end like Trio's."""

from __future__ import annotations

from types import TracebackType
from typing import ClassVar, Self

import attrs
import trio
from trio.lowlevel import checkpoint, checkpoint_if_cancelled, enable_ki_protection

from trioflow._constructor import NoPublicConstructor
from trioflow._engine.stream.reader import Reader
from trioflow._help import PlainHelp
from trioflow.events import AnyEvent


@attrs.frozen
class EventStreamStatistics(metaclass=PlainHelp):
    """What `EventStream.statistics` returns, named as in `trio.MemoryChannelStatistics`."""

    __module__ = "trioflow"

    current_buffer_used: int
    """How many events wait to be read. This may exceed the maximum: the events that close running
    steps, and events that happened before the reader came, are never held back."""
    max_buffer_size: int
    """How many events may be unread before the run waits, or the reader gets a gap."""
    open_send_channels: int
    """1 while more events than the unread ones may follow, then 0."""
    open_receive_channels: int
    """How many receive ends are open: the stream and its clones."""
    tasks_waiting_send: int
    """How many tasks of the run wait for room in this buffer."""
    tasks_waiting_receive: int
    """How many tasks wait for an event, in all clones."""


class EventStream(trio.abc.ReceiveChannel[AnyEvent], metaclass=NoPublicConstructor):
    """The events of one run, in order, each once: a receive end of its memory channel.

    It ends after the last event of the run, or of the part that is read. The names are those of
    `trio.MemoryReceiveChannel` and mean the same; `receive_some` is an addition. Any number of
    tasks may read. When the last end is closed, the run continues without this reader.
    """

    __module__ = "trioflow"
    __slots__ = ("__weakref__", "_closed", "_reader")
    _source: ClassVar[str] = "Run.stream() or Run.observe()"

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._closed = False
        reader.open_ends += 1

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{self._reader.unread} unread"
        return f"<{type(self).__name__} at {id(self):#x}, {state}>"

    @property
    def max_buffer_size(self) -> int:
        """How many events may be unread before the run waits, or this reader gets a gap."""
        return self._reader.max_buffer_size

    def statistics(self) -> EventStreamStatistics:
        """Return how full the buffer is and how many tasks wait; also works after closing."""
        reader = self._reader
        return EventStreamStatistics(
            current_buffer_used=reader.unread,
            max_buffer_size=reader.max_buffer_size,
            open_send_channels=int(not reader.is_complete),
            open_receive_channels=reader.open_ends,
            tasks_waiting_send=reader.writers_waiting,
            tasks_waiting_receive=reader.tasks_waiting,
        )

    # ------------------------------------------------------------ reading
    async def receive(self) -> AnyEvent:
        """Return the next event.

        Raises:
          trio.EndOfChannel: after the last event.
          HistoryGap: if this reader was too slow and events were left out.
          trio.ClosedResourceError: if the stream was closed on this side, also while this waits.

        **Cancellation**: no event is lost.

        **Checkpoints**: always a cancellation point; a schedule point if it must wait for an event,
        and after each buffer full of available events.
        """
        try:
            return await self.__anext__()
        except StopAsyncIteration:
            raise trio.EndOfChannel from None

    def receive_nowait(self) -> AnyEvent:
        """Return the next event if it has already happened.

        Raises:
          trio.WouldBlock: if there is no event to read.
          trio.EndOfChannel, HistoryGap, trio.ClosedResourceError: as for `receive`.
        """
        reader = self._reader
        if self._closed:
            raise trio.ClosedResourceError
        if not reader.unread:
            reader.check_gap()
            raise trio.EndOfChannel if reader.is_complete else trio.WouldBlock
        event: AnyEvent = reader.window.events[reader.position - reader.window.first]
        reader.position += 1
        if reader.position >= reader.low_at:
            reader.reach_low_water()
        return event

    async def receive_some(self) -> list[AnyEvent]:
        """Return the unread events; if there are none, wait for one.

        Takes less time than awaiting each event. An empty list means the end, as empty bytes do in
        Trio's byte streams: ``while batch := await stream.receive_some():``.

        Returns:
          At least one event and less than two buffers full; none after the run's last event.

        Raises:
          HistoryGap, trio.ClosedResourceError: as for `receive`.

        **Cancellation** and **Checkpoints**: as for `receive`.
        """
        await checkpoint_if_cancelled()
        reader = self._reader
        if (
            self._closed or reader.position >= reader.turn_at or not reader.unread
        ) and not await self._pause():
            return []
        batch = reader.first_unread()  # instead of a loop over them (shortcut `receive-some`)
        reader.position += len(batch)
        if reader.position >= reader.low_at:
            reader.reach_low_water()
        return batch

    async def __anext__(self) -> AnyEvent:
        # The work of receive() and receive_nowait() in one place, because a loop awaits this for
        # each event (shortcut `loop`).
        await checkpoint_if_cancelled()
        reader = self._reader
        window, position = reader.window, reader.position
        index = position - window.first
        if index >= len(window.events) or position >= reader.turn_at or self._closed:
            if not await self._pause():
                raise StopAsyncIteration
            window, position = reader.window, reader.position
            index = position - window.first
        event: AnyEvent = window.events[index]
        reader.position = position = position + 1
        if position >= reader.low_at:
            reader.reach_low_water()
        return event

    async def _pause(self) -> bool:
        """Give others a turn, and wait for an event to read; return False if none will come."""
        reader = self._reader
        if reader.is_detached:
            reader.forget_read()
        unread = reader.unread
        if unread:
            await checkpoint()
            unread = reader.unread
        while not unread or self._closed:
            if self._closed:
                raise trio.ClosedResourceError
            if reader.is_complete:
                reader.check_gap()
                return False
            if reader.is_behind and reader.fetching is not None:
                await reader.fetching.fetch(reader, self)
            else:
                await reader.sleep(self)  # another task may take the event that wakes this one
            reader.roused = False
            unread = reader.unread
        reader.turn_at = reader.position + reader.max_buffer_size
        return True

    # ------------------------------------------------------------ clones, and the end of reading
    def clone(self) -> Self:
        """Return another receive end of the same stream, for another task to read from.

        All of them share one position in the events and one buffer: each event is received by one
        of them only. (For a second reader that sees every event, use ``run.observe()``.) Each is
        closed on its own, and the run stops waiting for the reader when all of them are closed.
        Until then, a clone holds it up as the stream itself would, also after the ``async with
        run.stream()`` block.

        Raises:
          trio.ClosedResourceError: if this receive end is closed.
        """
        if self._closed:
            raise trio.ClosedResourceError
        return self._another()

    def _another(self) -> Self:
        another: Self = type(self)._create(self._reader)
        return another

    def close(self) -> None:
        """Stop reading here. Tasks waiting in this receive end get ``trio.ClosedResourceError``.

        When the last clone is closed, unread events are dropped and the run no longer waits.
        """
        if not self._closed:
            self._closed = True
            self._reader.close_end(self)

    async def aclose(self) -> None:
        """Stop reading, see `close`. A checkpoint."""
        self.close()
        await checkpoint()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


for _method in (
    EventStream.__anext__,
    EventStream.receive,
    EventStream.receive_some,
    EventStream.receive_nowait,
    EventStream.clone,
    EventStream.close,
):
    # So that Ctrl-C does not lose events. Not a decorator, which would hide types from pyright.
    enable_ki_protection(_method)
