"""The error that `check_events` raises: the broken rule, and the events that show it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import attrs

from trioflow import events as ev

RULES = {
    1: "start is first, finish is last, seq has no gaps, at never decreases",
    2: "each call is closed, and its events lie between its start and its close",
    3: "the events of a tool call are in order",
    4: "a node finishes before the next one starts; ids and addresses agree",
    5: "arms run concurrently, each once and in its own order",
    6: "one call per foreach and per iteration; attempts stay inside one call",
    7: "the fold of the events is the run's record",
}
"""Summaries of the rules of the grammar in `trioflow.events`."""

NEIGHBOURS = 2
"""Number of events shown on either side of a faulty one."""

TELLING = (
    "status",
    "name",
    "tool_call_id",
    "iteration",
    "index",
    "done",
    "total",
    "attempt",
    "attempts",
    "event",
    "reason",
)
"""The fields to show, of events that have them."""


@attrs.define(eq=False)
class EventOrderError(AssertionError):
    """Raised for events in an order that no run may emit."""

    rule: int
    """Number of the rule, as in the docstring of `trioflow.events`."""
    problem: str
    events: Sequence[ev.Event]
    """All events that were checked."""
    marks: tuple[int, ...]
    """Indexes in *events* of the events that contradict each other."""

    def __str__(self) -> str:
        listing = "\n".join(excerpt(self.events, self.marks))
        return f"rule {self.rule} ({RULES[self.rule]}): {self.problem}\n{listing}"


def excerpt(events: Sequence[ev.Event], marks: Sequence[int]) -> Iterator[str]:
    """Yield one line per event near a marked one, and ``...`` where events are omitted.

    The events of concurrent calls are interleaved, so preceding events of the marked event's
    own call are also shown. The last mark is shown as ``>>``, the events it contradicts as ``>``.
    """
    near = {mark + offset for mark in marks for offset in range(-NEIGHBOURS, NEIGHBOURS + 1)}
    near.update(*(_before_in_call(events, mark) for mark in marks))
    after = 0
    for index in sorted(near & set(range(len(events)))):
        if index > after:
            yield "     ..."
        sign = ">>" if index == marks[-1] else ">" if index in marks else ""
        yield f" {sign:>3} {describe(events[index])}"
        after = index + 1
    if after < len(events):
        yield "     ..."


def _before_in_call(events: Sequence[ev.Event], mark: int) -> list[int]:
    """Return the indexes of some events of the same call before the one at *mark*."""
    address = getattr(events[mark], "address", None) if 0 <= mark < len(events) else None
    if address is None:
        return []
    earlier = range(mark - 1, -1, -1)
    own = (index for index in earlier if getattr(events[index], "address", None) == address)
    return list(itertools.islice(own, NEIGHBOURS))


def describe(event: ev.Event) -> str:
    """Return an event as one line: number, type, address, and its distinguishing fields."""
    parts = [f"{event.seq:>4}  {event.type:<{_WIDEST}}"]
    if isinstance(event, ev.StepEvent):
        parts.append(f"{event.address:<8} {event.id}")
    parts += [
        f"{name}={getattr(event, name)!r}"
        for name in TELLING
        if getattr(event, name, None) is not None
    ]
    return "  ".join(parts).rstrip()


_WIDEST = max(map(len, ev.EVENT_TYPES))
