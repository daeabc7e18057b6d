"""Find the step that gave a value that does not fit the next one."""

from __future__ import annotations

from trioflow._engine.base.plan import BranchPlan, NodePlan, ParallelPlan
from trioflow._engine.running.call import Call
from trioflow._values.structure import owner_of
from trioflow.addresses import Address
from trioflow.errors import InvalidValueError


def name_giver(call: Call, error: InvalidValueError) -> None:
    """Add the giving step to an error of a call's own input; leave all other errors unchanged."""
    structure = call.plan.structure
    if structure is None or error.what != "input" or error.owner != owner_of(structure):
        return
    error.giver = _giver_to(call)
    error.args = (error.what, error.owner, error.faults, error.giver)  # used to rebuild it


def _giver_to(call: Call) -> str:
    position, plan = Address.parse(call.address).position, call.scope.plan
    if call.iteration is not None and call.iteration > 1:
        return f"iteration {call.iteration - 1}"
    return _giver(plan.nodes[position - 1]) if position else f"the caller of workflow {plan.id!r}"


def _giver(node: NodePlan) -> str:
    if isinstance(node, ParallelPlan):
        return f"parallel {', '.join(repr(arm.id) for arm in node.arms)}"
    if isinstance(node, BranchPlan):
        return f"branch {', '.join(repr(arm.id) for _, arm in node.arms)}"
    call = node.loop if hasattr(node, "loop") else node.call
    return f"{call.kind} {call.id!r}"
