"""The parts of a run that goes on: each is left and recorded on its own."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.suspending import Calls
from trioflow import StepContext, Workflow, events, step
from trioflow.errors import NotResumableError


def asking(calls: Calls) -> Workflow[Any, Any]:
    return Workflow("asking", input=Any, output=Any).then(calls.asks()).sleep(10)


async def test_leaving_the_stream_of_a_part_that_is_over_does_not_cancel_the_next_one(
    autojump_clock: MockClock,
) -> None:
    run = asking(Calls()).create_run()
    statuses = []

    async def answer() -> None:
        statuses.append((await run.resume("yes", step="asks")).status)

    async with trio.open_nursery() as nursery:
        async with run.stream(0) as stream:
            assert (await stream.get_workflow_state()).status == "suspended"
            nursery.start_soon(answer)
            await wait_all_tasks_blocked()
        assert trio.current_time() == 0

    assert statuses == ["success"]


async def test_leaving_an_open_stream_cancels_the_part_that_runs(
    autojump_clock: MockClock,
) -> None:
    run = asking(Calls()).create_run()
    statuses = []

    async def answer() -> None:
        statuses.append((await run.resume("yes", step="asks")).status)

    async with trio.open_nursery() as nursery, run.stream(0, close_on_suspend=False) as stream:
        assert (await stream.get_workflow_state()).status == "suspended"
        nursery.start_soon(answer)
        await wait_all_tasks_blocked()

    assert statuses == ["canceled"]


async def test_a_step_that_is_travelled_to_with_an_answer_shows_it(
    autojump_clock: MockClock,
) -> None:
    run = asking(Calls()).create_run()
    await run.start(0)

    result = await (await run.fork("asks", resume_data="yes")).start()

    record = result.steps["asks"]
    assert (record.resume_data, record.output) == ("yes", "asks:yes")
    assert record.resumed_at == record.started_at


async def test_the_stream_of_a_travel_gives_the_new_run() -> None:
    run = asking(Calls()).create_run()
    await run.start(0)

    async with (await run.fork("asks")).stream() as stream:
        await stream.get_workflow_state()

    assert stream.run.run_id == stream.run_id != run.run_id
    assert stream.run.status == "suspended"


async def test_no_second_stream_is_opened_beside_one_that_stays_open() -> None:
    @step
    async def asks(value: int, ctx: StepContext) -> int:
        if ctx.resume_data is None:
            ctx.suspend()
        return value

    run = Workflow("w").then(asks).create_run()
    async with run.stream(1, close_on_suspend=False) as stream:
        await stream.get_workflow_state()
        with pytest.raises(NotResumableError, match="its stream is still open"):
            async with run.resume_stream(1):
                pass
        assert (await run.resume(1)).unwrap() == 1


async def test_a_part_does_not_wait_for_readers_of_the_part_before(
    autojump_clock: MockClock,
) -> None:
    run = asking(Calls()).create_run()
    # As many as the events of the first part.
    async with run.observe(max_buffer_size=5, on_full="wait") as unread:
        assert (await run.start(0)).status == "suspended"
        assert unread.statistics().current_buffer_used == 5

        with trio.fail_after(60):
            result = await run.resume("yes", step="asks")

    assert result.status == "success"


async def test_an_answer_finds_a_run_whose_open_stream_has_just_come_to_rest(
    autojump_clock: MockClock,
) -> None:
    calls = Calls()
    flow = Workflow("asking", input=Any, output=Any).parallel(calls.asks())

    for _ in range(50):  # Trio runs its tasks in any order: the answer comes first in one of four
        run = flow.create_run()
        with trio.fail_after(60):
            async with run.stream(0, close_on_suspend=False) as stream:
                async for event in stream:
                    if isinstance(event, events.Suspended):
                        assert (await run.resume("yes", step="asks")).status == "success"
        assert run.status == "success"
