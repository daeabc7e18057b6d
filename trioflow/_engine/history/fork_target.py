"""Going back to a step: which call is meant, and what of a run lies before it."""

from __future__ import annotations

import re
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
from trioflow.errors import UnknownStepError

ENTRANCES = "/[~"
PARTS = re.compile(r"(\d+)(?::([^#\[~/]*))?(?:#(\d+))?")


@attrs.frozen
class Destination:
    """The call that a run travels back to."""

    address: str
    items: frozenset[str] | None
    """Of a foreach, the addresses of the items that have ended well: these are kept."""

    def keeps(self, event: ev.Event) -> bool:
        """Tell whether an event of the old run belongs to the beginning of the new one."""
        if not isinstance(event, ev.StepEvent):
            return isinstance(event, ev.Start | ev.EventReceived)
        if self._is_inside(event.address, self.address):
            return self.items is not None and self._keeps_item(event, self.items)
        if self._is_inside(self.address, event.address):
            # What contains the step begins, and ends in the new run only.
            return isinstance(event, ev.StepWaiting | ev.EventTaken | ev.StepStart | ev.StepRetry)
        return comes_before(event.address, self.address)

    def _keeps_item(self, event: ev.StepEvent, items: frozenset[str]) -> bool:
        if event.address == self.address:
            ended_well = isinstance(event, ev.StepProgress) and event.status == "success"
            return ended_well or isinstance(event, ev.StepStart)
        return event.address[: event.address.index("]", len(self.address)) + 1] in items

    @staticmethod
    def _is_inside(inner: str, outer: str) -> bool:
        return inner == outer or (inner.startswith(outer) and inner[len(outer)] in ENTRANCES)


def find_destination(
    plan: WorkflowPlan, path: str | Sequence[str], recorded: Sequence[ev.Event]
) -> Destination:
    """Return the call that a path of ids means: its last one if it was made, else its place.

    Raises:
      UnknownStepError: if the workflow has no such step.
    """
    wanted = path if isinstance(path, str) else ".".join(path)
    found = _descend(plan, wanted, "", recorded)
    if found is None:
        raise UnknownStepError(wanted, plan.id, tuple(_ids(plan)))
    return found


def _descend(
    plan: WorkflowPlan, wanted: str, scope: str, recorded: Sequence[ev.Event]
) -> Destination | None:
    """Look for a path by its text, because ids may have dots themselves."""
    for position, node in enumerate(plan.nodes):
        for key, call in calls_of(str(position), node):
            address = _latest(scope + key, recorded)
            if call.id == wanted:
                items = _ended_well(address, recorded) if call.kind == "foreach" else None
                return Destination(address, items)
            if call.nested is not None and wanted.startswith(f"{call.id}."):
                inner = wanted[len(call.id) + 1 :]
                found = _descend(call.nested, inner, _latest_attempt(address, recorded), recorded)
                if found is not None:
                    return found
    return None


def _ended_well(address: str, recorded: Sequence[ev.Event]) -> frozenset[str]:
    """Return the addresses of the items of a foreach that have ended well."""
    return frozenset(
        f"{address}[{event.index}]"
        for event in recorded
        if isinstance(event, ev.StepProgress)
        and event.address == address
        and event.status == "success"
    )


# ---------------------------------------------------------------- places
def calls_of(key: str, node: NodePlan) -> Iterator[tuple[str, CallPlan]]:
    """Yield the calls that a node makes, with their addresses inside of the workflow."""
    match node:
        case ParallelPlan(arms=arms):
            yield from ((f"{key}:{arm.id}", arm) for arm in arms)
        case BranchPlan(arms=pairs):
            yield from ((f"{key}:{arm.id}", arm) for _, arm in pairs)
        case LoopPlan(call=call):
            yield f"{key}#1", call
        case ForEachPlan(loop=loop):
            yield key, loop
        case _:
            yield key, node.call


def _ids(plan: WorkflowPlan) -> Iterator[str]:
    for position, node in enumerate(plan.nodes):
        for _, call in calls_of(str(position), node):
            yield call.id


def _latest(address: str, recorded: Sequence[ev.Event]) -> str:
    """Return the address of the last iteration that was made, if it is in a loop."""
    if "#" not in address.rpartition("/")[2]:
        return address
    loop = address.rpartition("#")[0] + "#"
    made = [
        event.address
        for event in recorded
        if isinstance(event, ev.StepStart) and event.address.startswith(loop)
    ]
    iterations = [int(match[1]) for a in made if (match := re.match(r"(\d+)", a[len(loop) :]))]
    return f"{loop}{max(iterations, default=1)}"


def _latest_attempt(address: str, recorded: Sequence[ev.Event]) -> str:
    """Return what the addresses begin with that are inside of the last attempt of a workflow."""
    again = re.compile(rf"{re.escape(address)}~(\d+)/")
    found = (again.match(event.address) for event in recorded if isinstance(event, ev.StepStart))
    attempts = [int(match[1]) for match in found if match]
    return f"{address}~{max(attempts)}/" if attempts else f"{address}/"


def comes_before(address: str, target: str) -> bool:
    """Tell whether a call is over when another one begins, or runs beside it."""
    for own, other in zip(address.split("/"), target.split("/"), strict=False):
        if own == other:
            continue
        mine, theirs = PARTS.match(own), PARTS.match(other)
        if mine is None or theirs is None or int(mine[1]) != int(theirs[1]):
            return mine is not None and theirs is not None and int(mine[1]) < int(theirs[1])
        if mine[3] is not None and theirs[3] is not None:  # iterations of one loop
            return int(mine[3]) < int(theirs[3])
        return True  # another arm or another item
    return False
