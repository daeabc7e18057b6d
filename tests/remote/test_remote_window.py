"""Chunks that are under way while the body continues."""

from __future__ import annotations

from typing import Any

import pytest

from tests.remote import window_steps as steps
from tests.remote.pipe_runner import PipeRunner
from trioflow import Engine, Step, Workflow, open_engine
from trioflow.events import StepOutput
from trioflow.runners.remote import NotPicklableError
from trioflow.testing import check_events


async def chunks_of(engine: Engine, body: Step[Any, Any], count: int) -> tuple[Any, list[Any]]:
    """Return the result of a run of this body, and what it has written."""
    run = engine.create_run(Workflow[Any, Any]("w").then(body))
    async with run.stream(count) as stream:
        events: list[Any] = [event async for event in stream]
        result = await stream.get_workflow_state()
    check_events(events)
    return result, [event.chunk for event in events if event.type == "step-output"]


@pytest.mark.parametrize("window", [1, 2, 32])
async def test_chunks_keep_their_order_and_are_there_before_the_end(window: int) -> None:
    async with open_engine(plugins=[], runners={"pipe": PipeRunner(window)}) as engine:
        for body in (steps.write_many, steps.write_plainly, steps.write_and_fail):
            result, chunks = await chunks_of(engine, body, 100)
            assert chunks == list(range(100))
            assert (result.error is None) == (body is not steps.write_and_fail)
        _, mixed = await chunks_of(engine, steps.write_from_tasks, 20)

    assert sorted(mixed) == sorted([*range(10), *10 * list(range(20))])


@pytest.mark.parametrize(("count", "wanted"), [(100, "NotPicklableError"), (0, None)])
async def test_an_error_of_a_chunk_is_raised_later(count: int, wanted: str | None) -> None:
    async with open_engine(plugins=[], runners={"pipe": PipeRunner(4)}) as engine:
        result, _ = await chunks_of(engine, steps.write_unreadable, count)

    assert result.output == wanted
    assert isinstance(result.error, NotPicklableError) == (wanted is None)


async def test_a_full_window_waits_for_the_reader() -> None:
    run_of = Workflow[Any, Any]("w").then(steps.write_patiently)
    async with open_engine(plugins=[], runners={"pipe": PipeRunner(4)}) as engine:
        run = engine.create_run(run_of)
        async with run.stream(1000, max_buffer_size=8) as stream:
            result = await stream.get_workflow_state()
            chunks = [event.chunk async for event in stream if isinstance(event, StepOutput)]

    assert chunks == list(range(len(chunks)))
    assert result.output == (len(chunks) < 1000)
