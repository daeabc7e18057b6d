"""Bodies in worker processes wait, suspend, bail and cancel their run."""

from __future__ import annotations

from process_steps import values, waiting
from process_steps.engines import open_workers, workflow

from trioflow import events


async def test_events_can_be_waited_for_and_left_to_others() -> None:
    async with open_workers() as engine:
        run = engine.create_run(workflow(waiting.wait_for_parts))
        async with run.stream(None) as stream:
            async for event in stream:
                if isinstance(event, events.StepOutput):  # the first wait has been given up
                    run.send_event("part", {"name": "late"})
                    run.send_event("any", [1])
            result = await stream.get_workflow_state()

    assert result.unwrap() == ["nothing", values.Part("late"), [1]]


async def test_a_body_can_suspend_and_go_on() -> None:
    async with open_workers() as engine:
        run = engine.create_run(workflow(waiting.suspend))
        suspended = await run.start(None)
        assert suspended.state == {"asked": True}
        result = await run.resume({"yes": 1}, label="here")

    assert suspended.status == "suspended"
    assert result.unwrap() == [{"yes": 1}, True]


async def test_a_body_can_bail() -> None:
    async with open_workers() as engine:
        run = engine.create_run(workflow(waiting.bail).then(values.plain))
        result = await run.start(4)

    assert result.unwrap() == 8


async def test_a_body_can_cancel_its_run() -> None:
    async with open_workers() as engine:
        result = await engine.create_run(workflow(waiting.cancel_run)).start(None)

    assert result.status == "canceled"
