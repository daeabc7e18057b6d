"""The grammar of `trioflow.events`, executable.

Three small automata, written as tables, follow the run, each call and each tool call; the run's
table is the engine's own, `trioflow._phases`. Rules that tables cannot express (nesting, order of
nodes) are functions: here for the whole run, in `trioflow.testing._rules` for one call.
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
    ("open", "step-begin"): "open",
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
    ("open", "private-update"): "open",
    ("open", "step-deadline"): "open",
    ("open", "run-started"): "open",
    ("open", "step-result"): "ended",
    ("open", "step-suspended"): "suspended",
    ("ended", "step-finish"): "finished",
    ("suspended", "step-start"): "open",  # in the next segment of the run
    ("suspended", "step-answered"): "suspended",
    ("open", "step-answered"): "open",  # in the shared part of a fork: an item of its foreach
    ("void", "step-start"): "open",  # its process had died
    ("void", "step-waiting"): "waiting",
}
"""Maps the phase of a call and the type of its next event to its next phase."""

FOLDED = {"open": "running", "waiting": "waiting", "suspended": "suspended"}
"""The status of a call in the fold in these phases; otherwise it is that of the step-result."""


def check_events(events: Iterable[ev.Event], workflow: Any = None) -> None:
    """Check that *events* are all the events of one run, in an order the grammar allows.

    Args:
      events: The events of a whole run, from ``start`` to ``finish``.
      workflow: The workflow of the run. If given, the calls must also match its nodes: ids,
        kinds, arms, order, and the concurrency of its foreach nodes.

    Raises:
      EventOrderError: for the first event that breaks a rule; it shows the events around it.
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
    """Check ``seq``, ``at`` and ``run_id``."""
    if event.seq != log.index:
        log.fail(1, f"seq is {event.seq}, but {log.index} is next")
    before = log.events[max(log.index - 1, 0)]
    if event.at < before.at:
        log.fail(1, f"at decreases by {before.at - event.at} s", log.index - 1)
    if event.run_id != before.run_id:
        log.fail(1, f"run {event.run_id!r} among the events of run {before.run_id!r}")


def advance_run(log: Log, symbol: str, type: str) -> None:
    """Advance the phase of the run."""
    phase = phases.BY_EVENT.get((log.phase, symbol))
    if phase is None:
        log.fail(1, f"{type} while the run is {log.phase.value}")
    log.canceled |= phase is Phase.ENDING
    log.phase = phase


def check_finish(log: Log, shape: Shape, event: ev.Finish) -> None:
    """Check the final status against the earlier events."""
    if event.status in ev.ACTIVE_STATUSES:
        log.fail(1, f"finish cannot have the status {event.status}")
    if log.canceled != (event.status == "canceled"):
        after = "after" if log.canceled else "without"
        log.fail(1, f"finish has the status {event.status} {after} a canceled event")
    if (event.status in ev.WAITING_STATUSES) != (log.phase is Phase.WAITING):
        log.fail(1, f"finish has the status {event.status} while the run is {log.phase.value}")
    if event.status == "success":
        shape.check_complete(log, None)


# ---------------------------------------------------------------- rule 2: calls
def check_adjacent(log: Log, event: ev.Event) -> None:
    """Check that a step-finish directly follows its step-result."""
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
    """Check one event of a call: its address, then its order, then the rules for its type."""
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
    """Advance the phase of a call, following `CALL`."""
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
    """Check that the fold agrees with the automata."""
    log.record.apply(event)
    if log.record.next_seq != log.index + 1:
        log.fail(7, f"next_seq of the fold is {log.record.next_seq}")
    emitted = emitted_status(event, call)
    found = log.record.calls[str(call.address)].status if call else log.record.status
    if emitted not in (None, found):
        log.fail(7, f"the status is {found} in the fold, but {emitted} by the events")
    newest = log.record.records[-1] if log.record.records else None
    if (
        newest is not None
        and newest.kind != "item"
        and Address.parse(newest.address) not in log.calls
    ):
        log.fail(7, f"the fold has a record of {newest.address}, which is not a call")


def emitted_status(event: ev.Event, call: Call | None) -> str | None:
    """Return the status of the call or run after *event*; None if it implies none."""
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
