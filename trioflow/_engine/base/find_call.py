"""Finding the plan of a call by its address."""

from __future__ import annotations

import re

from trioflow._engine.base.plan import (
    BranchPlan,
    CallPlan,
    ForEachPlan,
    LoopPlan,
    NodePlan,
    ParallelPlan,
    SleepPlan,
    ThenPlan,
    WaitPlan,
    WorkflowPlan,
)

SEGMENT = re.compile(r"(?P<node>\d+)(?::(?P<arm>[^#\[~]*))?(?P<rest>.*)")


def find_call(plan: WorkflowPlan, address: str) -> CallPlan:
    """Return the plan of the call at *address*; for an item that of the item.

    Raises:
      LookupError: if the workflow has no such call.
    """
    *outer, last = address.split("/")
    for segment in outer:
        nested = _call_at(plan, segment).nested
        if nested is None:
            raise LookupError(address)
        plan = nested
    return _call_at(plan, last)


def _call_at(plan: WorkflowPlan, segment: str) -> CallPlan:
    match = SEGMENT.fullmatch(segment)
    if match is None or int(match["node"]) >= len(plan.nodes):
        raise LookupError(segment)
    return _call_of(plan.nodes[int(match["node"])], match["arm"], "[" in match["rest"])


def _call_of(node: NodePlan, arm: str | None, item: bool) -> CallPlan:
    match node:
        case ThenPlan() | LoopPlan() | SleepPlan() | WaitPlan():
            return node.call
        case ForEachPlan():
            return node.item if item else node.loop
        case ParallelPlan():
            calls = {call.id: call for call in node.arms}
        case BranchPlan():
            calls = {call.id: call for _, call in node.arms}
    return calls[arm or ""]
