"""The past of a retry: everything that succeeded in a failed or canceled run.

A call is repeated if it failed or was canceled, and so did every call that contains it. Calls that
succeeded, that wait for an answer, or that the workflow has passed stay as they are. So do failures
that ``on_error="collect"`` has made values, which it does when all its items or arms have ended: a
later node may have seen them. In a block that was stopped before that, failed items and arms are
repeated like canceled ones.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import attrs

from trioflow import events as ev
from trioflow._engine.base.find_call import find_node
from trioflow._engine.base.plan import BranchPlan, ParallelPlan, WorkflowPlan
from trioflow._engine.history.fork_past import Past, shared
from trioflow._engine.history.groups import GROUPS, items_around
from trioflow._engine.history.replay import furthest_nodes
from trioflow.addresses import Address
from trioflow.errors import UnreadableRunError
from trioflow.events import SUCCESS_STATUSES
from trioflow.record import RunRecord
from trioflow.step_record import StepRecord


def retry_past(
    plan: WorkflowPlan,
    record: RunRecord,
    recorded: Sequence[ev.Event],
    run_id: str,
    misfits: Iterable[UnreadableRunError] = (),
) -> Past:
    """Return the past for a run that repeats what failed or was canceled in another run.

    Args:
      plan: The workflow of the run.
      record: The fold of *recorded*, the events of the old run.
      run_id: Id of the new run.
      misfits: Errors for values of the old run.

    Raises:
      UnreadableRunError: if a value that is kept no longer fits its type.
    """
    calls = _Calls(plan, record, recorded)
    choice = _Choice(calls, recorded)
    kept: set[int] = set()

    def keeps(event: ev.Event) -> bool:
        if choice.keeps(event):
            kept.add(event.seq)
        return event.seq in kept

    expired = {
        (event.address, event.key)
        for event in recorded
        if isinstance(event, ev.StepAnswered) and event.expired and event.address in calls.repeated
    }
    events = [_without(event, expired) for event in shared(recorded, keeps, run_id)]
    for error in misfits:
        if error.seq in kept:
            raise error
    given = {"attempts": calls.earlier_attempts(), "answers": choice.answers}
    return Past(events, {name: value for name, value in given.items() if value})


REDONE = (ev.StepResult, ev.StepFinish, ev.StepSuspended, ev.StepDeadline)
"""What happens again to a call that contains others and is continued."""


class _Calls:
    """The calls of the old run, and which of them are repeated."""

    def __init__(self, plan: WorkflowPlan, record: RunRecord, recorded: Sequence[ev.Event]) -> None:
        self._plan = plan
        self._records = dict(record.calls.items())
        self._furthest = furthest_nodes(self._records)
        self._iterations: dict[tuple[Address | None, int], int] = {}
        for address in map(Address.parse, self._records):
            place = address.scope, address.position
            last = self._iterations.get(place, 1)
            self._iterations[place] = max(last, address.iteration or 1)
        self._items = items_around(self._furthest)
        self._may_repeat = functools.cache(self._find_out)
        self._attempts: dict[str, int] = {}
        for event in recorded:
            if isinstance(event, ev.StepRetry):
                made = self._attempts.get(event.address, 0)
                self._attempts[event.address] = max(made, event.attempt)
        self.repeated = {a for a in self._records if self._may_repeat(a) and self._has_failed(a)}
        """Addresses of calls and foreach items that are repeated and contain no other calls.
        """
        around = {str(o) for a in self.repeated for o in Address.parse(a).walk()} - self.repeated
        waiting = {a for a in around if self._status(a) == "suspended"}
        broken = {a for a in self._records if self._may_repeat(a) and self._is_broken_group(a)}
        self.reopened = broken | waiting
        """Addresses of calls and items that contain others and are continued."""

    def _status(self, address: str) -> str:
        record = self._records.get(address)
        return "running" if record is None else record.status

    def is_group(self, address: str) -> bool:
        """Return whether a call or a foreach item contains calls."""
        record: StepRecord | None = self._records.get(address)
        return address in self._items or (record is not None and record.kind in GROUPS)

    def _has_failed(self, address: str) -> bool:
        return not self.is_group(address) and self._status(address) != "suspended"

    def _is_broken_group(self, address: str) -> bool:
        return self.is_group(address) and self._status(address) != "suspended"

    def _find_out(self, address: str) -> bool:
        """Return whether a call is to be repeated.

        Neither it nor any call that contains it succeeded, and the workflow has not passed it.
        """
        if self._status(address) in SUCCESS_STATUSES:
            return False
        place = Address.parse(address)
        if place.item is not None:
            return self._may_repeat(str(place.call))
        scope = place.scope
        if place.position != self._furthest.get(scope, place.position):
            return False
        if (place.iteration or 1) != self._iterations.get((scope, place.position), 1):
            return False
        if place.arm is not None and self._is_collected(place):
            return False
        if scope is None:
            return True
        outer = str(scope.with_attempt(1))
        return scope.attempt == self.last_attempt(outer) and self._may_repeat(outer)

    def _is_collected(self, place: Address) -> bool:
        """Return whether the failure of an arm has become a value, as all arms have ended."""
        node = find_node(self._plan, place)
        if not isinstance(node, ParallelPlan | BranchPlan) or node.on_error != "collect":
            return False
        record = self._records.get(str(place))
        chosen = None if record is None else record.arms
        if chosen is None and isinstance(node, ParallelPlan):
            chosen = tuple(arm.id for arm in node.arms)
        arms = [str(attrs.evolve(place, arm=id)) for id in chosen or ()]
        return all(self._status(arm) in ("success", "failed") for arm in arms)

    def last_attempt(self, address: str) -> int:
        """Return the last attempt that a call has made, counted from 1."""
        return self._attempts.get(address, 0) + 1

    def earlier_attempts(self) -> Mapping[str, int]:
        """Return the number of attempts that do not count, for the calls that are continued."""
        attempts = {address: self._attempts.get(address, 0) for address in sorted(self.reopened)}
        return {address: made for address, made in attempts.items() if made}


@attrs.define
class _Choice:
    """Decides which events the new run shares with the old one; called in their order."""

    calls: _Calls
    recorded: Sequence[ev.Event]
    answers: dict[str, Any] = attrs.field(init=False)
    """The answers for items that are repeated; other calls have their answers in an event."""
    _answered: set[str] = attrs.field(init=False)
    """Addresses of calls with an answered question."""
    _started: set[str] = attrs.field(init=False)
    _begun: set[str] = attrs.field(factory=set)

    def __attrs_post_init__(self) -> None:
        self.answers = {
            target: event.data
            for event in self.recorded
            if isinstance(event, ev.Resume) and event.answered
            for target in event.targets
            if target in self.calls.repeated and Address.parse(target).item is not None
        }
        self._answered = {
            event.address
            for event in self.recorded
            if isinstance(event, ev.StepAnswered) and not event.expired
        }
        self._started = {e.address for e in self.recorded if isinstance(e, ev.StepStart)}

    def keeps(self, event: ev.Event) -> bool:
        if not isinstance(event, ev.StepEvent):
            return isinstance(event, ev.Start | ev.EventReceived)
        if isinstance(event, ev.StepProgress):
            return self._keeps_item(event)
        if event.address in self.calls.repeated:
            return self._keeps_of_repeated(event)
        if event.address in self.calls.reopened:
            return not isinstance(event, REDONE)
        return True

    def _keeps_item(self, event: ev.StepProgress) -> bool:
        item = str(Address.parse(event.address).with_item(event.index))
        if item in self.calls.reopened:
            return False
        if item in self.calls.repeated:
            is_answered = item in self.answers or item in self._answered
            return event.status == "suspended" and is_answered
        return True

    def _keeps_of_repeated(self, event: ev.StepEvent) -> bool:
        """Keep the start of a call, and the events or answers that it has received."""
        match event:
            case ev.StepStart():
                self._begun.add(event.address)
                return True
            case ev.StepSuspended():
                return True
            case ev.StepAnswered():
                return not event.expired
            case ev.StepWaiting() | ev.EventTaken():
                return event.address in self._started - self._begun
        return False


def _without(event: ev.Event, expired: Set[tuple[str, str]]) -> ev.Event:
    """Return an event without the questions that are to be asked again."""
    if not expired or not isinstance(event, ev.StepSuspended | ev.StepProgress) or not event.asks:
        return event
    address = event.address
    if isinstance(event, ev.StepProgress):
        address = str(Address.parse(address).with_item(event.index))
    kept = {key: ask for key, ask in event.asks.items() if (address, key) not in expired}
    return attrs.evolve(event, asks=kept or None)
