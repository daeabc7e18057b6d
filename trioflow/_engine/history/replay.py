"""The outcomes of earlier parts of a run.

A continued run is interpreted from the top again. A call with a recorded outcome returns it at
once, without running or emitting; so do the decisions of branches and loops. Everything else runs.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from trioflow._engine.base.outcome import Bailed, Failed, Outcome, Success, Suspended
from trioflow._engine.base.plan import BranchPlan, CallPlan
from trioflow._engine.history.groups import items_around
from trioflow.addresses import Address
from trioflow.context import MISSING
from trioflow.events import DONE_STATUSES
from trioflow.record import RunRecord
from trioflow.step_record import StepRecord

OPEN = ("running", "waiting")
"""The statuses of calls in which a process died."""


class Repeated(Protocol):
    """What is known about a call that is made again."""

    plan: CallPlan
    address: str
    attempt: int
    round: int
    answer: tuple[bool, Any]
    suspend_data: Any


class Replay:
    """The records of a run at the moment when it continues."""

    def __init__(self, state: RunRecord, now: float) -> None:
        """Take what is recorded, with the answers that the run was resumed with.

        Args:
          now: Nested workflows whose deadline has passed by now are made again, and fail.
        """
        self._state = state
        self._records = dict(state.calls.items())
        self.inputs = state.inputs
        """Replacement inputs for calls, by address."""
        self._answers = dict(state.answers)
        self.asks = dict(state.asks)
        """What calls have asked, by address and key."""
        furthest = furthest_nodes(self._records)
        self._furthest = {_prefix(scope): position for scope, position in furthest.items()}
        self._items = items_around(furthest)
        # An answered call that has started again no longer has the answer in its record.
        begun = [a for a, record in self._records.items() if record.status in OPEN]
        answered = (a for a, asks in self.asks.items() if any(ask.is_new for ask in asks.values()))
        overdue = state.overdue_calls(now)
        ends = [*self._answers, *begun, *answered, *self._stalled(), *overdue]
        self._entered = {outer for address in ends for outer in _way_to(address)}
        self._lost: dict[str, int] = {}
        """How many attempts of the calls that are made again were lost in crashes."""
        self._shown: dict[str, Any] = {}
        """Answers by the address of the answered call and of every call that contains it."""
        for address, data in self._answers.items():
            self._show(address, data)

    def _stalled(self) -> Iterator[str]:
        """Yield items that no longer wait for anything but are still recorded as suspended.

        Items have no start event, so an item whose process died after its answer was used up still
        counts as suspended.
        """
        waiting = [a for a, record in self._records.items() if record.status == "suspended"]
        still = items_around(Address.parse(a).scope for a in waiting)
        yield from (a for a in waiting if a in self._items and a not in still)

    def record(self, address: str) -> StepRecord | None:
        """Return what is known about a call."""
        return self._records.get(address)

    def item_has_begun(self, address: str) -> bool:
        """Return whether anything is known about an item of a foreach or a call inside it."""
        return address in self._records or address in self._items

    def outcome(self, address: str) -> Outcome | None:
        """Return the recorded outcome of a call, or None if the call must be made."""
        record = self._records.get(address)
        if record is None:
            return None
        match record.status:
            case "success":
                return Success(record.output)
            case "bailed":
                return Bailed(record.output)
            case "failed":
                if record.error is None:
                    return Failed(RuntimeError("the error was not recorded"))
                return Failed(record.error)
            case "suspended" if address not in self._entered:
                return Suspended(record.suspend_payload, record.label)
        return None

    def prepare(self, call: Repeated) -> None:
        """Make a call that is made again continue where it was: attempt, round, answer."""
        record = self._records.get(call.address)
        if record is None:
            _answer(call, self._answers.get(call.address, MISSING))
            lost = self._state.earlier.get(call.address, 0)
            if self._state.unseen and call.plan.is_leaf:
                lost = self._state.unseen
            call.attempt = self._lost[call.address] = lost
            return
        call.attempt = record.attempts
        self._lost[call.address] = record.lost + self._state.earlier.get(call.address, 0)
        call.round = record.round
        call.suspend_data = record.suspend_payload
        call.answer = record.resumed, record.resume_data
        if record.status == "suspended":
            call.round += 1
            # The calls that contain an answered call also show the answer.
            if call.address in self._shown:
                _answer(call, self._shown[call.address])

    def lost(self, address: str) -> int:
        """Return how many attempts of a call were lost in crashes. They do not count as
        attempts."""
        return self._lost.get(address, 0)

    def paused_until(self, address: str) -> float | None:
        """Return when the pending attempt of a call begins: seconds since the epoch."""
        record = self._records.get(address)
        return None if record is None else record.paused_until

    def _show(self, address: str, data: Any) -> None:
        for outer in _way_to(address):
            self._shown.setdefault(outer, data)

    def arms(self, scope: str, node: BranchPlan) -> tuple[str, ...] | None:
        """Return which arms a branch had chosen, or None if that is not known."""
        for _, arm in node.arms:
            record = self._records.get(f"{scope}{node.key}:{arm.id}")
            if record is not None and record.arms is not None:
                return record.arms
        return () if self.passed(scope, node.key) else None

    def passed(self, scope: str, key: str) -> bool:
        """Return whether a node has ended because a later node of its workflow has begun."""
        return self._furthest.get(scope, -1) > int(key)

    def settled(self, scope: str, key: str) -> bool:
        """Return whether a node had ended when this part of the run began."""
        return self.passed(scope, key) or self._settled.get(f"{scope}{key}", False)

    @functools.cached_property
    def _settled(self) -> dict[str, bool]:
        """Whether all calls of a node had ended, by the address of the node."""
        settled: dict[str, bool] = {}
        for text, record in self._records.items():
            address = Address.parse(text)
            node = f"{_prefix(address.scope)}{address.position}"
            settled[node] = settled.get(node, True) and record.status in DONE_STATUSES
        return settled

    def entered(self, scope: str) -> bool:
        """Return whether a node of this workflow call has begun."""
        return scope in self._furthest


def _answer(call: Repeated, data: Any) -> None:
    call.answer = (False, None) if data is MISSING else (True, data)


def furthest_nodes(addresses: Iterable[str]) -> dict[Address | None, int]:
    """Return the position of the furthest node that has begun, for each workflow call."""
    furthest: dict[Address | None, int] = {}
    for address in map(Address.parse, addresses):
        if address.position > furthest.get(address.scope, -1):
            furthest[address.scope] = address.position
    return furthest


def _prefix(scope: Address | None) -> str:
    """Return the prefix of the addresses of a workflow's calls, as in `Scope.address`."""
    return "" if scope is None else f"{scope}/"


def _way_to(address: str) -> Iterator[str]:
    """Yield the addresses of a call and of all calls that contain it."""
    return map(str, Address.parse(address).walk())
