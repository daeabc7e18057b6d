"""Several readers of a run, each with clones: each reader sees each event once, in order."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack
from typing import Any, Literal

import attrs
import trio
import trio._core._run
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.properties.scale import examples
from trioflow import EventStream, Run, StepContext, Workflow, step

How = Literal["receive", "receive_some", "receive_nowait", "loop"]
ENOUGH = 10_000
"""Seconds that no example needs if nothing waits for ever."""
PAUSES = st.sampled_from((0.0, 0.0, 0.0, 0.5, 1.0))


@attrs.frozen
class End:
    """A task that reads from one receive end."""

    how: How
    comes: float
    """When it begins to read, in seconds."""
    pause: float
    """How long it does something else after each read."""
    leaves: int | None
    """After how many reads it closes its receive end; None if it stays to the end."""
    splits: int | None
    """After how many reads it makes a clone, which another task reads in the same way to the
    end."""


@attrs.define(eq=False)
class Group:
    """A reader: the tasks that share one stream, and what they got, in this order."""

    buffer: int
    ends: list[End]
    got: list[int] = attrs.field(factory=list)

    def check(self, count: int) -> None:
        assert self.got == list(range(len(self.got)))
        if any(end.leaves is None for end in self.ends):
            assert len(self.got) == count

    async def read(self, stream: EventStream) -> None:
        """Read with all ends until the last one has left."""
        ends = [stream, *(stream.clone() for _ in self.ends[1:])]
        async with trio.open_nursery() as nursery:
            for receive_end, end in zip(ends, self.ends, strict=True):
                nursery.start_soon(self._read, receive_end, end, nursery)

    async def _read(self, stream: EventStream, end: End, nursery: trio.Nursery) -> None:
        async with stream:
            await trio.sleep(end.comes)
            reads = 0
            while reads != end.leaves and await self._read_once(stream, end.how):
                reads += 1
                if reads == end.splits:
                    other = attrs.evolve(end, comes=0.0, splits=None)
                    nursery.start_soon(self._read, stream.clone(), other, nursery)
                await trio.sleep(end.pause)

    async def _read_once(self, stream: EventStream, how: How) -> bool:
        """Read what there is, or wait for it; return False at the end."""
        try:
            match how:
                case "receive":
                    events = [await stream.receive()]
                case "receive_some":
                    events = await stream.receive_some()
                case "receive_nowait":
                    events = [stream.receive_nowait()]
                case "loop":
                    events = [await anext(stream)]
        except trio.WouldBlock:
            await trio.sleep(0.1)
            return True
        except (trio.EndOfChannel, StopAsyncIteration):
            return False
        self.got += [event.seq for event in events]
        return bool(events)


@st.composite
def groups(draw: st.DrawFn) -> Group:
    often = st.none() | st.integers(1, 20)
    end = st.builds(
        End,
        how=st.sampled_from(("receive", "receive_some", "receive_nowait", "loop")),
        comes=PAUSES,
        pause=PAUSES,
        leaves=often,
        splits=often,
    )
    return Group(draw(st.sampled_from((1, 2, 5, 64))), draw(st.lists(end, min_size=1, max_size=4)))


def writer(pauses: list[float]) -> Workflow[Any, Any]:
    @step
    async def writes(value: int, ctx: StepContext) -> None:
        for pause in pauses:
            await trio.sleep(pause)
            await ctx.write(pause)

    return Workflow("w").then(writes)


async def play(run: Run[Any, Any], readers: list[Group]) -> None:
    with trio.fail_after(ENOUGH):
        async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
            for group in readers:
                opening = run.observe(max_buffer_size=group.buffer, on_full="wait")
                stream = await stack.enter_async_context(opening)
                nursery.start_soon(group.read, stream)
            nursery.start_soon(run.start, 1)


@settings(max_examples=examples(40, 2000), deadline=None)
@given(st.lists(PAUSES, max_size=60), st.lists(groups(), min_size=1, max_size=3), st.integers(0))
def test_each_reader_sees_each_event_once_in_order(
    pauses: list[float], readers: list[Group], seed: int
) -> None:
    schedule: random.Random = trio._core._run._r
    schedule.seed(seed)
    run = writer(pauses).create_run()

    trio.run(play, run, readers, clock=MockClock(autojump_threshold=0))

    for group in readers:
        group.check(len(pauses) + 5)
