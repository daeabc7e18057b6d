"""Shortcuts for readers, and for values, give the same as their plain twins."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio._core._run
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from benchmarks.shortcuts import plain_calls as plain
from benchmarks.shortcuts.stage import (
    chunk_events,
    new_log,
    new_stream,
)
from tests.properties.shown import shows
from trioflow import EventStream, Workflow, step
from trioflow import events as ev
from trioflow._engine.base.habits import Reputation
from trioflow._engine.stream.fairness import Pacer
from trioflow._engine.stream.reader import Reader
from trioflow._values.structure import make_converter
from trioflow.errors import FaultsError

COUNTS = st.integers(0, 5)


# ---------------------------------------------------------------- reading
BUFFERS = st.sampled_from([1, 2, 5, 64])
SIZES = st.integers(0, 200)


@shows("own-channel")
@settings(deadline=None)
@given(SIZES, BUFFERS, st.lists(st.booleans(), min_size=1), st.integers(0, 99))
def test_what_comes_through_the_channel(
    size: int, buffer: int, pauses: list[bool], seed: int
) -> None:
    schedule: random.Random = trio._core._run._r
    schedule.seed(seed)
    events = chunk_events(size)

    async def take(channel: trio.abc.ReceiveChannel[ev.Event]) -> list[ev.Event]:
        taken = []
        async for event in channel:
            taken.append(event)
            await pause(len(taken))
        return taken

    async def pause(count: int) -> None:
        if pauses[count % len(pauses)]:
            await trio.lowlevel.checkpoint()

    async def by_ours() -> list[ev.Event]:
        log = new_log()
        stream, pacer = new_stream(log, buffer), Pacer(log, Reputation())
        most = 0

        async def write() -> None:
            nonlocal most
            for event in events:
                await pause(event.seq)
                await pacer.give_way()
                log.add(event)
                most = max(most, stream.statistics().current_buffer_used)
            log.readers.end_part(has_ended=True)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            taken = await take(stream)
        assert most <= buffer
        return taken

    async def by_trios() -> list[ev.Event]:
        send, receive = trio.open_memory_channel[ev.Event](buffer)

        async def write() -> None:
            async with send:
                for event in events:
                    await pause(event.seq)
                    await send.send(event)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            return await take(receive)
        raise AssertionError("the block neither returned nor raised")  # for type checkers

    async def in_time(way: Callable[[], Awaitable[list[ev.Event]]]) -> list[ev.Event]:
        with trio.fail_after(1):  # nobody sleeps, so this comes only if all wait for each other
            return await way()

    def run(way: Callable[[], Awaitable[list[ev.Event]]]) -> list[ev.Event]:
        return trio.run(in_time, way, clock=MockClock(autojump_threshold=0))

    assert run(by_ours) == run(by_trios) == events


async def by_some(stream: EventStream, count: int) -> list[ev.Event]:
    return [*await stream.receive_some()]


async def by_loop(stream: EventStream, count: int) -> list[ev.Event]:
    found: list[ev.Event] = []
    if count:
        async for event in stream:
            found.append(event)
            if len(found) == count:
                break
    return found


READS = st.lists(st.tuples(st.sampled_from([by_some, by_loop]), COUNTS))


@shows("receive-some", "loop")
@settings(deadline=None)
@given(SIZES, BUFFERS, READS)
def test_ways_to_read(size: int, buffer: int, reads: list[tuple[Any, int]]) -> None:
    log = new_log()
    streams = [new_stream(log, buffer), new_stream(log, buffer, plain.PlainStream)]
    for stream in streams:
        stream._reader.lift_bound()
    for event in chunk_events(size):
        log.add(event)
    log.readers.end_part(has_ended=True)

    async def read() -> None:
        fast, twin = streams
        for how, count in reads:
            found = await how(fast, count)
            assert found == await by_loop(twin, len(found))
            assert fast.statistics() == twin.statistics()
        assert await by_loop(fast, -1) == await by_loop(twin, -1)
        assert await fast.receive_some() == []
        with pytest.raises(trio.EndOfChannel):
            await twin.receive()

    trio.run(read)


@shows("unread")
@given(SIZES, st.integers(0, 300))
def test_how_many_events_wait(size: int, after: int) -> None:
    log = new_log()
    readers = [Reader(500, log.readers), plain.PlainReader(500, log.readers)]
    for reader in readers:
        log.add_reader(reader, after)
    for event in chunk_events(size):
        log.add(event)

    assert readers[0].unread == readers[1].unread == max(0, size - after)


# ---------------------------------------------------------------- values
CONVERTER = make_converter()
HOOK = CONVERTER.get_structure_hook(list[int])
ONE_BY_ONE = plain.structure_items(int, CONVERTER)


def outcome_of(structure: Callable[[Any], Any], values: Any) -> Any:
    """Return what a list is structured into, or what is wrong with it."""
    try:
        return structure(values)
    except FaultsError as exc:
        return exc.faults


@shows("usual-items")
@given(st.lists(st.integers()) | st.lists(st.integers() | st.booleans() | st.text("a")))
def test_items_of_a_list(values: list[Any]) -> None:
    fast = outcome_of(lambda values: HOOK(values, list[int]), values)
    twin = outcome_of(ONE_BY_ONE, values)

    assert fast == twin
    assert (fast is values) is (twin is values)


@shows("item-workers")
@settings(deadline=None)
@given(st.lists(st.integers(-9, 9)), st.integers(1, 5))
def test_items_that_workers_take(items: list[int], concurrency: int) -> None:
    running = most = 0

    @step
    async def body(value: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep(value % 3)
        running -= 1
        return value * 2

    async def by_tasks() -> list[int]:
        results: dict[int, int] = {}
        limiter = trio.CapacityLimiter(concurrency)

        async def make(index: int, item: int) -> None:
            async with limiter:
                results[index] = await body.fn(item)

        async with trio.open_nursery() as nursery:
            for index, item in enumerate(items):
                nursery.start_soon(make, index, item)
        return [results[index] for index in range(len(items))]

    workflow = Workflow("w", input=list[int]).foreach(body, concurrency=concurrency)

    async def by_workers() -> Any:
        return await workflow.run(items)

    assert trio.run(by_workers, clock=MockClock(autojump_threshold=0)) == trio.run(
        by_tasks, clock=MockClock(autojump_threshold=0)
    )
    assert most <= concurrency
