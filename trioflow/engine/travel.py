"""Going back: the events of a run up to a step, as the beginning of another run."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from trioflow import events as ev
from trioflow.engine.plan import (
    BranchPlan,
    CallPlan,
    ForEachPlan,
    LoopPlan,
    NodePlan,
    ParallelPlan,
    WorkflowPlan,
)
from trioflow.engine.suspensions import GROUPS
from trioflow.errors import UnknownStepError

ENTRANCES = "/[~"
INSIDE_ITEM = re.compile(r"\](?=[/~])")
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
        return _comes_before(event.address, self.address)

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
        for key, call in _calls(str(position), node):
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


def prefix(
    recorded: Sequence[ev.Event],
    destination: Destination,
    run_id: str,
    outputs: Mapping[str, Any],
) -> list[ev.Event]:
    """Return the events before a destination, as events of another run.

    Args:
      recorded: The events of the old run.
      destination: Where the new run goes on.
      run_id: Id of the new run.
      outputs: Other outputs for steps before it, by id.
    """
    numbers: dict[int, int] = {}
    events: list[ev.Event] = []
    begun: set[str] = set()
    for event in _valid(recorded):
        if destination.keeps(event):
            if isinstance(event, ev.StepStart):
                if event.address in begun:  # for its end, or its suspension, was left out
                    continue
                begun.add(event.address)
            elif isinstance(event, ev.StepFinish | ev.StepSuspended):
                begun.discard(event.address)
            numbers[event.seq] = len(events)
            changes: dict[str, Any] = {"run_id": run_id, "seq": len(events)}
            if isinstance(event, ev.EventTaken):
                changes["received"] = numbers[event.received]
            if isinstance(event, ev.StepResult) and event.id in outputs:
                changes |= {"status": "success", "error": None, "output": outputs[event.id]}
            events.append(attrs.evolve(event, **changes))
    return events


def _valid(recorded: Sequence[ev.Event]) -> Iterable[ev.Event]:
    """Return the events without those of bodies that were running when their process died.

    Such a call has not begun anew then, but gone on, with the attempts that it has made. What
    contains other calls keeps all of them.
    """
    groups = _groups(recorded)
    valid = {event.seq: event for event in recorded}
    void: dict[str, list[int]] = {}
    """What happens again if the process dies now, by address."""
    begun = {address for address in groups if address.endswith("]")}  # items have no start
    retried: set[tuple[str, int]] = set()
    for event in recorded:
        match event:
            case ev.Recover():
                for seq in itertools.chain(*void.values()):
                    del valid[seq]
                void.clear()
            case ev.StepStart(address=address):
                void.pop(address, None)
                begun.add(address)
            case ev.StepResult(address=address) | ev.StepSuspended(address=address):
                void.pop(address, None)
                begun.discard(address)
            case ev.StepProgress():
                void.pop(f"{event.address}[{event.index}]", None)
            case ev.StepRetry(address=address) if address in groups or address in begun:
                if (address, event.attempt) in retried:
                    del valid[event.seq]
                retried.add((address, event.attempt))
            case ev.StepFinish():
                pass
            case ev.StepEvent(address=address) if address not in groups or address not in begun:
                void.setdefault(address, []).append(event.seq)
    return valid.values()


def _groups(recorded: Sequence[ev.Event]) -> set[str]:
    """Return the addresses of calls and items that contain other calls."""
    calls = (event for event in recorded if isinstance(event, ev.StepStart))
    found = set()
    for call in calls:
        if call.kind in GROUPS:
            found.add(call.address)
        found.update(call.address[: match.end()] for match in INSIDE_ITEM.finditer(call.address))
    return found


def invented(
    plan: WorkflowPlan,
    destination: Destination,
    events: Sequence[ev.Event],
    outputs: Mapping[str, Any],
) -> Iterator[ev.Event]:
    """Yield events for steps that never ran and whose outputs the caller has given."""
    known = {event.id for event in events if isinstance(event, ev.StepResult)}
    start = events[0]
    seq = len(events)
    for position, node in enumerate(plan.nodes):
        for key, call in _calls(str(position), node):
            if call.id not in outputs or call.id in known:
                continue
            if not _comes_before(key, destination.address):
                continue
            common: dict[str, Any] = {"run_id": start.run_id, "id": call.id, "address": key}
            at = events[-1].at
            yield ev.StepStart(**common, seq=seq, at=at, input=None, kind=call.kind)
            output = outputs[call.id]
            yield ev.StepResult(**common, seq=seq + 1, at=at, status="success", output=output)
            yield ev.StepFinish(**common, seq=seq + 2, at=at, attempts=0, seconds=0.0)
            seq += 3


# ---------------------------------------------------------------- places
def _calls(key: str, node: NodePlan) -> Iterator[tuple[str, CallPlan]]:
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
        for _, call in _calls(str(position), node):
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


def _comes_before(address: str, target: str) -> bool:
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
