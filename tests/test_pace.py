"""When readers and other tasks get their turns, beside functions that keep the loop busy.

Nothing is burnt here: a body that moves the clock on is as good as one that takes that long.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, assert_checkpoints

from trioflow import RunContext, Step, Workflow, events, step


def burns(clock: MockClock) -> Step[float, float]:
    """Return a step that keeps the loop busy for as many seconds as it is given."""

    @step(id="burns")
    async def body(seconds: float) -> float:
        if seconds:
            clock.jump(seconds)
        return seconds

    return body


async def lateness(workflow: Workflow[Any, Any], value: Any) -> dict[type[events.Event], int]:
    """Return how many events of each type were seen later than they happened."""
    run = workflow.create_run()
    late: dict[type[events.Event], int] = {}
    async with run.stream(value) as stream:
        epoch = None
        async for event in stream:
            epoch = event.at - trio.current_time() if epoch is None else epoch
            is_late = trio.current_time() + epoch - event.at > 0.001
            late[type(event)] = late.get(type(event), 0) + is_late
    return late


async def test_items_that_were_long_once_are_not_trusted(mock_clock: MockClock) -> None:
    late = await lateness(Workflow("w").foreach(burns(mock_clock)), [0, 0, 0.02] * 20)

    # Before the first long item nobody could know.
    assert late[events.StepProgress] <= 1


async def test_a_run_is_careful_though_the_ones_before_had_little_to_do(
    mock_clock: MockClock,
) -> None:
    workflow = Workflow("w", input=float).map(lambda seconds: seconds).then(burns(mock_clock))
    for _ in range(10):
        await workflow.run(0.0)

    late = await lateness(workflow, 0.5)

    assert not late[events.StepFinish]


async def test_what_was_long_once_has_lost_the_trust_of_all_runs(mock_clock: MockClock) -> None:
    workflow = Workflow("w", input=float).map(lambda seconds: seconds).then(burns(mock_clock))
    for _ in range(100):
        await workflow.run(0.0)
    await workflow.run(0.5)  # nobody could know
    for _ in range(100):
        await workflow.run(0.0)

    late = await lateness(workflow, 0.5)

    assert not late[events.StepFinish]


@attrs.define(eq=False)
class Turns(trio.abc.Instrument):
    """Counts how often Trio looked for tasks to run."""

    count: int = 0

    def before_io_wait(self, timeout: float) -> None:
        self.count += 1


async def test_one_pause_of_the_program_does_not_slow_down_the_steps_that_follow(
    mock_clock: MockClock,
) -> None:
    @step
    async def counts(number: int) -> int:
        if number == 10:
            mock_clock.jump(0.02)
        return number + 1

    workflow: Workflow[Any, Any] = Workflow("w", input=int)
    for number in range(1000):
        workflow = workflow.then(counts.clone(f"s{number}"))
    run = workflow.create_run()
    turns = Turns()

    trio.lowlevel.add_instrument(turns)
    async with run.stream(0) as stream:
        assert [event.seq async for event in stream] == list(range(2 + 3 * 1000))
    trio.lowlevel.remove_instrument(turns)

    assert turns.count < 1000 / 5


# ---------------------------------------------------------------- runs that call nothing
def refuse(ctx: RunContext) -> None:
    raise ValueError("not today")


@pytest.mark.parametrize(
    "workflow", [Workflow("empty"), Workflow("refused", on_start=refuse)], ids=lambda w: w.id
)
async def test_a_run_is_a_checkpoint_even_if_it_calls_nothing(workflow: Workflow[Any, Any]) -> None:
    with assert_checkpoints():
        await workflow.create_run().start(1)

    with trio.CancelScope() as scope:
        scope.cancel()
        await workflow.create_run().start(1)

    assert scope.cancelled_caught


async def test_to_recover_a_run_that_has_finished_is_a_checkpoint() -> None:
    run = Workflow("w", input=float).map(lambda value: value).create_run()
    await run.start(1.0)

    with assert_checkpoints():
        assert (await run.recover()).output == 1.0
