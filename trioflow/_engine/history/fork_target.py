"""Fork at a step: find the call, and which events of a run precede it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from trioflow import events as ev
from trioflow._engine.base.plan import (
    BranchPlan,
    CallPlan,
    ForEachPlan,
    LoopPlan,
    NodePlan,
    ParallelPlan,
    WorkflowPlan,
)
from trioflow.addresses import Address
from trioflow.errors import UnknownStepError


@attrs.frozen
class Destination:
    """The call at which a run is forked."""

    address: Address
    items: frozenset[int] | None
    """The items of a foreach that succeeded: these are kept."""

    def keeps(self, event: ev.Event) -> bool:
        """Return whether an event of the old run belongs to the beginning of the new one."""
        if not isinstance(event, ev.StepEvent):
            return isinstance(event, ev.Start | ev.EventReceived)
        address = Address.parse(event.address)
        if address == self.address:
            # For a foreach, the progress of kept items; for other calls, nothing.
            ended_well = isinstance(event, ev.StepProgress) and event.status == "success"
            return self.items is not None and (ended_well or isinstance(event, ev.StepStart))
        if address.is_inside(self.address):
            return self.items is not None and self._item_around(address) in self.items
        if self.address.is_inside(address):
            # The calls around the step have begun, and end only in the new run.
            return isinstance(event, ev.StepWaiting | ev.EventTaken | ev.StepStart | ev.StepRetry)
        return address.may_precede(self.address)

    def _item_around(self, address: Address) -> int | None:
        """Return the index of the foreach item that a call is inside of."""
        while address.scope is not None and address.call != self.address:
            address = address.scope
        return address.item


def find_destination(
    plan: WorkflowPlan, path: str | Sequence[str], recorded: Sequence[ev.Event]
) -> Destination:
    """Return the call for a path of ids: its last call if it was made, else its address.

    Raises:
      UnknownStepError: if the workflow has no such step.
    """
    wanted = path if isinstance(path, str) else ".".join(path)
    found = _descend(plan, wanted, None, recorded)
    if found is None:
        raise UnknownStepError(wanted, plan.id, tuple(_ids(plan)))
    return found


def _descend(
    plan: WorkflowPlan, wanted: str, scope: Address | None, recorded: Sequence[ev.Event]
) -> Destination | None:
    """Find a path by its string, because ids may contain dots."""
    for position, node in enumerate(plan.nodes):
        for first, call in calls_of(Address(position, scope=scope), node):
            if call.id == wanted:
                address = _latest(first, recorded)
                items = _ended_well(address, recorded) if call.kind == "foreach" else None
                return Destination(address, items)
            if call.nested is not None and wanted.startswith(f"{call.id}."):
                inner = wanted[len(call.id) + 1 :]
                attempt = _latest_attempt(_latest(first, recorded), recorded)
                found = _descend(call.nested, inner, attempt, recorded)
                if found is not None:
                    return found
    return None


def _ended_well(loop: Address, recorded: Sequence[ev.Event]) -> frozenset[int]:
    """Return the items of a foreach that succeeded."""
    return frozenset(
        event.index
        for event in recorded
        if isinstance(event, ev.StepProgress)
        and event.address == str(loop)
        and event.status == "success"
    )


# ---------------------------------------------------------------- addresses
def calls_of(address: Address, node: NodePlan) -> Iterator[tuple[Address, CallPlan]]:
    """Yield the calls of the node at *address*, with their addresses; for a loop, the first."""
    match node:
        case ParallelPlan(arms=arms):
            yield from ((attrs.evolve(address, arm=arm.id), arm) for arm in arms)
        case BranchPlan(arms=pairs):
            yield from ((attrs.evolve(address, arm=arm.id), arm) for _, arm in pairs)
        case LoopPlan(call=call):
            yield address.with_iteration(1), call
        case ForEachPlan(loop=loop):
            yield address, loop
        case _:
            yield address, node.call


def _ids(plan: WorkflowPlan) -> Iterator[str]:
    for position, node in enumerate(plan.nodes):
        for _, call in calls_of(Address(position), node):
            yield call.id


def _latest(first: Address, recorded: Sequence[ev.Event]) -> Address:
    """Return the address of the last iteration that was made, if it is in a loop."""
    if first.iteration is None:
        return first
    made = [
        address.iteration or 1
        for address in _begun(recorded)
        if (address.scope, address.position) == (first.scope, first.position)
    ]
    return first.with_iteration(max(made, default=1))


def _latest_attempt(call: Address, recorded: Sequence[ev.Event]) -> Address:
    """Return the address of the last attempt at a nested workflow that made a call."""
    scopes = (address.scope for address in _begun(recorded))
    attempts = [scope.attempt for scope in scopes if scope is not None and scope.call == call]
    return call.with_attempt(max(attempts, default=1))


def _begun(recorded: Sequence[ev.Event]) -> Iterator[Address]:
    for event in recorded:
        if isinstance(event, ev.StepStart):
            yield Address.parse(event.address)
