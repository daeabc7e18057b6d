"""A small workflow for each kind of node, and for each thing that a step can do."""

from __future__ import annotations

from typing import Any

from trioflow.retry import Retry
from trioflow.testing.strategies._specs import (
    Await,
    Bail,
    BranchSpec,
    CancelRun,
    Fail,
    FallbackSpec,
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


SLOW = FallbackSpec(1.0, sets_state=True)
QUICK = FallbackSpec(is_async=False)


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
        ThenSpec(step("a", Fail(attempts=1), Nap(1.0), retry=Retry(2, delay=1.0))),
        ThenSpec(step("b", Nap(1.0), timeout=0.375, retry=Retry(2))),
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
    "collect": (
        ForEachSpec(step("a", Nap(1.0), Fail(one_in=2), retry=Retry(2)), 4, 2, "collect"),
        ParallelSpec((step("b", Nap(0.25), Fail()), step("c", Nap(1.0)), NESTED), "collect"),
        BranchSpec((("true", step("d", Fail())), ("true", step("e", Write(1)))), "collect"),
    ),
    "fallback": (
        ThenSpec(step("a", SetState(), Fail(), retry=Retry(2), fallback=SLOW)),
        ForEachSpec(step("b", Nap(1.0), Fail(one_in=2), fallback=QUICK), 3, concurrency=2),
        ThenSpec(step("c", Nap(1.0), timeout=0.375, fallback=QUICK)),
    ),
    "bail": (
        ParallelSpec((step("a", Bail()), step("b", Nap(1.0))), "finish"),
        ThenSpec(step("c")),
    ),
    "cancel-run": (ThenSpec(step("a", CancelRun(), Nap(1.0))),),
    "nested": (ThenSpec(WorkflowSpec("outer", (ThenSpec(NESTED),), retry=Retry(2, delay=0.5))),),
}
"""The nodes, by what they are about."""
