"""Event logs with exactly one fault, and the rule of the grammar that it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from hypothesis import assume
from hypothesis import strategies as st

from trioflow import events as ev
from trioflow.errors import suggest
from trioflow.testing.strategies._logs import Events, number, valid_logs


@attrs.frozen
class Fault:
    """A way to break a log."""

    rule: int
    """Number of the rule that the broken log breaks."""
    at: Callable[[ev.Event], bool]
    """Whether an event can be broken in this way."""
    change: Callable[[Events, int], Events]
    """Takes a log and the index of the event; returns the broken log."""


def event_logs(broken: str | None = None, *, max_depth: int = 3) -> st.SearchStrategy[Events]:
    """Generate the events of whole runs, to test code that reads events: views, stores, statistics.

    They are generated from the grammar in `trioflow.events` alone, so they include sequences that
    few workflows produce: nested workflows that are retried, overlapping items, runs that are
    canceled at any point. Values are None, small numbers and strings. No run is suspended,
    resumed or recovered, and no events are received or taken::

        @given(event_logs())
        def test_every_call_is_in_the_table(log):
            assert len(table_of(log)) == sum(isinstance(event, StepStart) for event in log)

        @given(event_logs(broken="a call has no finish"))
        def test_a_call_that_does_not_end_is_shown_as_open(log): ...

    Args:
      broken: Name of the only fault of each log, a key of ``FAULTS``. If not given, logs have no
        faults: `trioflow.testing.check_events` accepts them.
      max_depth: Maximum nesting depth of workflows.

    Raises:
      ValueError: if there is no fault of that name.
    """
    if broken is None:
        return valid_logs(max_depth)
    if broken not in FAULTS:
        raise ValueError(f"unknown fault {broken!r}; {suggest(broken, FAULTS, 'see FAULTS')}")
    return _broken_logs(broken, max_depth)


@st.composite
def broken_event_logs(draw: st.DrawFn, max_depth: int = 3) -> tuple[str, int, Events]:
    """Generate ``(name, rule, log)``: the name of a fault, the rule that it breaks, and the log.

    Args:
      max_depth: Maximum nesting depth of workflows.
    """
    events = draw(valid_logs(max_depth))
    names = sorted(name for name, fault in FAULTS.items() if any(map(fault.at, events)))
    name = draw(st.sampled_from(names))
    return name, FAULTS[name].rule, _broken(draw, name, events)


@st.composite
def _broken_logs(draw: st.DrawFn, name: str, max_depth: int) -> Events:
    return _broken(draw, name, draw(valid_logs(max_depth)))


def _broken(draw: st.DrawFn, name: str, events: Events) -> Events:
    """Return *events* with the fault of this name, or reject logs that cannot have it."""
    fault = FAULTS[name]
    positions = [n for n, event in enumerate(events) if fault.at(event)]
    assume(positions)
    return fault.change(list(events), draw(st.sampled_from(positions)))


def _is(*types: type[ev.Event]) -> Callable[[ev.Event], bool]:
    return lambda event: isinstance(event, types)


def _drop(events: Events, n: int) -> Events:
    return number([*events[:n], *events[n + 1 :]])


def _repeat(events: Events, n: int) -> Events:
    return number([*events[: n + 1], *events[n:]])


def _repeat_at_end(events: Events, n: int) -> Events:
    return number([*events, events[n]])


def _swap_with_next(events: Events, n: int) -> Events:
    return number([*events[:n], events[n + 1], events[n], *events[n + 2 :]])


def _with(**changes: Callable[[Any], Any]) -> Callable[[Events, int], Events]:
    def change(events: Events, n: int) -> Events:
        new = {name: change(getattr(events[n], name)) for name, change in changes.items()}
        return [*events[:n], attrs.evolve(events[n], **new), *events[n + 1 :]]

    return change


def _swap_nodes(events: Events, n: int) -> Events:
    """Move the node of the event at *n* before the node that it follows."""
    later = _root(events[n])
    first = [event for event in events if _root(event) == later - 1]
    second = [event for event in events if _root(event) == later]
    start = events.index(first[0])
    return number([*events[:start], *second, *first, *events[start + len(first + second) :]])


def _root(event: ev.Event) -> int:
    """Return the node of the run's own workflow that an event belongs to, -1 for none."""
    if not isinstance(event, ev.StepEvent):
        return -1
    return int(event.address[0])  # generated logs have fewer than ten nodes


