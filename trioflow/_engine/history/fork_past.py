"""The past of a fork: the events it shares with the run it was forked from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from trioflow import events as ev
from trioflow._engine.base.plan import WorkflowPlan
from trioflow._engine.history.fork_target import Destination, calls_of
from trioflow._engine.history.groups import GROUPS, items_around
from trioflow.addresses import Address
from trioflow.errors import UnreadableRunError


@attrs.frozen
class Past:
    """What a run that shares its past with another run begins with."""

    events: Sequence[ev.Event]
    """The shared events; the first one starts the run."""
    given: Mapping[str, Any]
    """Fields of its `Recover` for the differences: ``inputs``, ``answers``, ``attempts``."""


def check_fits(
    misfits: Iterable[UnreadableRunError],
    recorded: Sequence[ev.Event],
    destination: Destination,
    outputs: Mapping[str, Any],
) -> None:
    """Check that a fork shares no value that no longer fits its type.

    Args:
      misfits: Errors for values of the old run.
      recorded, destination, outputs: As for `prefix`.

    Raises:
      UnreadableRunError: if one does not fit.
    """
    shared = {
        event.seq
        for event in recorded
        if destination.keeps(event)
        and not (isinstance(event, ev.StepResult) and event.id in outputs)
    }
    for error in misfits:
        if error.seq in shared:
            raise error


def prefix(
    recorded: Sequence[ev.Event],
    destination: Destination,
    run_id: str,
    outputs: Mapping[str, Any],
) -> list[ev.Event]:
    """Return the events before a destination, as events of another run.

    Args:
      recorded: The events of the old run.
      destination: Where the new run departs from it.
      run_id: Id of the new run.
      outputs: Replacement outputs for earlier steps, by id.
    """
    events = shared(recorded, destination.keeps, run_id)
    return [_with_output(event, outputs) for event in events]


def _with_output(event: ev.Event, outputs: Mapping[str, Any]) -> ev.Event:
    if not isinstance(event, ev.StepResult) or event.id not in outputs:
        return event
    return attrs.evolve(event, status="success", error=None, output=outputs[event.id])


def shared(
    recorded: Sequence[ev.Event], keeps: Callable[[ev.Event], bool], run_id: str
) -> list[ev.Event]:
    """Return those events of a run that another run shares, as events of that run."""
    numbers: dict[int, int] = {}
    events: list[ev.Event] = []
    begun: set[str] = set()
    for event in _valid(recorded):
        if not keeps(event):
            continue
        if isinstance(event, ev.StepStart):
            if event.address in begun:  # its end or its suspension was left out
                continue
            begun.add(event.address)
        elif isinstance(event, ev.StepFinish | ev.StepSuspended):
            begun.discard(event.address)
        numbers[event.seq] = len(events)
        changes: dict[str, Any] = {"run_id": run_id, "seq": len(events)}
        if isinstance(event, ev.EventTaken):
            changes["received"] = numbers[event.received]
        events.append(attrs.evolve(event, **changes))
    return events


def _valid(recorded: Sequence[ev.Event]) -> Iterable[ev.Event]:
    """Return the events without those of bodies that were running when their process died.

    Such a call did not begin anew but continued, with the attempts it had made. Calls that contain
    other calls keep all their events.
    """
    starts = [event for event in recorded if isinstance(event, ev.StepStart)]
    begun = items_around(
        Address.parse(event.address).scope for event in starts
    )  # items have no start
    groups = begun | {event.address for event in starts if event.kind in GROUPS}
    valid = {event.seq: event for event in recorded}
    void: dict[str, list[int]] = {}
    """What happens again if the process dies now, by address."""
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
            case ev.StepProgress(address=address):
                void.pop(str(Address.parse(address).with_item(event.index)), None)
            case ev.StepRetry(address=address) if address in groups or address in begun:
                if (address, event.attempt) in retried:
                    del valid[event.seq]
                retried.add((address, event.attempt))
            case ev.StepFinish():
                pass
            case ev.StepEvent(address=address) if address not in groups or address not in begun:
                void.setdefault(address, []).append(event.seq)
    return valid.values()


def invented(
    plan: WorkflowPlan,
    destination: Destination,
    events: Sequence[ev.Event],
    outputs: Mapping[str, Any],
) -> Iterator[ev.Event]:
    """Yield events for steps that never ran and whose outputs the caller has provided."""
    known = {event.id for event in events if isinstance(event, ev.StepResult)}
    start = events[0]
    seq = len(events)
    for position, node in enumerate(plan.nodes):
        for address, call in calls_of(Address(position), node):
            if call.id not in outputs or call.id in known:
                continue
            if not address.may_precede(destination.address):
                continue
            common: dict[str, Any] = {
                "run_id": start.run_id,
                "id": call.id,
                "address": str(address),
            }
            at = events[-1].at
            yield ev.StepStart(**common, seq=seq, at=at, input=None, kind=call.kind)
            output = outputs[call.id]
            yield ev.StepResult(**common, seq=seq + 1, at=at, status="success", output=output)
            yield ev.StepFinish(**common, seq=seq + 2, at=at, attempts=0, seconds=0.0)
            seq += 3
