"""The state of a run: records of calls, and what is left unsaid in them."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from trioflow import StepContext, Workflow, events, fold, step
from trioflow.step_record import StepRecord

START = events.Start(run_id="r", seq=0, at=1.0, workflow_id="w", input=None)
STEP_START = events.StepStart(run_id="r", seq=1, at=1.0, id="s", address="0", input=None)


def folded() -> StepRecord:
    """Return a record as the fold makes it, which leaves most fields unset."""
    return fold([START, STEP_START]).calls["0"]


def made(**fields: Any) -> StepRecord:
    return StepRecord("s", "0", "step", "running", None, 1.0, **fields)


def test_fields_that_the_fold_left_unset_have_their_defaults() -> None:
    assert folded() == made()
    assert folded() != made(attempts=1)
    assert repr(folded()) == repr(made())


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, attrs.evolve], ids=lambda f: f.__name__
)
def test_a_copy_is_equal(again: Callable[[StepRecord], StepRecord]) -> None:
    assert again(folded()) == made()
    assert pickle.loads(pickle.dumps(folded())) == made()


def test_there_are_no_other_fields() -> None:
    with pytest.raises(AttributeError, match="no 'outputs'"):
        _ = folded().outputs  # type: ignore[attr-defined]


def test_steps_are_seen_by_the_ids_of_their_last_calls() -> None:
    state = fold([START, STEP_START])
    steps = state.steps
    again = attrs.evolve(STEP_START, seq=2, address="0#2")

    state.apply(again)

    assert steps == {"s": state.calls["0#2"]}
    assert list(steps) == ["s"]
    assert repr(steps) == repr({"s": state.calls["0#2"]})


@step
async def asks(value: Any, ctx: StepContext) -> Any:
    if ctx.resume_data is None:
        ctx.suspend("more?")
    return ctx.resume_data


async def test_rounds_of_a_call_do_not_pile_up() -> None:
    @step
    async def asks_on(value: Any, ctx: StepContext) -> None:
        if ctx.resume_data != "enough":
            ctx.suspend("more?")

    run = Workflow("w").then(Workflow("inner").then(asks_on)).create_run()
    await run.start(1)
    steps = run.record.steps
    for number in range(20):
        await run.resume(number)
    await run.resume("enough")

    assert list(run.record.calls) == ["0", "0/0"]
    assert len(run.record.records) <= 3 * len(run.record.calls)
    assert steps["inner.asks_on"].resume_data == "enough"  # held since the first round


async def test_the_step_that_went_on_last_is_its_last_call() -> None:
    run = Workflow("w").foreach(Workflow("inner").then(asks), concurrency=2).create_run()
    await run.start([1, 2])
    await run.resume("b", index=1)
    await run.resume("a", index=0)

    assert run.record.steps["inner.asks"].output == "a"
    assert [a for a in run.record.calls if "/" in a] == ["0[0]/0", "0[1]/0"]


async def test_a_result_holds_the_last_calls_and_no_others() -> None:
    @attrs.define
    class Number:
        value: int

    made: list[weakref.ref[Number]] = []

    @step
    async def counts_up(value: Any) -> Any:
        number = Number(value.value + 1)
        made.append(weakref.ref(number))
        return number

    counting = Workflow("w").then(counts_up.clone("first"))
    counting = counting.dountil(counts_up, lambda number: number.value == 9)
    result = await counting.create_run().start(Number(0))

    gc.collect()
    alive = [number.value for number in (ref() for ref in made) if number is not None]
    assert (len(made), alive) == (9, [1, 8, 9])
    assert list(result.steps) == ["first", "counts_up"]
    assert list(result.steps.values())[-1] is result.steps["counts_up"]


def test_what_was_looked_at_does_not_make_a_state_another_one() -> None:
    looked_at, untouched = fold([START, STEP_START]), fold([START, STEP_START])

    assert (looked_at.runtime_context, looked_at.received, looked_at.answers) == ({}, {}, {})
    assert looked_at == untouched
    looked_at.received[0] = events.EventReceived(run_id="r", seq=0, at=1.0, event="e")
    assert looked_at != untouched
    assert attrs.evolve(looked_at) == looked_at
    assert attrs.evolve(looked_at, received={}) == untouched
