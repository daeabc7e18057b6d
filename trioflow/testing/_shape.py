"""The calls that a workflow can make: the rules that apply when the workflow is known."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from trioflow import events as ev
from trioflow.addresses import Address
from trioflow.nodes import (
    Branch,
    ForEach,
    Loop,
    Map,
    Node,
    Parallel,
    Sleep,
    SleepUntil,
    Target,
    WaitForEvent,
    ids_of,
    target_id,
    targets_of,
)
from trioflow.steps import Step
from trioflow.testing._log import Call, Frame, Log, item_of
from trioflow.tools import Tool
from trioflow.workflow import Workflow

Suffix = Literal["none", "arm", "iteration"]
SUFFIXES: dict[type[Any], Suffix] = {Parallel: "arm", Branch: "arm", Loop: "iteration"}
"""The suffix that distinguishes the calls of a node; other nodes make one call."""


@attrs.frozen
class Shape:
    """A workflow and the calls that it can make; without a workflow, any calls."""

    workflow: Workflow[Any, Any] | None
    _known: dict[Address | None, tuple[Node, ...] | None] = attrs.field(factory=dict, init=False)

    def check_call(self, log: Log, call: Call, event: ev.StepEvent) -> None:
        """Check that a node makes this call."""
        nodes = self._nodes(call.address.scope)
        if nodes is None:
            return
        if call.address.position >= len(nodes):
            log.fail(4, f"{call} is beyond the last of {len(nodes)} nodes")
        node = nodes[call.address.position]
        own_id = call.id.removeprefix(f"{call.parent.id}." if call.parent else "")
        if own_id not in ids_of(node):
            log.fail(4, f"{call}: the node runs {' or '.join(ids_of(node))}")
        if _suffix(call.address) != SUFFIXES.get(type(node), "none"):
            log.fail(4, f"{call} does not have an address of a {type(node).__name__}")
        self._check_opening(log, call, node, event)

    def _check_opening(self, log: Log, call: Call, node: Node, event: ev.StepEvent) -> None:
        waits = isinstance(node, Sleep | SleepUntil | WaitForEvent)
        if waits != isinstance(event, ev.StepWaiting):
            log.fail(2, f"{call} of a {type(node).__name__} begins with {event.type}")
        if isinstance(event, ev.StepStart):
            expected = kind_of(node, _target(node, call.address))
            if expected not in (None, event.kind):
                log.fail(4, f"{call} is of kind {event.kind}, not {expected}")

    def check_left(self, log: Log, frame: Frame, call: Call) -> None:
        """Check that the nodes before *call* have made their calls."""
        nodes = self._nodes(call.address.scope)
        if nodes is not None:
            self._check_nodes(log, nodes, frame, min(call.address.position, len(nodes)))

    def check_complete(self, log: Log, scope: Address | None) -> None:
        """Check that a successful workflow has run all its nodes, unless a call bailed."""
        nodes = self._nodes(scope)
        frame = log.frames.get(scope, Frame())
        if nodes is not None and not frame.bailed:
            self._check_nodes(log, nodes, frame, len(nodes))

    def _check_nodes(self, log: Log, nodes: tuple[Node, ...], frame: Frame, end: int) -> None:
        """Check the current node of *frame*, and those after it up to *end*."""
        for node in nodes[frame.position + 1 : end]:
            if not isinstance(node, Branch):  # a branch may choose no arm
                log.fail(4, f"a {type(node).__name__} of {' and '.join(ids_of(node))} is missing")
        current = nodes[frame.position] if frame.calls else None
        if isinstance(current, Parallel) and len(frame.calls) < len(current.arms):
            log.fail(5, f"only {len(frame.calls)} of {len(current.arms)} arms have run")

    def check_concurrency(self, log: Log, call: Call) -> None:
        """Check that no more items of a foreach are open than its concurrency allows."""
        around = call.address.scope
        node = self.node_at(around) if around and around.item is not None else None
        if not isinstance(node, ForEach):
            return
        items = {item_of(inner) for inner in log.open.values() if inner.parent is call.parent}
        if len(items) > node.concurrency and not log.is_shared_past:
            log.fail(5, f"{len(items)} items are open, but concurrency is {node.concurrency}")

    def node_at(self, address: Address) -> Node | None:
        """Return the node that makes the call at *address*, None if unknown."""
        nodes = self._nodes(address.scope)
        return nodes[address.position] if nodes and address.position < len(nodes) else None

    def _nodes(self, scope: Address | None) -> tuple[Node, ...] | None:
        """Return the nodes of the workflow whose calls have this scope, None if unknown."""
        if scope not in self._known:
            self._known[scope] = self._find(scope)
        return self._known[scope]

    def _find(self, scope: Address | None) -> tuple[Node, ...] | None:
        if scope is None:
            return None if self.workflow is None else self.workflow.nodes
        node = self.node_at(scope)
        target = _target(node, scope) if node is not None else None
        return target.nodes if isinstance(target, Workflow) else None


def _suffix(address: Address) -> Suffix:
    """Return the suffix that distinguishes the calls of one node."""
    if address.arm is not None:
        return "arm"
    return "none" if address.iteration is None else "iteration"


def kind_of(node: Node, target: Target | None) -> ev.StepKind | None:
    """Return the kind that the step-start of a call must have, None if unknown."""
    match node, target:
        case ForEach(), _:
            return "foreach"
        case Map(), _:
            return "map"
        case _, Step():
            return "step"
        case _, Tool():
            return "tool"
        case _, Workflow():
            return "workflow"
    return None


def _target(node: Node, address: Address) -> Target | None:
    """Return the target that the call at *address* runs."""
    targets = targets_of(node)
    if address.arm is None:
        return targets[0] if targets else None
    return next((one for one in targets if target_id(one) == address.arm), None)
