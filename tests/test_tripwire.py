"""Tripwires: how a run ends with one, and how it is reported on the wire."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from trioflow import Retry, Workflow, open_engine, step
from trioflow import events as ev
from trioflow.errors import Tripwire
from trioflow.stores import MemoryStore
from trioflow.testing import record
from trioflow.wire import from_wire, result_to_wire, to_wire

TRIPWIRE = Tripwire("too personal", True, {"found": ["name"]}, "no-names")
TOLD = {
    "reason": "too personal",
    "retry": True,
    "metadata": {"found": ["name"]},
    "processorId": "no-names",
}


@step
async def guard(value: Any) -> None:
    raise TRIPWIRE


@step
async def well(value: Any) -> Any:
    return value


def told(events: list[ev.Event], dialect: Any = "mastra-1") -> list[Any]:
    return [
        to_wire(e, dialect)["payload"].get("tripwire")
        for e in events
        if isinstance(e, ev.StepResult | ev.Finish)
    ]


@pytest.mark.parametrize(
    ("workflow", "count"),
    [
        (Workflow("w").then(guard), 2),
        (Workflow("w").then(Workflow("inner").then(guard)), 3),
        (Workflow("w").parallel(guard, well, on_error="finish"), 2),
        (Workflow("w").branch((lambda _: True, guard)), 2),
        (Workflow("w").foreach(guard), 2),
    ],
    ids=["alone", "nested", "parallel", "branch", "foreach"],
)
async def test_steps_and_run_have_the_tripwire(workflow: Workflow[Any, Any], count: int) -> None:
    events = await record(workflow, [1])

    assert told(events).count(TOLD) == count
    assert set(map(repr, told(events, "mastra-0.18"))) == {"None"}
    finish = to_wire(events[-1], "mastra-1")["payload"]
    assert (finish["workflowStatus"], finish["metadata"]) == ("tripwire", {})


async def test_the_run_has_failed() -> None:
    result = await Workflow("w").then(guard).create_run().start(1)

    assert (result.status, result.error) == ("failed", TRIPWIRE)
    wire = result_to_wire(result)
    assert (wire["status"], wire["tripwire"], wire["steps"]["guard"]["tripwire"]) == (
        "failed",
        TOLD,
        TOLD,
    )


async def test_only_what_was_given_is_told() -> None:
    @step
    async def stops(value: Any) -> None:
        raise Tripwire("no")

    assert told(await record(Workflow("w").then(stops), 1)) == [{"reason": "no"}] * 2


async def test_the_error_of_a_fallback_is_none_of_the_run() -> None:
    @step(fallback=lambda error, ctx: 0)
    async def stops(value: Any) -> int:
        raise TRIPWIRE

    assert told(await record(Workflow("w").then(stops), 1)) == [None, None]


async def test_a_tripwire_is_retried_like_any_error() -> None:
    calls: list[int] = []

    @step(retry=Retry(attempts=3))
    async def stops(value: Any) -> None:
        calls.append(value)
        raise TRIPWIRE

    await Workflow("w").then(stops).create_run().start(1)

    assert calls == [1, 1, 1]


async def test_it_is_read_back() -> None:
    finish = (await record(Workflow("w").then(guard), 1))[-1]
    wire = to_wire(finish, "mastra-1")

    again = from_wire(wire)

    assert isinstance(again, ev.Finish)
    assert (again.status, str(again.error)) == ("failed", "Tripwire: too personal")
    assert to_wire(again, "mastra-1")["payload"]["workflowStatus"] == "tripwire"
    assert from_wire(to_wire(again, "mastra-1")) == again


async def test_a_journal_keeps_all_of_it() -> None:
    workflow, store = Workflow("w").parallel(guard, well, on_error="finish"), MemoryStore()
    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        await engine.submit("w", 1, run_id="r").wait()
        async with open_engine(plugins=[], workflows=[workflow], store=store) as other:
            error = (await other.load_run("r")).record.steps["guard"].error

    assert isinstance(error, Tripwire)
    assert (error.reason, error.retry, error.metadata, error.processor_id) == (
        "too personal",
        True,
        {"found": ["name"]},
        "no-names",
    )


def test_it_can_be_pickled() -> None:
    again = pickle.loads(pickle.dumps(TRIPWIRE))

    assert (str(again), again.metadata) == ("too personal", {"found": ["name"]})
