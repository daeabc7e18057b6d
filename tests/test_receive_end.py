"""A stream as Trio users know a memory receive channel: each method in each state."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, assert_checkpoints, wait_all_tasks_blocked

import trioflow
from tests.flows import add_one, sleeps, unread
from trioflow import EventStream, Run, RunStream, StepContext, Workflow, step
from trioflow._engine.stream.channel import Readers
from trioflow.errors import HistoryGap

State = Callable[[], AbstractAsyncContextManager[EventStream]]


@step
async def writes(count: int, ctx: StepContext) -> int:
    for number in range(count):
        await ctx.write(number)
    return count


def small_run() -> Run[Any, Any]:
    """Return a run of five events."""
    return Workflow("w").then(add_one).create_run()


@asynccontextmanager
async def pending() -> AsyncGenerator[EventStream, None]:
    """A stream of a run that has not begun."""
    async with small_run().observe() as stream:
        yield stream


@asynccontextmanager
async def waiting() -> AsyncGenerator[EventStream, None]:
    """A stream of a run in which nothing has happened since the reader looked last."""
    async with Workflow("w").then(sleeps(60)).create_run().stream(1) as stream:
        await wait_all_tasks_blocked()
        await stream.receive_some()
        yield stream


@asynccontextmanager
async def running() -> AsyncGenerator[EventStream, None]:
    """A stream of a run that has had two events."""
    async with Workflow("w").then(sleeps(60)).create_run().stream(1) as stream:
        await wait_all_tasks_blocked()
        yield stream


@asynccontextmanager
async def over() -> AsyncGenerator[EventStream, None]:
    """A stream that has had all its events and is still to be read."""
    run = small_run()
    await run.start(1)
    async with run.observe() as stream:
        yield stream


@asynccontextmanager
async def read() -> AsyncGenerator[EventStream, None]:
    """A stream that has been read to its end."""
    async with over() as stream:
        await stream.receive_some()
        yield stream


@asynccontextmanager
async def too_slow() -> AsyncGenerator[EventStream, None]:
    """A stream whose reader has missed all events but the first two, which it may still read."""
    run = Workflow("w").then(writes).then(sleeps(60)).create_run()
    async with (
        trio.open_nursery() as nursery,
        run.observe(max_buffer_size=2, on_full="gap") as stream,
    ):
        nursery.start_soon(run.start, 3)
        await wait_all_tasks_blocked()
        yield stream
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def at_gap() -> AsyncGenerator[EventStream, None]:
    """The same, with those two read."""
    async with too_slow() as stream:
        await stream.receive_some()
        yield stream


@asynccontextmanager
async def closed() -> AsyncGenerator[EventStream, None]:
    """A stream that was closed with events unread, before the end of the run."""
    async with running() as stream:
        stream.close()
        yield stream


@asynccontextmanager
async def closed_with_clone() -> AsyncGenerator[EventStream, None]:
    """A stream that was closed while a clone of it is still open."""
    async with over() as stream, stream.clone():
        stream.close()
        yield stream


SEQ_0, BLOCKS, END = "event 0", "blocks", "end"
GAP, CLOSED = HistoryGap, trio.ClosedResourceError

OUTCOMES: dict[State, tuple[object, int, int]] = {
    pending: (BLOCKS, 0, 1),
    waiting: (BLOCKS, 0, 1),
    running: (SEQ_0, 2, 1),
    over: (SEQ_0, 5, 0),
    read: (END, 0, 0),
    too_slow: (SEQ_0, 2, 0),
    at_gap: (GAP, 0, 0),
    closed: (CLOSED, 0, 0),
    closed_with_clone: (CLOSED, 5, 0),
}
"""What comes of reading in each state, how many events wait, and whether more may come."""


async def by_receive(stream: EventStream) -> object:
    return f"event {(await stream.receive()).seq}"


async def by_loop(stream: EventStream) -> object:
    async for event in stream:
        return f"event {event.seq}"
    raise trio.EndOfChannel


async def by_receive_some(stream: EventStream) -> object:
    batch = await stream.receive_some()
    if not batch:
        raise trio.EndOfChannel
    return f"event {batch[0].seq}"


async def by_receive_nowait(stream: EventStream) -> object:
    return f"event {stream.receive_nowait().seq}"


async def outcome(reading: Callable[[EventStream], Awaitable[object]], stream: EventStream) -> Any:
    """Read once and say what came of it: an event, the end, an exception, or that it blocks."""
    try:
        with trio.move_on_after(30):
            return await reading(stream)
    except trio.EndOfChannel:
        return END
    except trio.WouldBlock:
        return BLOCKS
    except (HistoryGap, trio.ClosedResourceError) as exc:
        return type(exc)
    return BLOCKS


@pytest.mark.parametrize("reading", [by_receive, by_loop, by_receive_some, by_receive_nowait])
@pytest.mark.parametrize("state", OUTCOMES, ids=lambda state: state.__name__)
async def test_reading(
    state: State, reading: Callable[[EventStream], Awaitable[object]], autojump_clock: MockClock
) -> None:
    expected, *_ = OUTCOMES[state]
    async with state() as stream:
        assert await outcome(reading, stream) == expected


@pytest.mark.parametrize("state", OUTCOMES, ids=lambda state: state.__name__)
async def test_statistics_and_what_is_shown(state: State, autojump_clock: MockClock) -> None:
    expected, count, senders = OUTCOMES[state]
    async with state() as stream:
        statistics = stream.statistics()

        assert statistics.current_buffer_used == count
        assert statistics.max_buffer_size == stream.max_buffer_size
        assert statistics.open_send_channels == senders
        assert statistics.open_receive_channels == (state is not closed)
        assert (statistics.tasks_waiting_send, statistics.tasks_waiting_receive) == (0, 0)
        shown = "closed" if expected is CLOSED else f"{count} unread"
        assert repr(stream).endswith(f", {shown}>")


@pytest.mark.parametrize("state", OUTCOMES, ids=lambda state: state.__name__)
async def test_a_clone_reads_in_place_of_the_stream(
    state: State, autojump_clock: MockClock
) -> None:
    expected, count, senders = OUTCOMES[state]
    async with state() as stream:
        if expected is CLOSED:
            with pytest.raises(trio.ClosedResourceError):
                stream.clone()
            return
        async with stream.clone() as clone:
            assert type(clone) is type(stream)
            assert clone.statistics() == stream.statistics()
            assert clone.statistics().open_receive_channels == 2
            stream.close()
            assert clone.statistics().open_receive_channels == 1
            assert (unread(clone), clone.statistics().open_send_channels) == (count, senders)
            assert await outcome(by_receive, clone) == expected


@pytest.mark.parametrize("state", OUTCOMES, ids=lambda state: state.__name__)
async def test_closing_is_final_and_may_be_repeated(
    state: State, autojump_clock: MockClock
) -> None:
    async with state() as stream:
        stream.close()
        with assert_checkpoints():
            await stream.aclose()
        with stream, pytest.raises(trio.ClosedResourceError):
            stream.receive_nowait()
        async with stream:
            with pytest.raises(trio.ClosedResourceError):
                await stream.receive()


# ---------------------------------------------------------------- who may make one
@pytest.mark.parametrize("cls", [EventStream, RunStream])
def test_users_do_not_make_streams(cls: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"has no public constructor; use Run\.stream\(\)"):
        cls(64)


def test_its_home_is_the_package() -> None:
    assert EventStream.__module__ == trioflow.EventStreamStatistics.__module__ == "trioflow"


def test_nothing_of_the_engine_is_on_it() -> None:
    own = {name for name in vars(EventStream) if not name.startswith("_")}

    assert own == {
        *("receive", "receive_nowait", "receive_some", "statistics", "clone", "close", "aclose"),
        "max_buffer_size",
    }


# ---------------------------------------------------------------- taking turns, room, closing
async def test_receive_nowait_takes_one_after_the_other() -> None:
    async with over() as stream:
        assert [stream.receive_nowait().seq for _ in range(5)] == list(range(5))
        with pytest.raises(trio.EndOfChannel):
            stream.receive_nowait()


async def test_receive_nowait_makes_room_for_the_writer() -> None:
    async with Workflow("w").then(writes).create_run().stream(1000, max_buffer_size=8) as stream:
        await wait_all_tasks_blocked()
        assert stream.statistics().tasks_waiting_send == 1
        for _ in range(4):
            stream.receive_nowait()
        assert stream.statistics().tasks_waiting_send == 0
        await wait_all_tasks_blocked()
        assert unread(stream) == 8


async def test_writers_wait_for_the_reader_that_is_full() -> None:
    run = Workflow("w").parallel(writes, writes.clone("more")).create_run()

    async with (
        run.stream(100, max_buffer_size=8) as slow,
        run.observe(max_buffer_size=1000, on_full="wait") as other,
    ):
        await wait_all_tasks_blocked()
        assert slow.statistics().tasks_waiting_send == 2
        assert other.statistics().tasks_waiting_send == 0
        assert (await slow.get_workflow_state()).status == "success"
        assert slow.statistics().tasks_waiting_send == 0


async def test_who_waits_for_the_result_is_not_waited_for(autojump_clock: MockClock) -> None:
    run = Workflow("w").then(writes).create_run()

    async with trio.open_nursery() as nursery, run.stream(100, max_buffer_size=8) as stream:
        await wait_all_tasks_blocked()
        async with run.observe(max_buffer_size=4, on_full="wait") as slow:
            nursery.start_soon(stream.get_workflow_state)
            await wait_all_tasks_blocked()
            assert slow.statistics().tasks_waiting_send == 1
            assert stream.statistics().tasks_waiting_send == 0


@pytest.mark.parametrize("method", ["receive", "receive_some", "__anext__"])
async def test_closing_wakes_the_tasks_that_wait(method: str) -> None:
    told = 0

    async def wait(stream: EventStream) -> None:
        nonlocal told
        with pytest.raises(trio.ClosedResourceError):
            await getattr(stream, method)()
        told += 1

    async with waiting() as stream, trio.open_nursery() as nursery:
        nursery.start_soon(wait, stream)
        nursery.start_soon(wait, stream)
        await wait_all_tasks_blocked()
        assert stream.statistics().tasks_waiting_receive == 2
        stream.close()
        assert stream.statistics().tasks_waiting_receive == 0
        await wait_all_tasks_blocked()
        assert told == 2


@pytest.mark.parametrize("method", ["receive", "receive_some", "__anext__", "receive_nowait"])
async def test_ctrl_c_does_not_come_between_taking_an_event_and_giving_it(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    protected: list[bool] = []

    def review_room(readers: Readers) -> None:
        protected.append(trio.lowlevel.currently_ki_protected())

    async with Workflow("w").then(writes).create_run().stream(9, max_buffer_size=1) as stream:
        await wait_all_tasks_blocked()
        monkeypatch.setattr(Readers, "review_room", review_room)
        read = getattr(stream, method)()
        if method != "receive_nowait":
            await read
        stream.close()
        monkeypatch.undo()

    assert protected == [True, True]


# ---------------------------------------------------------------- clones
async def test_closing_a_clone_wakes_its_own_tasks_only() -> None:
    ended: list[str] = []

    async def wait(stream: EventStream, name: str) -> None:
        try:
            await stream.receive()
        except trio.ClosedResourceError:
            ended.append(name)

    async with waiting() as stream, stream.clone() as clone, trio.open_nursery() as nursery:
        nursery.start_soon(wait, clone, "clone")
        nursery.start_soon(wait, stream, "stream")
        await wait_all_tasks_blocked()
        assert clone.statistics().tasks_waiting_receive == 2
        clone.close()
        await wait_all_tasks_blocked()
        assert ended == ["clone"]
        assert stream.statistics().tasks_waiting_receive == 1
        nursery.cancel_scope.cancel()


async def test_an_event_goes_to_a_clone_if_the_stream_is_closed_that_it_has_woken() -> None:
    go, got = trio.Event(), list[str]()

    @step
    async def writes_and_closes(value: int, ctx: StepContext) -> None:
        await go.wait()
        await ctx.write("chunk")
        stream.close()  # before the task that waits in it has had its turn
        await trio.sleep_forever()

    async def wait(end: EventStream) -> None:
        try:
            got.append((await end.receive()).type)
        except trio.ClosedResourceError:
            got.append("closed")

    run = Workflow("w").then(writes_and_closes).create_run()
    async with trio.open_nursery() as nursery, run.stream(1) as stream, stream.clone() as clone:
        await wait_all_tasks_blocked()
        await stream.receive_some()
        for end in (stream, clone):
            nursery.start_soon(wait, end)
            await wait_all_tasks_blocked()
        go.set()
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()

    assert sorted(got) == ["closed", "step-output"]


async def test_the_run_waits_until_the_last_clone_is_closed() -> None:
    run = Workflow("w").then(writes).create_run()

    opening = run.observe(max_buffer_size=3, on_full="wait")
    async with trio.open_nursery() as nursery, opening as stream:
        clone = stream.clone()
        nursery.start_soon(run.start, 50)
        await wait_all_tasks_blocked()
        stream.close()
        await wait_all_tasks_blocked()
        assert run.status == "running"
        clone.close()
        assert (await run.wait()).unwrap() == 50


async def test_a_clone_may_outlive_the_block_and_read_to_the_end() -> None:
    run = Workflow("w").then(sleeps(60)).create_run()

    async with run.stream(1) as stream:
        clone = stream.clone()
        await stream.receive()
    assert run.status == "canceled"

    assert clone.run is run
    assert (await clone.get_workflow_state()).status == "canceled"
    async with clone:
        assert [event.type async for event in clone][-1] == "finish"


async def test_a_gap_is_told_to_each_clone() -> None:
    async with at_gap() as stream, stream.clone() as clone:
        for end in (stream, clone):
            with pytest.raises(HistoryGap, match="2"):
                await end.receive()


# ---------------------------------------------------------------- cancellation
@attrs.define(eq=False)
class CancelAfter(trio.abc.Instrument):
    """Cancels a scope after so many steps of one task."""

    task: trio.lowlevel.Task
    scope: trio.CancelScope
    steps: int

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self.task:
            self.steps -= 1
            if self.steps == 0:
                self.scope.cancel()


async def read_canceled(
    stream: EventStream, reading: Callable[[EventStream], Awaitable[Any]], after: int
) -> list[int] | None:
    """Read once and cancel that after so many task steps; return what was read, if something."""
    with trio.CancelScope() as scope:
        if after == 0:
            scope.cancel()
        canceler = CancelAfter(trio.lowlevel.current_task(), scope, after)
        trio.lowlevel.add_instrument(canceler)
        try:
            found = await reading(stream)
        finally:
            trio.lowlevel.remove_instrument(canceler)
    if scope.cancelled_caught:
        return None
    return [event.seq for event in found] if isinstance(found, list) else [found.seq]


CANCELABLE: dict[str, Callable[[EventStream], Awaitable[Any]]] = {
    "receive": lambda stream: stream.receive(),
    "receive_some": lambda stream: stream.receive_some(),
    "__anext__": lambda stream: stream.__anext__(),
}


@pytest.mark.parametrize("reading", CANCELABLE.values(), ids=CANCELABLE)
async def test_no_event_is_lost_by_a_cancellation_at_any_await(
    reading: Callable[[EventStream], Awaitable[Any]],
) -> None:
    seen: list[int] = []
    canceled = 0
    run = Workflow("w").then(writes).create_run()

    async with run.stream(40, max_buffer_size=4) as stream:
        for after in (0, 1, 0, 1, 2) * 20:
            try:
                batch = await read_canceled(stream, reading, after)
            except (trio.EndOfChannel, StopAsyncIteration):
                break
            canceled += batch is None
            seen += batch or ()
        seen += [event.seq async for event in stream]

    assert seen == list(range(45))
    assert canceled >= 5


@pytest.mark.parametrize("reading", CANCELABLE.values(), ids=CANCELABLE)
@pytest.mark.parametrize(
    "after", [0, 1], ids=["before it takes an event", "in the turn of other tasks"]
)
async def test_a_backlog_stays_whole_if_its_reader_is_canceled(
    reading: Callable[[EventStream], Awaitable[Any]], after: int
) -> None:
    run = Workflow("w").then(writes).create_run()
    await run.start(20)

    async with run.observe(max_buffer_size=5) as stream:
        first = [stream.receive_nowait().seq for _ in range(5)]  # so others are to have a turn
        assert await read_canceled(stream, reading, after) is None
        assert first + [event.seq async for event in stream] == list(range(25))


@pytest.mark.parametrize("reading", CANCELABLE.values(), ids=CANCELABLE)
async def test_a_canceled_wait_leaves_nothing_behind(
    reading: Callable[[EventStream], Awaitable[Any]], autojump_clock: MockClock
) -> None:
    async with waiting() as stream:
        with trio.move_on_after(1) as scope:
            await reading(stream)
        assert scope.cancelled_caught
        assert stream.statistics().tasks_waiting_receive == 0
        assert [event.type async for event in stream] == ["step-result", "step-finish", "finish"]


async def test_aclose_closes_even_if_it_is_canceled() -> None:
    async with waiting() as stream:
        with trio.CancelScope() as scope:
            scope.cancel()
            await stream.aclose()
        assert scope.cancelled_caught
        with pytest.raises(trio.ClosedResourceError):
            stream.receive_nowait()


async def test_a_loop_may_be_left_and_taken_up_again() -> None:
    async with over() as stream:
        async for event in stream:
            if event.seq == 1:
                break
        async with aclosing(stream):
            assert [event.seq async for event in stream] == [2, 3, 4]
