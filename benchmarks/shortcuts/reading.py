"""Shortcuts between what happens in a run and those who read it."""

from __future__ import annotations

from typing import Any

import trio

from benchmarks.measure import expect
from benchmarks.shortcuts import plain_calls as plain
from benchmarks.shortcuts.shortcut import Shortcut, Work
from benchmarks.shortcuts.stage import chunk_events, in_trio, new_log, new_stream
from trioflow import EventStream
from trioflow._engine.base.habits import Reputation
from trioflow._engine.stream.fairness import Pacer
from trioflow._engine.stream.reader import Reader
from trioflow.events import Event

BUFFER = 64


def own_channel(number: int) -> tuple[Work, Work]:
    events = chunk_events(number)

    async def fast() -> None:
        log = new_log()
        stream = new_stream(log, BUFFER)
        pacer = Pacer(log, Reputation())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_take_all, stream, number)
            for event in events:
                await pacer.give_way()
                log.add(event)
            log.readers.end_part(has_ended=True)

    async def slow() -> None:
        log = new_log()
        send, receive = trio.open_memory_channel[Event](BUFFER)
        async with trio.open_nursery() as nursery, send:
            nursery.start_soon(_receive_all, receive, number)
            for event in events:
                log.add(event)
                await send.send(event)

    return in_trio(fast), in_trio(slow)


async def _take_all(stream: EventStream, number: int) -> None:
    taken = 0
    while batch := await stream.receive_some():
        taken += len(batch)
    expect("events taken", taken, number)


async def _receive_all(channel: trio.abc.ReceiveChannel[Event], number: int) -> None:
    received = 0
    async for _ in channel:
        received += 1
    expect("events received", received, number)


def _backlog(number: int, stream_type: type[EventStream] = EventStream) -> EventStream:
    """Return a stream of a run that is over and has had so many events."""
    log = new_log()
    stream = new_stream(log, BUFFER, stream_type)
    stream._reader.lift_bound()
    for event in chunk_events(number):
        log.add(event)
    log.readers.end_part(has_ended=True)
    return stream


def take_some(number: int) -> tuple[Work, Work]:
    async def fast() -> None:
        await _take_all(_backlog(number), number)

    async def slow() -> None:
        await _receive_all(_backlog(number), number)

    return in_trio(fast), in_trio(slow)


def loop(number: int) -> tuple[Work, Work]:
    async def fast() -> None:
        await _receive_all(_backlog(number), number)

    async def slow() -> None:
        await _receive_all(_backlog(number, plain.PlainStream), number)

    return in_trio(fast), in_trio(slow)


def unread(number: int) -> tuple[Work, Work]:
    def read_all(reader: Reader) -> None:
        for _ in range(number):
            reader.unread  # noqa: B018

    readers: list[Any] = []
    for reader_type in (Reader, plain.PlainReader):
        log = new_log()
        reader = reader_type(BUFFER, log.readers)
        log.add_reader(reader, None)
        readers.append(reader)
    return lambda: read_all(readers[0]), lambda: read_all(readers[1])


SHORTCUTS = (
    Shortcut(
        "own-channel",
        where="_engine/stream/__init__.py",
        fast="a run writes where its readers look, and waits for room at boundaries",
        plain="trio.open_memory_channel, where each send and each receive is awaited",
        per="event",
        make=own_channel,
    ),
    Shortcut(
        "receive-some",
        where="_engine/stream/receive_end.py",
        fast="a reader takes all that is there at once",
        plain="a loop, which awaits each event",
        per="event",
        make=take_some,
    ),
    Shortcut(
        "loop",
        where="_engine/stream/receive_end.py",
        fast="what a loop awaits for each event does all of the work itself",
        plain="it awaits receive(), which takes the event by receive_nowait()",
        per="event",
        make=loop,
    ),
    Shortcut(
        "unread",
        where="_engine/stream/reader.py",
        fast="a conditional expression",
        plain="max()",
        per="look",
        make=unread,
    ),
)
