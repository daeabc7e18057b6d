"""The parts of a run that goes on: each is left and recorded on its own."""

from __future__ import annotations

from typing import Any

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.suspending import Calls
from trioflow import Workflow


def asking(calls: Calls) -> Workflow[Any, Any]:
    return Workflow("asking", input=Any, output=Any).then(calls.asks()).sleep(10)


async def test_leaving_the_stream_of_a_part_that_is_over_does_not_cancel_the_next_one(
    autojump_clock: MockClock,
) -> None:
    run = asking(Calls()).create_run()
    statuses = []

    async def answer() -> None:
        statuses.append((await run.resume("asks", "yes")).status)

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
        statuses.append((await run.resume("asks", "yes")).status)

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

    result = await run.time_travel("asks", resume_data="yes")

    record = result.steps["asks"]
    assert (record.resume_data, record.output) == ("yes", "asks:yes")
    assert record.resumed_at == record.started_at


async def test_the_stream_of_a_travel_gives_the_new_run() -> None:
    run = asking(Calls()).create_run()
    await run.start(0)

    async with run.time_travel_stream("asks") as stream:
        await stream.get_workflow_state()

    assert stream.run.run_id == stream.run_id != run.run_id
    assert stream.run.status == "suspended"
