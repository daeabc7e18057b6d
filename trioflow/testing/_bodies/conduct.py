"""The checks of a body that runs undisturbed."""

from __future__ import annotations

from typing import Any, NoReturn

from trioflow import events as ev
from trioflow.errors import InvalidValueError
from trioflow.testing._bodies.faults import BodyContractError
from trioflow.testing._bodies.running import Sighting, Terms, observe
from trioflow.testing._bodies.values import Values
from trioflow.wire import to_wire

TRIES = 3
"""How often a slow body is measured, because the machine may have been busy."""
OF_A_RUN = frozenset(
    {"at", "startedAt", "endedAt", "resumedAt", "suspendedAt", "seconds", "traceId"}
)
"""Keys of events in the wire format that differ in each run."""


def check_conduct(terms: Terms, values: Values, value: Any) -> Sighting:
    """Run a body, check everything that was observed, and return the observation.

    Raises:
      BodyContractError: for the first fault.
    """
    before = values.text(value)
    seen = observe(terms, value)
    end = seen.last(ev.ToolResult, ev.ToolError) if terms.of_tool else seen.last(ev.StepResult)
    check_end(terms, values, seen, end)
    if values.text(value) != before:
        problem = f"{before} has become {values.text(value)}"
        raise error_of(terms, "changes its input", problem, seen)
    values.check_events(seen)
    check_manners(terms, seen)
    check_left(terms, seen, "after it had ended")
    check_pace(terms, value, seen)
    if terms.deterministic:
        check_same(terms, value, seen)
    return seen


def check_end(terms: Terms, values: Values, seen: Sighting, end: Any) -> None:
    """Check that a body ends, and that its outcome is allowed."""
    if seen.trap.is_endless:
        waited = seen.trap.counts["wait"]
        problem = f"after {waited} waits, it is {seen.watch.place or 'not running'}"
        raise error_of(terms, "never ends", problem, seen)
    if seen.watch.late:
        problem = f"it calls {', '.join(seen.watch.late)}() after its body has ended"
        raise error_of(terms, "uses its context after it has ended", problem, seen)
    if seen.error is not None:
        raise seen.error
    if terms.of_tool and seen.last(ev.ToolCall) is None:
        raise_not_called(terms, seen)
    failure = getattr(end, "error", None)
    if failure is not None and isinstance(failure, terms.raises):
        values.check_error(failure)
    elif isinstance(failure, InvalidValueError) and failure.what == "output":
        fault = "returns another type than annotated"
        raise error_of(terms, fault, f"{failure}", seen, end) from failure
    elif failure is not None:
        problem = f"it raises {type(failure).__name__}: {failure}"
        raise error_of(terms, "fails", problem, seen, end) from failure
    elif getattr(end, "status", "success") == "success" and end is not None:
        values.check_output(end.output)


def raise_not_called(terms: Terms, seen: Sighting) -> NoReturn:
    """Raise why a tool was not called: arguments missing or unknown, or no runner for it."""
    failure = seen.last(ev.StepResult).error
    if isinstance(failure, InvalidValueError):
        problem = "; ".join(map(str, failure.faults[:3]))
        raise error_of(terms, "does not accept this input", problem, seen) from failure
    raise failure


def check_manners(terms: Terms, seen: Sighting) -> None:
    """Check the effects of a body on the task that it runs in."""
    if seen.watch.open_at_yield is not None:
        fault = "yields inside a nursery or cancel scope"
        raise error_of(terms, fault, seen.watch.open_at_yield, seen)
    if terms.of_tool and seen.watch.left_set:  # what a step sets ends with it
        names = ", ".join(sorted(seen.watch.left_set))
        problem = f"it changed {names}"
        raise error_of(terms, "leaves context variables set", problem, seen)


def check_left(terms: Terms, seen: Sighting, when: str) -> None:
    """Check that nothing was leaked."""
    if seen.left:
        problem = f"{when}, it left {', '.join(seen.left)}"
        raise error_of(terms, "leaks resources", problem, seen)


def check_pace(terms: Terms, value: Any, seen: Sighting) -> None:
    """Check that no turn takes too long; if one does, run the body again."""
    for _ in range(TRIES - 1):
        if seen.pace.longest <= terms.blocking:
            return
        seen = observe(terms, value)
    if seen.pace.longest > terms.blocking:
        place = f", in {seen.pace.place}" if seen.pace.place else ""
        problem = f"nothing else could run for {seen.pace.longest:.2f} s{place}"
        raise error_of(terms, "blocks the event loop", problem, seen)


def check_same(terms: Terms, value: Any, first: Sighting) -> None:
    """Check that a second run has the same events."""
    second = observe(terms, value)
    one, other = ([_comparable(event, run) for event in run.events] for run in (first, second))
    fault = "is not deterministic"
    for position, (left, right) in enumerate(zip(one, other, strict=False)):
        differing = [key for key in {**left, **right} if left.get(key) != right.get(key)]
        if differing:
            event, key = first.events[position], differing[0]
            problem = f"{key} of its {event.type} is {left.get(key)!r}, then {right.get(key)!r}"
            raise error_of(terms, fault, problem, first, event)
    if len(one) != len(other):
        problem = f"it has {len(one)} events, then {len(other)}"
        raise error_of(terms, fault, problem, first)


def _comparable(event: ev.Event, seen: Sighting) -> dict[str, Any]:
    """Return the comparable fields of an event, with its time since the start of the run."""
    wire = to_wire(event)
    fields = wire.pop("payload", {}) | wire
    after = round(
        event.at - seen.events[0].at, 6
    )  # floats since the epoch have no better resolution
    return {key: fields[key] for key in fields.keys() - OF_A_RUN} | {"after": after}


def error_of(
    terms: Terms, fault: str, problem: str, seen: Sighting, event: ev.Event | None = None
) -> BodyContractError:
    """Return an error that shows *event*, by default the last one of the body."""
    body = ev.ToolEvent if terms.of_tool else ev.StepEvent
    event = event or seen.last(body)
    marks = (seen.events.index(event),) if event is not None else ()
    return BodyContractError(terms.where, fault, problem, seen.events, marks)
