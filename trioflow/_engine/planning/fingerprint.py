"""The shape of a workflow, to check whether a recorded run still fits it.

A fingerprint holds what addresses are made of: the kinds of nodes, in order, and the ids of what
they run. It does not hold code: a step whose code was fixed is the same step.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

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
from trioflow._engine.history.replay import furthest_nodes
from trioflow.addresses import Address
from trioflow.errors import JournalFormatError
from trioflow.record import RunRecord

Shape = list[Any]
_KNOWN: WeakKeyDictionary[WorkflowPlan, str] = WeakKeyDictionary()


def fingerprint(plan: WorkflowPlan) -> str:
    """Return the shape of a workflow as a JSON string. Created once for each plan."""
    known = _KNOWN.get(plan)
    if known is None:
        known = _KNOWN[plan] = json.dumps(_shape(plan), separators=(",", ":"))
    return known


def difference(recorded: str, plan: WorkflowPlan, state: RunRecord) -> str | None:
    """Return how a workflow contradicts the record of a run, or None if it does not.

    Nodes that the run has not reached may differ.

    Raises:
      JournalFormatError: if what is recorded is not a fingerprint.
    """
    reached = _Reached(furthest_nodes(state.calls))
    return _compare(_read(recorded, state.run_id), _shape(plan), reached, None, "")


def _read(recorded: str, run_id: str) -> Shape:
    try:
        shape = json.loads(recorded)
        if _is_shape(shape):
            return list(shape)
    except (TypeError, ValueError, RecursionError) as exc:
        raise JournalFormatError(run_id, None, f"its fingerprint is not JSON ({exc})") from exc
    raise JournalFormatError(run_id, None, "its fingerprint is not the shape of a workflow")


def _is_shape(shape: Any) -> bool:
    """Return whether this is a return value of `_shape`: nodes of a kind and calls with an id."""
    return isinstance(shape, list) and all(
        isinstance(node, list)
        and len(node) > 1
        and isinstance(node[0], str)
        and all(_is_call_shape(call) for call in node[1:])
        for node in shape
    )


def _is_call_shape(call: Any) -> bool:
    if not (isinstance(call, list) and len(call) in (1, 2) and isinstance(call[0], str)):
        return False
    return len(call) == 1 or _is_shape(call[1])


def _shape(plan: WorkflowPlan) -> Shape:
    return [_node(node) for node in plan.nodes]


def _node(node: NodePlan) -> Shape:
    match node:
        case ThenPlan(call=call):
            return ["then", _call(call)]
        case SleepPlan(call=call):
            return ["sleep", _call(call)]
        case WaitPlan(call=call, event=event):
            return [f"wait for {event}", _call(call)]
        case LoopPlan(call=call, until=until):
            return ["dountil" if until else "dowhile", _call(call)]
        case ForEachPlan(item=call):
            return ["foreach", _call(call)]
        case ParallelPlan(arms=arms):
            return ["parallel", *map(_call, arms)]
        case BranchPlan(arms=pairs):
            return ["branch", *(_call(call) for _, call in pairs)]


def _call(call: CallPlan) -> Shape:
    return [call.id] if call.nested is None else [call.id, _shape(call.nested)]


class _Reached:
    """How far a run has come in its workflow and in all nested workflows."""

    def __init__(self, furthest: Mapping[Address | None, int]) -> None:
        self.furthest = furthest
        self.nested: dict[tuple[Address | None, int], list[Address]] = defaultdict(list)
        """The calls of nested workflows, by the enclosing workflow call and its node."""
        for call in furthest:
            if call is not None:
                self.nested[call.scope, call.position].append(call)


def _compare(
    old: Shape, new: Shape, reached: _Reached, scope: Address | None, where: str
) -> str | None:
    """Compare the nodes of one workflow as far as the run has come in any call of it."""
    for position in range(reached.furthest.get(scope, -1) + 1):
        name = f"node {position}{where}"
        if position >= len(old):
            return f"{name} was not there"
        if position >= len(new):
            return f"{name} was {_text(old[position])} and is gone"
        if _outline(old[position]) != _outline(new[position]):
            return f"{name} was {_text(old[position])} and is {_text(new[position])}"
        calls = reached.nested[scope, position]
        found = _compare_nested(old[position], new[position], reached, calls, where)
        if found is not None:
            return found
    return None


def _compare_nested(
    old: Shape, new: Shape, reached: _Reached, calls: Sequence[Address], where: str
) -> str | None:
    for (id, *before), (_, *now) in zip(old[1:], new[1:], strict=True):
        if not before:
            continue
        # Any call of the nested workflow: of this arm, or an iteration, an item, an attempt.
        for scope in [call for call in calls if call.arm in (None, id)]:
            found = _compare(before[0], now[0], reached, scope, f" of {id!r}{where}")
            if found is not None:
                return found
    return None


def _outline(node: Shape) -> Any:
    return node[0], [(id, bool(nested)) for id, *nested in node[1:]]


def _text(node: Shape) -> str:
    return f"{node[0]} {', '.join(repr(call[0]) for call in node[1:])}"
