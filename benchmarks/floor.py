"""F0: the programs that one would write by hand with Trio alone.

All have the same shape: a nursery, a bounded memory channel of 64, and three small event
objects per step that are sent with ``await send`` to the task that reads them.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs
import trio
import trio.testing

from benchmarks.bodies import noop
from benchmarks.measure import expect

BUFFER = 64


@attrs.define
class Started:
    id: str
    input: Any


@attrs.define
class Ended:
    id: str
    output: Any


@attrs.define
class Finished:
    id: str
    attempts: int


@attrs.define
class Chunk:
    id: str
    chunk: Any


Body = Callable[[Any], Awaitable[Any]]
Steps = Sequence[tuple[str, Body]]
Sender = trio.MemorySendChannel[Any]
Receiver = trio.MemoryReceiveChannel[Any]


async def run_step(id: str, body: Body, value: Any, send: Sender) -> Any:
    """One step: its body, and the three events around it."""
    await send.send(Started(id, value))
    output = await body(value)
    await send.send(Ended(id, output))
    await send.send(Finished(id, 1))
    return output


async def run_steps(steps: Steps, value: Any, send: Sender) -> None:
    async with send:
        for id, body in steps:
            value = await run_step(id, body, value, send)


async def count(receive: Receiver) -> int:
    events = 0
    async with receive:
        async for _ in receive:
            events += 1
    return events


async def chain(steps: Steps, value: Any) -> None:
    """Steps one after the other; the reader reads all events."""
    send, receive = trio.open_memory_channel[Any](BUFFER)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_steps, steps, value, send)
        events = await count(receive)
    expect("events of the floor", events, 3 * len(steps))


async def watch_chain(steps: Steps, value: Any, see: Callable[[Any], None]) -> None:
    """The same with a reader that looks at each event."""
    send, receive = trio.open_memory_channel[Any](BUFFER)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_steps, steps, value, send)
        async for event in receive:
            see(event)


async def foreach(items: Sequence[int], concurrency: int) -> None:
    """A task per item, as many at a time as a limiter lets through."""
    send, receive = trio.open_memory_channel[Any](BUFFER)
    limiter = trio.CapacityLimiter(concurrency)
    outputs: list[Any] = [None] * len(items)

    async def run_item(index: int, item: int) -> None:
        async with limiter:
            outputs[index] = await run_step("item", noop, item, send)

    async def run_all() -> None:
        async with send, trio.open_nursery() as nursery:
            for index, item in enumerate(items):
                nursery.start_soon(run_item, index, item)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_all)
        events = await count(receive)
    expect("events of the floor", events, 3 * len(items))
    expect("outputs of the floor", sum(outputs), sum(items))


async def chunks(number: int, pause: Callable[[int], Awaitable[None]] | None) -> None:
    """One step that emits chunks, and a reader that may be slow."""
    send, receive = trio.open_memory_channel[Any](BUFFER)

    async def write_all() -> None:
        async with send:
            for index in range(number):
                await send.send(Chunk("writer", index))

    events = 0
    async with trio.open_nursery() as nursery:
        nursery.start_soon(write_all)
        async for _ in receive:
            events += 1
            if pause is not None:
                await pause(events)
    expect("chunks of the floor", events, number)


async def many_chains(runs: int, steps: Steps) -> None:
    """Many chains at once, each with its own channel and reader."""
    async with trio.open_nursery() as nursery:
        for value in range(runs):
            nursery.start_soon(chain, steps, value)


async def first_event(repeats: int) -> float:
    """Return the mean seconds from opening a stream to its first event."""
    seconds = 0.0
    for _ in range(repeats):
        started = time.perf_counter()
        send, receive = trio.open_memory_channel[Any](BUFFER)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run_steps, [("noop", noop)], 0, send)
            await receive.receive()
            seconds += time.perf_counter() - started
            expect("rest of the events of the floor", await count(receive), 2)
    return seconds / repeats


async def cancel(steps: Steps) -> float:
    """Return the seconds from the cancel of a chain that hangs to its end."""
    send, receive = trio.open_memory_channel[Any](BUFFER)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_steps, steps, 0, send)
        nursery.start_soon(count, receive)
        await trio.testing.wait_all_tasks_blocked()
        started = time.perf_counter()
        nursery.cancel_scope.cancel()
    return time.perf_counter() - started
