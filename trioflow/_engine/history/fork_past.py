"""The past of a fork: the events it shares with the run it was forked from."""

from __future__ import annotations

import itertools
from collections import Counter
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
    address = str(destination.address)
    own = (e.seq for e in recorded if isinstance(e, ev.StepEvent) and e.address == address)
    events = shared(recorded, destination.keeps, run_id, next(own, None))
    return [_with_output(event, outputs) for event in events]


def _with_output(event: ev.Event, outputs: Mapping[str, Any]) -> ev.Event:
    if not isinstance(event, ev.StepResult) or event.id not in outputs:
        return event
    return attrs.evolve(event, status="success", error=None, output=outputs[event.id])


def with_state(events: Iterable[ev.Event], state: Any) -> list[ev.Event]:
    """Return the events of a past after which the workflow has a certain state."""
    return [_in_state(event, state) for event in events]


def _in_state(event: ev.Event, state: Any) -> ev.Event:
    if isinstance(event, ev.Start):
        return attrs.evolve(event, state=state)
    if isinstance(event, ev.StepProgress | ev.StepResult | ev.StepSuspended):
        return attrs.evolve(event, state_updates=None)
    return event


def shared(
    recorded: Sequence[ev.Event],
    keeps: Callable[[ev.Event], bool],
    run_id: str,
    until: int | None = None,
) -> list[ev.Event]:
    """Return those events of a run that another run shares, as events of that run.

    The runtime context that earlier answers gave is kept, though the answers end with their part of
    the old run.

    Args:
      until: The ``seq`` from which on answers do not count.
    """
    numbers: dict[int, int] = {}
    events: list[ev.Event] = []
    begun: set[str] = set()
    for event in _valid(recorded):
        if isinstance(event, ev.Resume) and (until is None or event.seq < until):
            for key, value in event.runtime_context.items():
                _give(events, key, value)
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
    return _counted(events)


def _counted(events: Sequence[ev.Event]) -> list[ev.Event]:
    """Recount the kept items of each foreach."""
    done: Counter[str] = Counter()

    def counted(event: ev.Event) -> ev.Event:
        if not isinstance(event, ev.StepProgress):
            return event
        done[event.address] += event.status not in ("suspended", "canceled")
        return attrs.evolve(event, done=done[event.address])

    return [counted(event) for event in events]


def _give(events: list[ev.Event], key: str, value: Any) -> None:
    """Change events, the first of which starts the run, so that their context has this entry.

    It replaces the last one that they have.
    """
    for index in range(len(events) - 1, -1, -1):
        event = events[index]
        if isinstance(event, ev.ContextUpdate) and key in (*event.updates, *event.removed):
            removed = tuple(name for name in event.removed if name != key)
            updates = {**event.updates, key: value}
            events[index] = attrs.evolve(event, updates=updates, removed=removed)
            return
        if isinstance(event, ev.Start):
            context = {**event.runtime_context, key: value}
            events[index] = attrs.evolve(event, runtime_context=context)


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
