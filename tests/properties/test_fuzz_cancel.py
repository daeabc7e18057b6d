"""Runs of every kind of node, canceled at each point at which that is possible."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from tests.properties.scale import examples
from trioflow.retry import Retry
from trioflow.testing import fuzz_cancel
from trioflow.testing.cancel import By
from trioflow.testing.strategies import LIMITS, Taste, build, inputs, workflow_specs
from trioflow.testing.strategies.specs import (
    Await,
    BranchSpec,
    Fail,
    ForEachSpec,
    LoopSpec,
    MapSpec,
    Nap,
    NodeSpec,
    ParallelSpec,
    SetState,
    SleepSpec,
    StepSpec,
    ThenSpec,
    ToolSpec,
    UseTool,
    WaitSpec,
    WorkflowSpec,
    Write,
)

PLAIN = ToolSpec("plain", seconds=1.0)
STREAMING = ToolSpec("streaming", pieces=2, seconds=1.0)
BROKEN = ToolSpec("broken", pieces=1, fails=True)


def step(id: str, *ops: Any, **options: Any) -> StepSpec:
    return StepSpec(id, ops, **options)


NESTED = WorkflowSpec(
    "nested", (ThenSpec(step("a", Nap(0.25))), ThenSpec(step("b", Write(1), Fail(attempts=1))))
)
NODES: dict[str, tuple[NodeSpec, ...]] = {
    "then": (ThenSpec(step("a", Write(2), Nap(1.0, cleanup=0.5), SetState())),),
    "tools": (
        ThenSpec(step("a", UseTool(PLAIN), UseTool(STREAMING), UseTool(BROKEN, catches=True))),
        ThenSpec(step("b", UseTool(STREAMING, take=1))),
        ThenSpec(STREAMING),
    ),
    "retries and time-out": (
        ThenSpec(step("a", Fail(attempts=1), Nap(1.0), retries=Retry(2, delay=1.0))),
        ThenSpec(step("b", Nap(1.0), timeout=0.375, retries=Retry(2))),
    ),
    "limit": (ParallelSpec((step("a", Nap(1.0), limit="a"), step("b", Nap(1.0), limit="a"))),),
    "parallel": (
        ParallelSpec((step("a", Nap(1.0)), step("b", Nap(0.25), Fail()), NESTED), "cancel"),
    ),
    "parallel, finish": (
        ParallelSpec((step("a", Nap(1.0)), step("b", Nap(0.25), Fail())), "finish"),
    ),
    "branch": (BranchSpec((("true", step("a", Nap(1.0))), ("true", step("b", Write(1))))),),
    "loops": (LoopSpec(step("a", Nap(1.0)), 2), LoopSpec(step("b", Write(1)), 2, until=True)),
    "foreach": (ForEachSpec(step("a", Nap(1.0), Write(1)), 3, concurrency=2),),
    "foreach of workflows": (ForEachSpec(NESTED, 2, concurrency=2, on_error="finish"),),
    "map and sleep": (
        MapSpec("a", "async function"),
        SleepSpec("b", "seconds", 1.0),
        SleepSpec("c", "until far"),
    ),
    "wait": (WaitSpec("go", step("a", Nap(1.0))), ThenSpec(step("b", Await("go", None)))),
    "wait in vain": (WaitSpec("never", step("a"), timeout=1.125),),
    "nested": (ThenSpec(WorkflowSpec("outer", (ThenSpec(NESTED),), retries=Retry(2, delay=0.5))),),
}


BY = ["run", *(pytest.param(by, marks=pytest.mark.slow) for by in ("scope", "leaving"))]


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("kind", NODES)
def test_every_kind_of_node_can_be_canceled_anywhere(kind: str, by: By) -> None:
    workflow = build(WorkflowSpec("w", NODES[kind]))

    points = fuzz_cancel(workflow, 0, by=by, answers={"go": 1}, limits=LIMITS)

    assert points > 6


@given(workflow_specs(Taste(aborts=False, calls=20)), inputs())
@settings(max_examples=examples(0.05))
def test_every_workflow_can_be_canceled_anywhere(spec: WorkflowSpec, value: Any) -> None:
    fuzz_cancel(build(spec), value, answers={"go": 1, "late": 2}, limits=LIMITS)
