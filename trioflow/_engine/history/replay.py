"""What earlier parts of a run have settled.

A run that goes on is interpreted from the top again. A call whose outcome is recorded
returns it at once, without running or emitting; so do the decisions of branches and loops.
Everything else runs.
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
"""What calls are in which a process died."""


class Repeated(Protocol):
    """What is known of a call that is made again."""

    plan: CallPlan
    address: str
    attempt: int
    round: int
    answer: tuple[bool, Any]
    suspend_data: Any


class Replay:
    """The records of a run at the moment when it goes on."""

    def __init__(self, state: RunRecord, now: float) -> None:
        """Take what is recorded, with the answers that the run was resumed with.

        Args:
          now: Nested workflows that should have ended by now are made again, and fail.
        """
        self._state = state
        self._records = dict(state.calls.items())
        self.inputs = state.inputs
        """Other inputs for calls, by address."""
        self._answers = dict(state.answers)
        self.asks = dict(state.asks)
        """What calls have asked, by address and key."""
        furthest = furthest_nodes(self._records)
        self._furthest = {_prefix(scope): position for scope, position in furthest.items()}
        self._items = items_around(furthest)
        # An answered call that has started again has no answer left to find it by.
        begun = [a for a, record in self._records.items() if record.status in OPEN]
        answered = (a for a, asks in self.asks.items() if any(ask.is_new for ask in asks.values()))
        overdue = state.overdue_calls(now)
        ends = [*self._answers, *begun, *answered, *self._stalled(), *overdue]
        self._entered = {outer for address in ends for outer in _way_to(address)}
        self._lost: dict[str, int] = {}
        """How many attempts were lost in crashes, of the calls that are made again."""
        self._shown: dict[str, Any] = {}
        """Answers by the addresses of all that contains an answered call, and its own."""
        for address, data in self._answers.items():
            self._show(address, data)

    def _stalled(self) -> Iterator[str]:
        """Yield items that do not wait for anything any more, and do not know it.

        Items have no event that starts them, so one whose process died after the answer was
        used up still counts as suspended.
        """
        waiting = [a for a, record in self._records.items() if record.status == "suspended"]
        still = items_around(Address.parse(a).scope for a in waiting)
        yield from (a for a in waiting if a in self._items and a not in still)

    def record(self, address: str) -> StepRecord | None:
        """Return what is known of a call."""
        return self._records.get(address)

    def item_has_begun(self, address: str) -> bool:
        """Tell whether anything is known of an item of a foreach, or of a call inside of it."""
        return address in self._records or address in self._items

    def outcome(self, address: str) -> Outcome | None:
        """Return the recorded outcome of a call, or None if it has to be made."""
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
        """Let a call that is made again go on where it was: attempt, round, answer."""
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
            # What contains an answered call shows the answer as well.
            if call.address in self._shown:
                _answer(call, self._shown[call.address])

    def lost(self, address: str) -> int:
        """Return how many attempts of a call were lost in crashes. They use up none that it may
        make."""
        return self._lost.get(address, 0)

    def paused_until(self, address: str) -> float | None:
        """Return when the attempt begins that a call was waiting for: seconds since the epoch."""
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
        """Tell whether a node is over because a later one of its workflow has begun."""
        return self._furthest.get(scope, -1) > int(key)

    def settled(self, scope: str, key: str) -> bool:
        """Tell whether a node was over when this part of the run began."""
        return self.passed(scope, key) or self._settled.get(f"{scope}{key}", False)

    @functools.cached_property
    def _settled(self) -> dict[str, bool]:
        """Whether all calls of a node were over, by the address of the node."""
        settled: dict[str, bool] = {}
        for text, record in self._records.items():
            address = Address.parse(text)
            node = f"{_prefix(address.scope)}{address.position}"
            settled[node] = settled.get(node, True) and record.status in DONE_STATUSES
        return settled

    def entered(self, scope: str) -> bool:
        """Tell whether a node of this workflow call has begun."""
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
    """Return what stands before the addresses of the calls of a workflow, as in `Scope.address`."""
    return "" if scope is None else f"{scope}/"


def _way_to(address: str) -> Iterator[str]:
    """Yield the addresses of the calls that contain a call, and its own."""
    return map(str, Address.parse(address).walk())
