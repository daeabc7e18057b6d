"""Observe a run, whether it is driven here, in another process or not at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import get_args

from trioflow._engine.life.life import Life
from trioflow._engine.stream.channel import first_wanted
from trioflow._engine.stream.reader import OnFull, Reader, Until
from trioflow._engine.stream.receive_end import EventStream
from trioflow._engine.stream.window import EventWindow
from trioflow._phases import Phase

_ON_FULL, _UNTIL = get_args(OnFull), get_args(Until)


def check_observing(max_buffer_size: int, on_full: str, until: str) -> None:
    """Check the arguments that an observer is opened with.

    Raises:
      ValueError: if an argument is not valid.
    """
    if max_buffer_size < 1:
        raise ValueError(f"max_buffer_size must be at least 1, not {max_buffer_size!r}")
    if on_full not in _ON_FULL:
        raise _unknown("on_full", on_full, _ON_FULL)
    if until not in _UNTIL:
        raise _unknown("until", until, _UNTIL)


def _unknown(name: str, given: str, known: Sequence[str]) -> ValueError:
    return ValueError(f"{name} must be one of {', '.join(map(repr, known))}, not {given!r}")


async def open_observer(
    life: Life, after: int | None, max_buffer_size: int, on_full: OnFull, until: Until
) -> Reader:
    """Return a reader of all events with a ``seq`` above *after*.

    Raises:
      HistoryGap: if some of them are no longer held and there is no journal to read.
      RunStateError: if another process drives the run and the engine is closed.
      StoreError, JournalFormatError: if the journal cannot be read.

    **Checkpoints**: only if the journal is read.
    """
    log, source, is_lost = life.core.log, None, False
    if life.keeper is not None and on_full == "journal":
        source, is_lost = await life.keeper.source(life)
    reader = Reader(max_buffer_size, log.readers, on_full, until, source)
    life.follow()
    if source is None:
        log.add_reader(reader, after)
    elif is_lost or not log.readers.holds(after):
        await begin_behind(reader, after, life.record.next_seq - 1)
    else:
        log.add_reader(reader, after)
        if life.phase is Phase.WAITING and reader.stays:
            log.readers.step_aside()  # another process may continue it
    return reader


class Observation(AbstractAsyncContextManager[EventStream]):
    """A block that reads a run: a stream on entering it, closed on leaving it."""

    # Not a generator with a decorator, which costs more than the rest of observing a short run.
    __slots__ = ("_open", "_stream")

    def __init__(self, open: Callable[[], Awaitable[Reader]]) -> None:
        self._open = open

    async def __aenter__(self) -> EventStream:
        stream: EventStream = EventStream._create(await self._open())
        self._stream = stream
        return stream

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stream.close()


async def begin_behind(reader: Reader, after: int | None, last: int) -> None:
    """Make a reader begin in the journal, which holds at least the events up to *last*.

    **Checkpoints**: only if the reader asks for some of them.
    """
    reader.fall_behind(EventWindow(), first_wanted(after) - 1)
    if reader.fetching is not None and last > reader.fetching.after:
        await reader.fetching.fetch(reader, None)
