"""`Run.retry` and ``on_error="collect"``: a failure that has become a value stays one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from tests.suspending import check
from trioflow import Failed, Ok, Retry, Run, Step, StepContext, Workflow, open_engine, step
from trioflow.stores import MemoryStore

Flow = Workflow[Any, Any]


@pytest.fixture(params=["in memory", "in a store"])
def store(request: pytest.FixtureRequest) -> MemoryStore | None:
    return MemoryStore() if request.param == "in a store" else None


@attrs.define
class Deeds:
    """Steps that fail for odd numbers until they are healed, and how often they ran."""

    broken: bool = True
    made: Counter[str] = attrs.field(factory=Counter)

    def odd(self, id: str = "odd", **options: Any) -> Step[Any, Any]:
        """Return a step that fails for odd numbers."""

        @step(id=id, **options)
        async def body(value: int, ctx: StepContext) -> int:
            self.made[f"{id} {value}"] += 1
            if self.broken and value % 2:
                raise ValueError(f"{value} is odd")
            return value

        return body

    def later(self) -> Step[Any, Any]:
        """Return a step that fails, whatever it gets."""

        @step(id="later")
        async def body(value: Any) -> Any:
            self.made["later"] += 1
            if self.broken:
                raise OSError("no line")
            return value

        return body


def flow(id: str = "w") -> Flow:
    return Workflow(id, input=Any, output=Any)


def brief(output: Any) -> Any:
    """Return an output with the outcomes in it as strings and values."""
    match output:
        case Ok():
            return brief(output.value)
        case Failed():
            return f"{output.error} at {output.address} after {output.attempts}"
        case dict():
            return {key: brief(value) for key, value in output.items()}
        case list():
            return [brief(value) for value in output]
    return output


async def retried(
    store: MemoryStore | None, workflow: Flow, deeds: Deeds, value: Any
) -> tuple[Any, Run[Any, Any]]:
    """Run a workflow, which fails, heal its steps, and return the output of its retry."""
    async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
        run = engine.create_run(workflow, run_id="r")
        assert (await run.start(value)).status == "failed"
        deeds.broken, deeds.made = False, Counter()
        again = await run.retry()
        result = await again.start()
        check(again, workflow)
    assert result.status == "success"
    return brief(result.output), again


# ---------------------------------------------------------------- what stays
async def test_items_whose_failure_a_later_step_has_seen_stay_failed(
    store: MemoryStore | None,
) -> None:
    deeds = Deeds()
    workflow = flow().foreach(deeds.odd(retry=Retry(2)), on_error="collect").then(deeds.later())

    output, _ = await retried(store, workflow, deeds, [1, 2, 3])

    assert output == ["1 is odd at 0[0] after 2", 2, "3 is odd at 0[2] after 2"]
    assert deeds.made == {"later": 1}


async def test_arms_whose_failure_a_later_step_has_seen_stay_failed(
    store: MemoryStore | None,
) -> None:
    deeds = Deeds()
    arms = deeds.odd("a"), deeds.odd("b")
    workflow = flow().parallel(*arms, on_error="collect").then(deeds.later())

    output, _ = await retried(store, workflow, deeds, 1)

    assert output == {"a": "1 is odd at 0:a after 1", "b": "1 is odd at 0:b after 1"}
    assert deeds.made == {"later": 1}


async def test_arms_that_were_collected_last_stay_failed(store: MemoryStore | None) -> None:
    """What failed is a condition, which is no call: no later call shows that the block is over."""
    deeds = Deeds()

    def holds(value: Any) -> bool:
        if deeds.broken:
            raise OSError("no line")
        return True

    @step
    async def keep(value: Any) -> Any:
        return value

    arms = deeds.odd("a"), flow("b").then(deeds.odd("inner"))
    collecting = flow("c").parallel(*arms, on_error="collect").branch((holds, keep))
    workflow = flow().then(collecting)

    output, _ = await retried(store, workflow, deeds, 1)

    failures = {"a": "1 is odd at 0/0:a after 1", "b": "1 is odd at 0/0:b after 1"}
    assert output == {"keep": failures}
    assert not deeds.made


async def test_of_a_branch_the_arms_that_were_chosen_are_collected(
    store: MemoryStore | None,
) -> None:
    deeds = Deeds()

    def fails(value: Any) -> float:
        if deeds.broken:
            raise OSError("no line")
        return 0.0

    arms = (lambda n: n > 0, deeds.odd("a")), (lambda n: n > 9, deeds.odd("b"))
    workflow = flow().branch(*arms, on_error="collect").sleep(fails)

    output, _ = await retried(store, workflow, deeds, 1)

    assert output == {"a": "1 is odd at 0:a after 1"}
    assert not deeds.made


async def test_a_failure_in_an_item_that_is_a_workflow_stays(store: MemoryStore | None) -> None:
    deeds = Deeds()
    item = flow("item").then(deeds.odd("first")).then(deeds.odd("second"))
    workflow = flow().foreach(item, on_error="collect", concurrency=2).then(deeds.later())

    output, _ = await retried(store, workflow, deeds, [1, 2])

    assert output == ["1 is odd at 0[0] after 1", 2]
    assert deeds.made == {"later": 1}


# ---------------------------------------------------------------- what is repeated
async def test_in_a_block_that_was_stopped_failed_items_are_repeated_like_canceled_ones(
    store: MemoryStore | None, autojump_clock: MockClock
) -> None:
    deeds = Deeds()

    @step
    async def fails_soon(value: Any) -> str:
        await trio.sleep(1)
        if deeds.broken:
            raise OSError("no line")
        return "well"

    @step
    async def body(value: int) -> int:
        deeds.made[str(value)] += 1
        if deeds.broken and value == 1:
            raise ValueError("1 is odd")
        await trio.sleep(0 if value == 2 else 5)
        return value

    items = flow("items").map(lambda _: [1, 2, 3]).foreach(body, concurrency=3, on_error="collect")
    workflow = flow().parallel(items, fails_soon)

    output, _ = await retried(store, workflow, deeds, 0)

    assert output == {"items": [1, 2, 3], "fails_soon": "well"}
    assert deeds.made == {"1": 1, "3": 1}


async def test_in_a_block_that_was_stopped_failed_arms_are_repeated_too(
    store: MemoryStore | None, autojump_clock: MockClock
) -> None:
    deeds = Deeds()

    @step
    async def long(value: Any) -> str:
        await trio.sleep(5 if deeds.broken else 0)
        return "long"

    workflow = flow().parallel(deeds.odd("a"), long, on_error="collect")
    async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
        run = engine.submit(workflow, 1, run_id="r")
        await trio.sleep(1)
        run.cancel("enough")
        assert (await run.wait()).status == "canceled"
        deeds.broken = False
        again = await run.retry()
        result = await again.start()

    assert brief(result.output) == {"a": 1, "long": "long"}
    assert deeds.made == {"a 1": 2}


async def test_a_fallback_stays_and_is_not_asked_again(store: MemoryStore | None) -> None:
    deeds = Deeds()
    workflow = flow().then(deeds.odd(fallback=lambda error: 7)).then(deeds.later())

    output, again = await retried(store, workflow, deeds, 1)

    assert output == 7
    assert deeds.made == {"later": 1}
    assert isinstance(again.record.steps["odd"].error, ValueError)


async def test_a_step_whose_fallback_failed_is_repeated(store: MemoryStore | None) -> None:
    deeds = Deeds()

    def fallback(error: BaseException) -> int:
        raise OSError("no line")

    output, _ = await retried(store, flow().then(deeds.odd(fallback=fallback)), deeds, 1)

    assert output == 1
    assert deeds.made == {"odd 1": 1}
