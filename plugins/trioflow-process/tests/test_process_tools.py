"""Bodies in worker processes call tools, which run in the process of the run."""

from __future__ import annotations

from process_steps import tools
from process_steps.engines import open_workers, workflow

from trioflow import events
from trioflow.testing import check_events


async def test_tools_are_called_in_the_run_s_process() -> None:
    async with open_workers() as engine:
        run = engine.create_run(workflow(tools.call_tools))
        async with run.stream("hey") as stream:
            seen = [event async for event in stream]
        at_once = await engine.create_run(workflow(tools.call_at_once)).start("a b c")

    check_events(seen)
    assert run.record.steps["call_tools"].output == ["HEY", "HEY"]
    assert [e.args for e in seen if isinstance(e, events.ToolCall)] == [{"text": "hey"}] * 2
    assert at_once.unwrap() == ["A", "B", "C"]


async def test_tools_can_be_given_up() -> None:
    async with open_workers() as engine:
        run = engine.create_run(workflow(tools.give_up))
        async with run.stream(None) as stream:
            seen = []
            async for event in stream:
                seen.append(event)
                if isinstance(event, events.ToolCall):
                    run.send_event("begun")

    check_events(seen)
    assert run.record.steps["give_up"].output == ["given up", "failed"]
    assert [e.status for e in seen if isinstance(e, events.ToolError)] == ["canceled"] * 2


async def test_a_tool_that_suspends_suspends_the_step() -> None:
    async with open_workers() as engine:
        run = engine.create_run(workflow(tools.ask))
        suspended = await run.start("why?")
        result = await run.resume("because")

    assert suspended.status == "suspended"
    assert suspended.suspend_payload == {"ask": {"question": "why?"}}
    assert result.unwrap() == "because"
