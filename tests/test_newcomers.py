"""What people wonder about in their first week, and what the pages and ``help()`` say of it."""

from __future__ import annotations

import pydoc
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.flows import add_one
from trioflow import Run, StepContext, Workflow, open_engine, step

README = Path(__file__).parent.parent / "README.md"


def words(text: str) -> str:
    """Return a text in one line."""
    return " ".join(text.split())


# ---------------------------------------------------------------- a run that nobody starts
async def test_wait_says_in_its_help_that_it_never_ends_for_a_run_that_is_not_started(
    autojump_clock: MockClock,
) -> None:
    shown = words(pydoc.plain(pydoc.render_doc(Run.wait)))
    assert "If the run is never started, this waits forever" in shown
    for way in ("`start`", "`stream`", "``engine.submit()``"):
        assert way in shown
    run = Workflow[Any, Any]("w").then(add_one).create_run()

    with trio.move_on_after(10**6) as scope:
        await run.wait()

    assert scope.cancelled_caught
    assert run.status == "pending"


@pytest.mark.parametrize("way", ["start", "stream", "submit"])
async def test_wait_ends_with_a_run_that_is_started_in_one_of_the_ways_it_names(way: str) -> None:
    workflow = Workflow[Any, Any]("w").then(add_one)
    waited = trio.Event()

    async def wait(run: Run[Any, Any]) -> None:
        assert (await run.wait()).output == 2
        waited.set()

    async with open_engine(plugins=[]) as engine, trio.open_nursery() as nursery:
        run = engine.submit(workflow, 1) if way == "submit" else engine.create_run(workflow)
        nursery.start_soon(wait, run)
        await trio.testing.wait_all_tasks_blocked()
        if way == "start":
            await run.start(1)
        elif way == "stream":
            async with run.stream(1) as stream:
                await stream.get_workflow_state()
        await waited.wait()


# ---------------------------------------------------------------- many items, several steps
@pytest.fixture
def passed() -> list[str]:
    """Which item has passed which step, in order."""
    return []


def passes(id: str, passed: list[str]) -> Any:
    """Return a step that takes as many seconds as its item says."""

    @step(id=id)
    async def body(seconds: int, ctx: StepContext) -> int:
        await trio.sleep(seconds)
        passed.append(f"{seconds} {id}")
        return seconds

    return body


async def test_a_foreach_finishes_before_the_next_one_starts(
    passed: list[str], autojump_clock: MockClock
) -> None:
    workflow = Workflow[Any, Any]("w").foreach(passes("first", passed), concurrency=2)
    workflow = workflow.foreach(passes("second", passed), concurrency=2)

    await workflow.run([1, 5])

    assert passed == ["1 first", "5 first", "1 second", "5 second"]


async def test_items_pass_several_steps_at_their_own_pace_in_a_foreach_of_a_workflow(
    passed: list[str], autojump_clock: MockClock
) -> None:
    item = Workflow[Any, Any]("item").then(passes("first", passed)).then(passes("second", passed))

    await Workflow[Any, Any]("w").foreach(item, concurrency=2).run([1, 5])

    assert passed == ["1 first", "1 second", "5 first", "5 second"]


def test_readme_and_help_say_how_items_pass_several_steps() -> None:
    assert (
        "A `foreach` finishes before the next node starts: to let each item pass several steps at "
        "its own pace, give `foreach` a workflow."
    ) in words(README.read_text())
    assert (
        "To run several steps per item without waiting for other items, use a nested workflow"
    ) in words(pydoc.plain(pydoc.render_doc(Workflow.foreach)))
