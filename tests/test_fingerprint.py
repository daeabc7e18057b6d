"""Changed workflows: what contradicts the record of a run is refused, and named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from trio.testing import MockClock

from tests.flows import add_one, double
from tests.suspending import Calls
from trioflow import Workflow, open_engine
from trioflow.errors import WorkflowChangedError
from trioflow.stores import MemoryStore

Flow = Workflow[Any, Any]
ASKS = Calls().asks()
LAST = Calls().does("last")


def flow(id: str = "w") -> Flow:
    return Workflow(id, input=Any, output=Any)


def before() -> Flow:
    return flow().then(add_one).then(flow("inner").then(double).then(ASKS)).then(LAST)


SAME: dict[str, Callable[[], Flow]] = {
    "more at the end": lambda: before().then(double.clone("more")),
    "another end": lambda: (
        flow().then(add_one).then(flow("inner").then(double).then(ASKS)).sleep(1)
    ),
    "more at the end of what it is in": lambda: (
        flow().then(add_one).then(flow("inner").then(double).then(ASKS).sleep(1))
    ),
}
OTHER: dict[str, tuple[Callable[[], Flow], str]] = {
    "another step": (
        lambda: flow().then(double).then(flow("inner").then(double).then(ASKS)),
        "node 0 was then 'add_one' and is then 'double'",
    ),
    "another kind": (
        lambda: flow().foreach(add_one).then(flow("inner").then(double).then(ASKS)),
        "node 0 was then 'add_one' and is foreach 'add_one'",
    ),
    "a step less": (lambda: flow().then(add_one), "node 1 was then 'inner' and is gone"),
    "another step inside": (
        lambda: flow().then(add_one).then(flow("inner").then(add_one).then(ASKS)),
        "node 0 of 'inner' was then 'double' and is then 'add_one'",
    ),
    "a step for a workflow": (
        lambda: flow().then(add_one).then(add_one.clone("inner")),
        "node 1 was then 'inner'",
    ),
}


async def stored() -> MemoryStore:
    store = MemoryStore()
    async with open_engine(plugins=[], store=store) as engine:
        await engine.create_run(before(), run_id="r").start(0)
    return store


@pytest.mark.parametrize("build", SAME.values(), ids=SAME)
async def test_what_was_not_reached_may_change(
    build: Callable[[], Flow], autojump_clock: MockClock
) -> None:
    async with open_engine(plugins=[], store=await stored(), workflows=[build()]) as engine:
        run = await engine.load_run("r")
        result = await run.resume(3)
        assert result.steps["inner.asks"].status == "success"


@pytest.mark.parametrize(("build", "named"), OTHER.values(), ids=OTHER)
async def test_what_contradicts_the_record_is_named(build: Callable[[], Flow], named: str) -> None:
    async with open_engine(plugins=[], store=await stored(), workflows=[build()]) as engine:
        with pytest.raises(WorkflowChangedError) as caught:
            await engine.load_run("r")
    assert named in str(caught.value)