def _unarm(events: Events, n: int) -> Events:
    """Remove the arm from the address of a call, and from all addresses inside it."""
    first = events[n]
    assert isinstance(first, ev.StepEvent)
    arm = first.address
    return [
        attrs.evolve(event, address=arm[:-2] + event.address[len(arm) :])
        if isinstance(event, ev.StepEvent) and event.address.startswith(arm)
        else event
        for event in events
    ]


def _is_second_arm(event: ev.Event) -> bool:
    return isinstance(event, ev.StepStart) and event.address.endswith(":b")


def _is_first_start(event: ev.Event) -> bool:
    return isinstance(event, ev.StepStart) and not event.resumed


FAULTS = {
    "no start": Fault(1, _is(ev.Start), _drop),
    "no finish": Fault(1, _is(ev.Finish), _drop),
    "two starts": Fault(1, _is(ev.Start), _repeat),
    "two finishes": Fault(1, _is(ev.Finish), _repeat),
    "a number twice": Fault(1, _is(ev.Finish), _with(seq=lambda seq: seq - 1)),
    "a number left out": Fault(1, _is(ev.Finish), _with(seq=lambda seq: seq + 1)),
    "time goes back": Fault(1, _is(ev.Finish), _with(at=lambda at: at - 1)),
    "another run": Fault(1, _is(ev.Finish), _with(run_id=lambda id: f"{id}2")),
    "canceled is missing": Fault(1, _is(ev.Canceled), _drop),
    "something after finish": Fault(1, _is(ev.StepEvent), _repeat_at_end),
    "a call has no start": Fault(2, _is_first_start, _drop),
    "a call has no result": Fault(2, _is(ev.StepResult), _drop),
    "a call has no finish": Fault(2, _is(ev.StepFinish), _drop),
    "a call has two results": Fault(2, _is(ev.StepResult), _repeat),
    "a call has two finishes": Fault(2, _is(ev.StepFinish), _repeat),
    "finish before result": Fault(2, _is(ev.StepResult), _swap_with_next),
    "a tool is not called": Fault(3, _is(ev.ToolCall), _drop),
    "a tool is called twice": Fault(3, _is(ev.ToolCall), _repeat),
    "a tool streams twice": Fault(3, _is(ev.ToolCallStreamingStart), _repeat),
    "a tool does not end": Fault(3, _is(ev.ToolResult, ev.ToolError), _drop),
    "a tool ends twice": Fault(3, _is(ev.ToolResult, ev.ToolError), _repeat),
    "nodes in wrong order": Fault(4, lambda event: _root(event) > 0, _swap_nodes),
    "an id that is not the call's": Fault(4, _is(ev.StepResult), _with(id=lambda id: f"{id}2")),
    "not an address": Fault(4, _is(ev.StepStart), _with(address=lambda address: f"x{address}")),
    "an arm that is none": Fault(5, _is_second_arm, _unarm),
    "an item ends twice": Fault(6, _is(ev.StepProgress), _repeat),
    "items miscounted": Fault(6, _is(ev.StepProgress), _with(done=lambda done: done + 1)),
    "an attempt twice": Fault(6, _is(ev.StepRetry), _repeat),
    "attempts miscounted": Fault(6, _is(ev.StepRetry), _with(attempt=lambda n: n + 1)),
    "an iteration that is none": Fault(
        6, _is(ev.StepStart), _with(iteration=lambda n: (n or 0) + 1)
    ),
}
"""The faults of logs, by name, with the rule of the grammar that each breaks."""
