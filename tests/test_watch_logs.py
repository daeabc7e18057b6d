"""Log records know the run and the step in which they were made."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog
import trio
from structlog.testing import CapturingLogger

from trioflow import Retry, StepContext, Workflow, open_engine, step, tool
from trioflow.instruments import StepContextFilter, StepTracker, add_step_context, current_step

logger = logging.getLogger("app.billing")


class Lines(logging.Handler):
    """Keeps records as lines of text."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[list[str]]:
    handler = Lines()
    handler.addFilter(StepContextFilter())
    handler.setFormatter(logging.Formatter("%(run_id)s %(step_id)s %(tool)s: %(message)s"))
    logger.addHandler(handler)
    yield handler.lines
    logger.removeHandler(handler)


async def run_tracked(workflow: Workflow[Any, Any], value: Any = None) -> Any:
    """Run a workflow as ``r-1``, with a tracker."""
    async with open_engine(plugins=[], instruments=[StepTracker()]) as engine:
        return (await engine.create_run(workflow, run_id="r-1").start(value)).unwrap()


def says(text: str, id: str) -> Any:
    @step(id=id)
    async def body(value: object) -> None:
        logger.warning(text)
        await trio.lowlevel.checkpoint()
        logger.warning("%s again", text)

    return body


async def test_records_of_steps_that_run_at_the_same_time_are_told_apart(lines: list[str]) -> None:
    await run_tracked(Workflow("w").parallel(says("ham", "a"), says("eggs", "b")))

    assert sorted(lines) == [
        "r-1 a : ham",
        "r-1 a : ham again",
        "r-1 b : eggs",
        "r-1 b : eggs again",
    ]


async def test_records_from_threads_and_from_tasks_that_a_step_spawns_carry_its_ids(
    lines: list[str],
) -> None:
    @step
    def in_thread(value: object) -> None:
        logger.warning("a thread")

    @step
    async def spawns(value: object) -> None:
        async def helper() -> None:
            logger.warning("a task")
            await trio.to_thread.run_sync(logger.warning, "a thread of a task")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(helper)

    await run_tracked(Workflow("w").then(in_thread).then(spawns))

    assert lines == [
        "r-1 in_thread : a thread",
        "r-1 spawns : a task",
        "r-1 spawns : a thread of a task",
    ]


async def test_records_in_nested_workflows_have_the_whole_id(lines: list[str]) -> None:
    inner = Workflow("inner").then(says("ham", "a"))

    await run_tracked(Workflow("w").then(inner))

    assert lines == ["r-1 inner.a : ham", "r-1 inner.a : ham again"]


async def test_records_in_tools_name_them_and_those_of_who_takes_the_pieces_do_not(
    lines: list[str],
) -> None:
    @tool
    async def look() -> AsyncIterator[int]:
        logger.warning("looking")
        yield 1
        logger.warning("looked")

    @step
    async def asks(value: object, ctx: StepContext) -> None:
        async with ctx.stream_tool(look) as pieces:
            async for piece in pieces:
                logger.warning("piece %d", piece)

    await run_tracked(Workflow("w").then(asks))

    assert lines == ["r-1 asks look: looking", "r-1 asks : piece 1", "r-1 asks look: looked"]


async def test_records_outside_of_steps_pass_with_empty_ids(lines: list[str]) -> None:
    await run_tracked(Workflow("w").then(says("ham", "a")))
    logger.warning("done")

    assert lines[-1] == "  : done"
    assert current_step() is None


async def test_a_record_tells_call_and_attempt(caplog: pytest.LogCaptureFixture) -> None:
    @step(retry=Retry(attempts=2))
    async def flaky(value: object, ctx: StepContext) -> None:
        logger.warning("try")
        if ctx.attempt == 1:
            raise OSError

    caplog.handler.addFilter(keep := StepContextFilter())
    try:
        await run_tracked(Workflow("w").then(flaky))
        logger.warning("done")
    finally:
        caplog.handler.removeFilter(keep)

    found = [(r.__dict__["step_call_id"], r.__dict__["attempt"]) for r in caplog.records]
    assert found == [("r-1:0", 1), ("r-1:0", 2), ("", 0)]


async def test_what_a_record_says_itself_is_left_as_it_is(lines: list[str]) -> None:
    @step
    async def relays(value: object) -> None:
        logger.warning("relayed", extra={"run_id": "r-2", "step_id": "other"})

    await run_tracked(Workflow("w").then(relays))

    assert lines == ["r-2 other : relayed"]


async def test_events_of_structlog_carry_the_ids() -> None:
    output = CapturingLogger()
    log = structlog.wrap_logger(
        output, processors=[add_step_context, structlog.processors.JSONRenderer(sort_keys=True)]
    )

    @tool
    async def look() -> None:
        log.info("in a tool", step_id="mine")

    @step
    async def logs(value: object, ctx: StepContext) -> None:
        log.info("in a step")
        await ctx.call_tool(look)

    await run_tracked(Workflow("w").then(logs))
    log.info("outside")

    place = {"attempt": 1, "run_id": "r-1", "step_call_id": "r-1:0"}
    assert [json.loads(call.args[0]) for call in output.calls] == [
        {"event": "in a step", "step_id": "logs", **place},
        {"event": "in a tool", "step_id": "mine", "tool": "look", **place},
        {"event": "outside"},
    ]


async def test_without_a_tracker_there_is_nothing_to_tell(lines: list[str]) -> None:
    await Workflow("w").then(says("ham", "a")).run(None)

    assert lines == ["  : ham", "  : ham again"]


async def test_a_tracker_lets_the_handlers_that_it_is_given_know_the_step() -> None:
    handler = Lines()
    handler.setFormatter(logging.Formatter("%(run_id)s %(step_id)s: %(message)s"))
    logger.addHandler(handler)
    flow = Workflow[Any, Any]("w").then(says("ham", "a"))
    try:
        async with open_engine(plugins=[], instruments=[StepTracker(handler)]) as engine:
            logger.warning("outside")
            await engine.create_run(flow, run_id="r-1").start(None)
    finally:
        logger.removeHandler(handler)

    assert handler.lines == [" : outside", "r-1 a: ham", "r-1 a: ham again"]
    assert handler.filters == []
