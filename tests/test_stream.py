"""Reading a run: buffers, backpressure, observers, and what leaves a stream's block."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.flows import add_one, brief, double, fails, observed, record_run, sleeps, unread
from trioflow import StepContext, Workflow, events, fold, step
from trioflow._engine.stream.channel import HISTORY
from trioflow.errors import (
    EventTimeoutError,
    HistoryGap,
    RunAlreadyStartedError,
    RunCanceledError,
    StepClosedError,
)


@step
async def writes(count: int, ctx: StepContext) -> int:
    for number in range(count):
        await ctx.write(number)
    return count


async def test_a_writer_waits_for_its_reader() -> None:
    run = Workflow("w").then(writes).create_run()

    async with run.stream(1000, max_buffer_size=8) as stream:
        await wait_all_tasks_blocked()
        assert unread(stream) == 8
        received = [event async for event in stream]

    assert [event.seq for event in received] == list(range(1005))


async def test_a_reader_that_goes_on_wakes_the_writer_before_its_buffer_is_empty() -> None:
    run = Workflow("w").then(writes).create_run()

    async with run.stream(1000, max_buffer_size=8) as stream:
        await wait_all_tasks_blocked()
        for _ in range(4):
            await stream.receive()
        await wait_all_tasks_blocked()
        assert unread(stream) == 8


async def test_no_more_than_the_closing_events_come_on_top_of_a_full_buffer() -> None:
    workflow = Workflow("w").parallel(*(double.clone(f"d{n}") for n in range(20)))
    run = workflow.create_run()

    async with run.stream(1, max_buffer_size=4) as stream:
        await wait_all_tasks_blocked()
        most = unread(stream)
        async for _ in stream:
            await wait_all_tasks_blocked()
            most = max(most, unread(stream))

    assert most <= 4 + 20


async def test_a_body_that_keeps_waiting_feels_a_slow_reader(autojump_clock: MockClock) -> None:
    @step
    async def waits(count: int, ctx: StepContext) -> int:
        for _ in range(count):
            with pytest.raises(EventTimeoutError):
                await ctx.wait_for("never", timeout=1.0)
        return count

    async with Workflow("w").then(waits).create_run().stream(100, max_buffer_size=8) as stream:
        await trio.sleep(1000)
        assert unread(stream) == 8
        assert len([event async for event in stream]) == 105


async def test_a_chunk_that_waits_for_room_when_its_step_ends_is_refused() -> None:
    contexts: list[StepContext] = []

    @step
    async def fills(value: int, ctx: StepContext) -> None:
        contexts.append(ctx)
        await ctx.write("the last that has room")

    async def write_late() -> None:
        with pytest.raises(StepClosedError):
            await contexts[0].write("too late")

    run = Workflow("w").then(fills).create_run()
    async with trio.open_nursery() as nursery, run.stream(1, max_buffer_size=3) as stream:
        await wait_all_tasks_blocked()  # the step waits for room to close
        nursery.start_soon(write_late)
        await wait_all_tasks_blocked()
        seen = [event.type async for event in stream]

    assert seen.count("step-output") == 1


async def test_a_crowd_of_writers_passes_the_baton() -> None:
    workflow = Workflow("w").parallel(*(writes.clone(f"w{n}") for n in range(10)))
    run = workflow.create_run()

    recorded = await record_run(run, 20, max_buffer_size=1)

    assert len(recorded) == 2 + 10 * (3 + 20)


async def test_the_result_can_be_had_without_reading_and_events_are_still_there() -> None:
    run = Workflow("w").then(writes).create_run()

    async with run.stream(500, max_buffer_size=4) as stream:
        result = await stream.get_workflow_state()
        assert result.unwrap() == 500
        assert len([event async for event in stream]) == 505


async def test_the_bound_is_back_when_nobody_waits_for_the_result_any_more(
    autojump_clock: MockClock,
) -> None:
    @step
    async def sleeps_then_writes(value: int, ctx: StepContext) -> None:
        await trio.sleep(5)
        await writes(100, ctx)

    run = Workflow("w").then(sleeps_then_writes).create_run()

    async with run.stream(1, max_buffer_size=4) as stream:
        with trio.move_on_after(1):
            await stream.get_workflow_state()
        await trio.sleep(10)
        assert unread(stream) == 4


@pytest.mark.parametrize("size", [0, -1])
async def test_a_buffer_needs_room_for_one_event(size: int) -> None:
    run = Workflow("w").create_run()
    with pytest.raises(ValueError, match="max_buffer_size must be at least 1"):
        async with run.stream(1, max_buffer_size=size):
            pass
    assert (await run.start(1)).status == "success"


async def test_what_the_block_raises_leaves_it_as_itself(autojump_clock: MockClock) -> None:
    run = Workflow("w").then(sleeps(60)).create_run()

    with pytest.raises(KeyError) as caught:
        async with run.stream(1):
            raise KeyError("mine")

    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    assert run.status == "canceled"
    assert trio.current_time() == 0


async def test_a_group_raised_by_the_block_is_not_wrapped_again() -> None:
    group = ExceptionGroup("mine", [ValueError()])

    with pytest.raises(ExceptionGroup) as caught:
        async with Workflow("w").then(sleeps(60)).create_run().stream(1):
            raise group

    assert caught.value is group


async def test_leaving_early_cancels_and_waits_for_the_clean_up(autojump_clock: MockClock) -> None:
    log: list[str] = []

    @step
    async def cleans_up(value: int) -> None:
        try:
            await trio.sleep(60)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(2)
            log.append("clean")

    run = Workflow("w").then(cleans_up).create_run()
    async with run.stream(1) as stream:
        async for event in stream:
            if isinstance(event, events.StepStart):
                break

    assert log == ["clean"]
    assert trio.current_time() == 2
    assert run.status == "canceled"
    assert run.record.reason == "its stream was left"


async def test_a_failed_step_raises_nothing_from_the_stream() -> None:
    error = ValueError()
    async with Workflow("w").then(fails(error)).create_run().stream(1) as stream:
        last = [event async for event in stream][-1]

    assert isinstance(last, events.Finish)
    assert last.error is error


@pytest.mark.parametrize("raised", [SystemExit(2), asyncio.CancelledError(), BaseException("odd")])
async def test_whatever_a_step_raises_is_its_failure(raised: BaseException) -> None:
    @step
    async def raises(value: int) -> None:
        raise raised

    result = await Workflow("w").then(raises).create_run().start(1)

    assert (result.status, result.error) == ("failed", raised)
    with pytest.raises(type(raised)):
        result.unwrap()


async def test_ctrl_c_in_a_step_ends_the_run_and_gets_out() -> None:
    @step
    async def interrupted(value: int) -> None:
        raise KeyboardInterrupt

    run = Workflow("w").then(interrupted).create_run()
    seen = []
    with pytest.raises(KeyboardInterrupt):
        async with run.stream(1) as stream:
            async for event in stream:
                seen.append(event)

    assert brief(await observed(run))[-4:] == [
        "step-result interrupted",
        "step-finish interrupted",
        "canceled",
        "finish",
    ]


async def test_ctrl_c_is_not_hidden_by_what_the_block_raises() -> None:
    @step
    async def interrupted(value: int) -> None:
        raise KeyboardInterrupt

    with pytest.RaisesGroup(KeyboardInterrupt, ValueError):
        async with Workflow("w").then(interrupted).create_run().stream(1) as stream:
            try:
                await stream.get_workflow_state()
            finally:
                raise ValueError


async def test_a_run_is_started_once() -> None:
    run = Workflow("w").create_run()
    await run.start(1)

    with pytest.raises(RunAlreadyStartedError, match="create a run for each start"):
        await run.start(1)
    with pytest.raises(RunAlreadyStartedError):
        async with run.stream(1):
            pass


async def test_reading_after_the_block_is_an_error_but_the_result_is_there() -> None:
    async with Workflow("w").create_run().stream(1) as stream:
        pass

    with pytest.raises(trio.ClosedResourceError):
        await stream.receive()
    assert len(stream.trace_id) == 32
    assert (await stream.get_workflow_state()).run_id == stream.run_id


async def test_what_is_there_can_be_taken_at_once() -> None:
    run = Workflow("w").then(writes).create_run()
    taken: list[int] = []

    async with run.stream(100, max_buffer_size=8) as stream:
        while batch := await stream.receive_some():
            assert unread(stream) == 0
            taken += [event.seq for event in batch]
        assert await stream.receive_some() == []

    assert taken == list(range(105))
    with pytest.raises(trio.ClosedResourceError):
        await stream.receive_some()


async def test_taking_what_is_there_makes_room_for_the_writer() -> None:
    run = Workflow("w").then(writes).create_run()

    async with run.stream(1000, max_buffer_size=8) as stream:
        await wait_all_tasks_blocked()
        assert len(await stream.receive_some()) == 8
        await wait_all_tasks_blocked()
        assert unread(stream) == 8


async def test_of_a_long_backlog_only_a_part_is_taken_at_once() -> None:
    run = Workflow("w").then(writes).create_run()
    await run.start(100)
    sizes: list[int] = []

    async with run.observe(max_buffer_size=8) as stream:
        while batch := await stream.receive_some():
            sizes.append(len(batch))

    assert sum(sizes) == 105
    assert max(sizes) < 2 * 8


async def test_others_have_turns_while_a_long_backlog_is_taken() -> None:
    run = Workflow("w").then(writes).create_run()
    await run.start(800)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery, run.observe(max_buffer_size=8) as stream:
        nursery.start_soon(count_turns)
        while await stream.receive_some():
            pass
        nursery.cancel_scope.cancel()

    assert turns > 800 / 8 - 10


async def test_taking_what_is_there_ends_at_a_gap() -> None:
    run = Workflow("w").then(add_one).create_run()
    async with run.observe(max_buffer_size=2, on_full="gap") as slow:
        await run.start(0)

        assert [event.seq for event in await slow.receive_some()] == [0, 1]
        with pytest.raises(HistoryGap):
            await slow.receive_some()


async def test_taking_what_is_there_is_cancelled_even_if_something_is() -> None:
    run = Workflow("w").then(add_one).create_run()
    await run.start(0)

    async with run.observe() as stream:
        with trio.CancelScope() as scope:
            scope.cancel()
            await stream.receive_some()

        assert scope.cancelled_caught
        assert unread(stream) == 5


async def test_receive_is_cancelled_even_if_events_are_waiting() -> None:
    async with Workflow("w").then(add_one).create_run().stream(1) as stream:
        await stream.get_workflow_state()
        with trio.move_on_after(0) as scope:
            await stream.receive()
        assert scope.cancelled_caught
        assert (await stream.receive()).seq == 0


class TestObservers:
    async def test_any_number_of_them_see_the_same(self) -> None:
        run = Workflow("w").then(add_one).then(double).create_run()
        async with AsyncExitStack() as stack:
            early = await stack.enter_async_context(run.observe())

            async with run.stream(1) as stream:
                first = await stream.receive()
                middle = await stack.enter_async_context(run.observe())
                rest = [event async for event in stream]
            late = await stack.enter_async_context(run.observe())

            expected = [first, *rest]
            for observer in (early, middle, late):
                assert [event async for event in observer] == expected

    async def test_one_can_ask_for_the_rest_only(self) -> None:
        run = Workflow("w").then(add_one).create_run()
        await run.start(1)

        assert [event.seq for event in await observed(run, 2)] == [3, 4]
        assert [event.seq for event in await observed(run, 4)] == []

    @pytest.mark.parametrize("chunks", [30, 3 * HISTORY])
    async def test_one_of_a_part_that_is_over_does_not_see_the_next_one(self, chunks: int) -> None:
        @step
        async def asks(value: int, ctx: StepContext) -> None:
            if ctx.resume_data is None:
                ctx.suspend("go on?")
            await writes(chunks, ctx)

        run = Workflow("w").then(asks).create_run()
        await run.start(0)
        async with run.observe() as first, run.observe() as second:
            await run.resume(True, step="asks")

            assert [event.seq async for event in first] == list(range(5))
            assert [event.seq for event in await second.receive_some()] == list(range(5))
            assert await second.receive_some() == []

    async def test_one_can_ask_for_what_has_not_happened_yet(self) -> None:
        run = Workflow("w").then(add_one).then(double).create_run()
        async with run.observe(after=4) as later, trio.open_nursery() as nursery:
            nursery.start_soon(run.start, 1)
            assert unread(later) == 0
            assert [event.seq async for event in later] == [5, 6, 7]

        assert await observed(run, 100) == []

    @pytest.mark.parametrize("after", [None, -1, -5])
    async def test_before_the_first_event_there_is_nothing_to_miss(self, after: int | None) -> None:
        run = Workflow("w").then(add_one).create_run()
        async with run.observe(after=after) as early:
            await run.start(1)

            assert [event.seq async for event in early] == list(range(5))
        assert [event.seq for event in await observed(run, after)] == list(range(5))

    async def test_the_run_waits_for_a_slow_one_until_it_closes(self) -> None:
        run = Workflow("w").then(writes).create_run()
        opening = run.observe(max_buffer_size=3, on_full="wait")

        async with trio.open_nursery() as nursery, opening as observer:
            nursery.start_soon(run.start, 50)
            await wait_all_tasks_blocked()
            assert unread(observer) == 3
            await observer.aclose()
            assert (await run.wait()).unwrap() == 50

    async def test_a_late_one_is_told_if_the_beginning_is_gone(self) -> None:
        run = Workflow("w").then(writes).create_run()
        await run.start(2 * HISTORY)

        with pytest.raises(HistoryGap) as caught:
            await observed(run)

        first = caught.value.first_available
        assert (await observed(run, first - 1))[0].seq == first
        assert f"observe(after={first - 1})" in str(caught.value)


async def test_the_state_is_the_fold_at_every_prefix() -> None:
    workflow = Workflow("w").parallel(add_one, double).map(lambda d: [1, 2]).foreach(double)
    run = workflow.create_run()
    seen: list[events.Event] = []

    async with run.stream(1, max_buffer_size=1) as stream:
        async for event in stream:
            seen.append(event)
            if run.record.next_seq == event.seq + 1:
                assert fold(seen) == run.record

    assert fold(seen) == run.record


async def test_runs_of_one_workflow_do_not_touch_each_other(autojump_clock: MockClock) -> None:
    @step
    async def remembers(value: int, ctx: StepContext) -> Any:
        ctx.runtime_context["me"] = value
        ctx.set_state(me=value)
        await trio.sleep(1)
        return ctx.runtime_context["me"]

    workflow = Workflow("w").then(remembers).map(lambda data, ctx: (data, ctx.state["me"]))
    results: dict[int, Any] = {}

    async def run(value: int) -> None:
        results[value] = await workflow.run(value)

    async with trio.open_nursery() as nursery:
        for value in range(50):
            nursery.start_soon(run, value)

    assert results == {value: (value, value) for value in range(50)}


async def test_run_raises_what_the_step_raised() -> None:
    error = ValueError("mine")
    with pytest.raises(ValueError) as caught:
        await Workflow("w").then(fails(error)).run(1)
    assert caught.value is error


async def test_run_says_so_if_the_run_canceled_itself() -> None:
    @step
    async def gives_up(value: int, ctx: StepContext) -> None:
        ctx.cancel_run("enough")
        await trio.lowlevel.checkpoint()

    with pytest.raises(RunCanceledError, match="was canceled: enough"):
        await Workflow("w").then(gives_up).run(1)


async def test_a_backlog_is_not_read_in_one_go() -> None:
    run = Workflow("w", input=list[int]).foreach(add_one, concurrency=1).create_run()
    turns: list[int] = []
    read = 0

    async def takes_turns() -> None:
        while True:
            await trio.lowlevel.checkpoint()
            turns.append(read)

    async with run.stream(list(range(200)), max_buffer_size=10) as stream:
        await stream.get_workflow_state()  # lifts the bound
        async with trio.open_nursery() as nursery:
            nursery.start_soon(takes_turns)
            async for _ in stream:
                read += 1
            nursery.cancel_scope.cancel()

    assert read == 205
    # Trio runs the tasks of a batch in any order, so one buffer may pass without a turn.
    assert max(after - before for before, after in pairwise([0, *turns, read])) <= 30
