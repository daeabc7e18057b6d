"""What `check_events` raises: which rule is broken, and the events that show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from trioflow import events as ev

RULES = {
    1: "start is first, finish last, seq gapless, at never goes back",
    2: "each call is closed, and what belongs to it lies between its start and its close",
    3: "the events of a tool call are in order",
    4: "a node is over before the next one starts; ids and places agree",
    5: "arms run beside each other, each once and in order in itself",
    6: "one call per foreach and per iteration; attempts stay inside one call",
    7: "the fold of the events is the state",
}
"""The rules of the grammar in `trioflow.events`, in short."""

NEIGHBOURS = 2
"""How many events are shown on either side of one that is at fault."""

TELLING = ("status", "tool_call_id", "iteration", "index", "attempt", "event", "reason")
"""The fields that are shown, of events that have them."""


@attrs.define(eq=False)
class EventOrderError(AssertionError):
    """Raised for events that no run may emit in this order."""

    rule: int
    """Number of the rule, as in the docstring of `trioflow.events`."""
    problem: str
    events: Sequence[ev.Event]
    """All events that were checked."""
    marks: tuple[int, ...]
    """Positions in *events* of those that contradict each other."""

    def __str__(self) -> str:
        listing = "\n".join(excerpt(self.events, self.marks))
        return f"rule {self.rule} ({RULES[self.rule]}): {self.problem}\n{listing}"


def excerpt(events: Sequence[ev.Event], marks: Sequence[int]) -> Iterator[str]:
    """Yield one line per event near a marked one, and ``...`` where some are left out."""
    shown = sorted(
        {near for mark in marks for near in range(mark - NEIGHBOURS, mark + NEIGHBOURS + 1)}
        & set(range(len(events)))
    )
    after = 0
    for index in shown:
        if index > after:
            yield "     ..."
        yield f"{'  >' if index in marks else '   '}  {describe(events[index])}"
        after = index + 1
    if after < len(events):
        yield "     ..."


def describe(event: ev.Event) -> str:
    """Return an event in one line: number, type, place, and what distinguishes it."""
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
