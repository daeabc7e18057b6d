"""The grammar of `trioflow.events`, executable.

Three small automata, written as tables, follow the run, each call and each tool call; the run's
table is the engine's own, `trioflow._phases`. What tables cannot say (who is inside whom, in which
order nodes come) is a function per rule, here for the rules about the whole, in
`trioflow.testing._rules` for those about one call.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trioflow import _phases as phases
from trioflow import events as ev
from trioflow._phases import Phase
from trioflow.addresses import Address
from trioflow.errors import InvalidAddressError
from trioflow.testing import _rules as rules
from trioflow.testing._log import Call, Log
from trioflow.testing._shape import Shape

CALL = {
    ("new", "step-start"): "open",
    ("new", "step-waiting"): "waiting",
    ("waiting", "step-start"): "open",
    ("waiting", "event-taken"): "waiting",
    ("waiting", "context-update"): "waiting",
    ("waiting", "step-result"): "ended",
    ("open", "step-output"): "open",
    ("open", "step-retry"): "open",
    ("open", "step-progress"): "open",
    ("open", "step-waiting"): "open",
    ("open", "tool-call"): "open",
    ("open", "tool-call-streaming-start"): "open",
    ("open", "tool-call-delta"): "open",
    ("open", "tool-result"): "open",
    ("open", "tool-error"): "open",
    ("open", "event-taken"): "open",
    ("open", "context-update"): "open",
    ("open", "step-deadline"): "open",
    ("open", "run-started"): "open",
    ("open", "step-result"): "ended",
    ("open", "step-suspended"): "suspended",
    ("ended", "step-finish"): "over",
    ("suspended", "step-start"): "open",  # in the next part of the run
    ("suspended", "step-answered"): "suspended",
    ("open", "step-answered"): "open",  # in what a fork shares: an item of its foreach
    ("void", "step-start"): "open",  # its process had died
    ("void", "step-waiting"): "waiting",
}
"""Phase of a call and type of its next event, to its next phase."""

FOLDED = {"open": "running", "waiting": "waiting", "suspended": "suspended"}
"""What the fold calls a call in these phases; in the others it has the status of the result."""


def check_events(events: Iterable[ev.Event], workflow: Any = None) -> None:
    """Check that *events* are all the events of one run, in an order the grammar allows.

    Args:
      events: The events of a whole run, from ``start`` to ``finish``.
      workflow: The workflow that was run. If given, the calls must also be those that its
        nodes make: their ids, kinds, arms and order, and the concurrency of its foreach.

    Raises:
      EventOrderError: for the first event that breaks a rule; shows the events around it.
    """
    log, shape = Log(tuple(events)), Shape(workflow)
    for index, event in enumerate(log.events):
        log.index = index
        check_event(log, shape, event)
    if log.phase not in (Phase.FINISHED, Phase.WAITING):
        log.fail(1, f"the run is {log.phase.value} at the end")


def check_event(log: Log, shape: Shape, event: ev.Event) -> None:
    """Check the next event against those before it."""
    check_number(log, event)
    check_adjacent(log, event)
    call = None
    if isinstance(event, ev.StepEvent):
        advance_run(log, phases.CALL, event.type)
        call = take_call(log, shape, event)
    else:
        advance_run(log, event.type, event.type)
        if isinstance(event, ev.Recover):
            log.crashes += event.crashed
            log.forget_open()
        elif not isinstance(event, ev.EventReceived):
            check_all_closed(log, event)
    if isinstance(event, ev.Finish):
        check_finish(log, shape, event)
    check_fold(log, event, call)


# ---------------------------------------------------------------- rule 1: the run
def check_number(log: Log, event: ev.Event) -> None:
    """Check what numbers the events and what they share."""
    if event.seq != log.index:
        log.fail(1, f"seq is {event.seq}, but {log.index} is next")
    before = log.events[max(log.index - 1, 0)]
    if event.at < before.at:
        log.fail(1, f"at goes back by {before.at - event.at} s", log.index - 1)
    if event.run_id != before.run_id:
        log.fail(1, f"run {event.run_id!r} among the events of run {before.run_id!r}")


def advance_run(log: Log, symbol: str, type: str) -> None:
    """Follow the phases of the run."""
    phase = phases.BY_EVENT.get((log.phase, symbol))
    if phase is None:
        log.fail(1, f"{type} while the run is {log.phase.value}")
    log.canceled |= phase is Phase.ENDING
    log.phase = phase


def check_finish(log: Log, shape: Shape, event: ev.Finish) -> None:
    """Check the final status against what came before."""
    if event.status in ev.ACTIVE_STATUSES:
        log.fail(1, f"finish says that the run is {event.status}")
    if log.canceled != (event.status == "canceled"):
        log.fail(1, f"finish says {event.status} {'after' if log.canceled else 'without'} canceled")
    if (event.status in ev.WAITING_STATUSES) != (log.phase is Phase.WAITING):
        log.fail(1, f"finish says {event.status} while the run is {log.phase.value}")
    if event.status == "success":
        shape.check_complete(log, None)


# ---------------------------------------------------------------- rule 2: calls
def check_adjacent(log: Log, event: ev.Event) -> None:
    """Check that nothing comes between a step-result and its step-finish."""
    before = log.events[log.index - 1] if log.index else None
    if isinstance(before, ev.StepResult) and not (
        isinstance(event, ev.StepFinish) and event.address == before.address
    ):
        log.fail(2, f"{event.type} instead of the step-finish of {before.address}", log.index - 1)


def check_all_closed(log: Log, event: ev.Event) -> None:
    """Check that no call is open when the run ends."""
    for call in log.open.values():
        log.fail(2, f"{event.type} while {call} is {call.phase}", call.last)


def take_call(log: Log, shape: Shape, event: ev.StepEvent) -> Call:
    """Check one event of a call: first its address, then its order, then what is its own."""
    try:
        address = Address.parse(event.address)
    except InvalidAddressError as error:
        log.fail(4, str(error))
    call = log.calls.get(address.call) or rules.open_call(log, shape, event, address)
    rules.check_address(log, call, event, address)
    advance_call(log, call, event)
    rules.CHECKS.get(type(event), rules.check_nothing)(log, call, event, address)
    if isinstance(event, ev.StepResult) and (call.kind, event.status) == ("workflow", "success"):
        shape.check_complete(log, call.inside)
    call.last = log.index
    return call


def advance_call(log: Log, call: Call, event: ev.StepEvent) -> None:
    """Follow `CALL`."""
    phase = CALL.get((call.phase, event.type))
    if phase is None:
        log.fail(2, f"{event.type} while {call} is {call.phase}", call.last)
    call.phase = phase
    if call.closed:
        log.open.pop(call.address, None)
    else:
        log.open[call.address] = call


# ---------------------------------------------------------------- rule 7: the fold
def check_fold(log: Log, event: ev.Event, call: Call | None) -> None:
    """Check that the fold tells the same story as the automata."""
    log.record.apply(event)
    if log.record.next_seq != log.index + 1:
        log.fail(7, f"next_seq of the fold is {log.record.next_seq}")
    told = told_status(event, call)
    found = log.record.calls[str(call.address)].status if call else log.record.status
    if told not in (None, found):
        log.fail(7, f"the fold says {found}, the events say {told}")
    newest = log.record.records[-1] if log.record.records else None
    if (
        newest is not None
        and newest.kind != "item"
        and Address.parse(newest.address) not in log.calls
    ):
        log.fail(7, f"the fold has a record of {newest.address}, which is no call")


def told_status(event: ev.Event, call: Call | None) -> str | None:
    """Return the status of call or run after *event*; None if it tells nothing."""
    if call is not None:
        return FOLDED.get(call.phase, call.status)
    if isinstance(event, ev.Finish):
        return event.status
    return TOLD.get(type(event))


TOLD: dict[type[ev.Event], str] = {
    ev.Start: "running",
    ev.Resume: "running",
    ev.Recover: "running",
    ev.Suspended: "suspended",
    ev.Paused: "paused",
}
"""The status of the run after an event."""
