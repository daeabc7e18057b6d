"""Find the plan of a call, or of the node that makes it, by its address."""

from __future__ import annotations

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
from trioflow.addresses import Address


def find_call(plan: WorkflowPlan, address: str) -> CallPlan:
    """Return the plan of the call at *address*; for an item, the plan of the item.

    Raises:
      LookupError: if the workflow has no such call.
    """
    return _find(plan, Address.parse(address))


def find_node(plan: WorkflowPlan, place: Address) -> NodePlan:
    """Return the plan of the node that makes the call at *place*.

    Raises:
      LookupError: if the workflow has no such node.
    """
    if place.scope is not None:
        nested = _find(plan, place.scope).nested
        if nested is None:
            raise LookupError(str(place))
        plan = nested
    if place.position >= len(plan.nodes):
        raise LookupError(str(place))
    return plan.nodes[place.position]


def _find(plan: WorkflowPlan, place: Address) -> CallPlan:
    return _call_of(find_node(plan, place), place)


def _call_of(node: NodePlan, place: Address) -> CallPlan:
    match node:
        case ThenPlan() | LoopPlan() | SleepPlan() | WaitPlan():
            return node.call
        case ForEachPlan():
            return node.loop if place.item is None else node.item
        case ParallelPlan():
            calls = {call.id: call for call in node.arms}
        case BranchPlan():
            calls = {call.id: call for _, call in node.arms}
    return calls[place.arm or ""]
