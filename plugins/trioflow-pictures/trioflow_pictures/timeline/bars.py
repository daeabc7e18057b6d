"""Bars: the lines of a timeline for calls, tool calls, items and loops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import attrs

from trioflow.events import CallStatus, RunStatus, StepKind

BarKind: TypeAlias = StepKind | Literal["run", "loop", "group", "tool-call"]
"""A step call, the run itself, all iterations of a loop, a group of siblings, or a tool call of
a step."""
BarStatus: TypeAlias = CallStatus | RunStatus | Literal["waiting", "interrupted"]
SpanKind = Literal[
    "run", "queue", "backoff", "sleep", "wait", "suspended", "paused", "lost", "halted", "all"
]  # fmt: skip
"""The activity of a call or run: an attempt, the back-off before the next one, and so on.
``"queue"`` is the time before a body begins, while it waits for a limit, a worker or a node.
``"lost"`` is the time from the death of a process until the run is recovered, ``"halted"`` the
time after the run was halted, and ``"all"`` the time of all iterations of a loop."""
MarkKind = Literal["chunk", "delta", "tool", "retry", "item", "problem", "event", "cut"]


@attrs.define(eq=False)
class Span:
    """One piece of a bar."""

    start: float
    """Seconds since the epoch."""
    end: float | None
    """Seconds since the epoch; None while it is open."""
    kind: SpanKind


@attrs.define(eq=False)
class Bar:
    """One line of a timeline, and the lines below it."""

    kind: BarKind
    id: str
    label: str
    address: str = ""
    status: BarStatus = "running"
    spans: list[Span] = attrs.field(factory=list)
    marks: dict[MarkKind, list[float]] = attrs.field(factory=dict)
    """Moments to show as ticks, in chronological order."""
    facts: dict[str, Any] = attrs.field(factory=dict)
    """Further properties: short strings and numbers."""
    values: dict[str, Any] = attrs.field(factory=dict)
    """User values: input, output and others."""
    errors: list[tuple[str, BaseException]] = attrs.field(factory=list)
    """Errors with a label."""
    children: list[Bar] = attrs.field(factory=list)
    ended: float | None = None
    """When it ended, in seconds since the epoch."""
    index: int = 0
    """The index of an item or iteration."""

    @property
    def is_open(self) -> bool:
        """Whether its last span has no end."""
        return bool(self.spans) and self.spans[-1].end is None

    @property
    def start(self) -> float | None:
        """Start of its first span, if known; for an item it is derived from its children."""
        return self.spans[0].start if self.spans else None

    def begin(self, at: float, kind: SpanKind) -> None:
        """Start a new span, and end the open one, if any."""
        self.end(at)
        self.spans.append(Span(at, None, kind))

    def end(self, at: float) -> None:
        """End the open span, if any."""
        if not self.is_open:
            return
        self.spans[-1].end = at
        # Remove the planned next attempt, which did not start.
        while self.spans and self.spans[-1].start > at:
            self.spans.pop()
        if self.spans:
            self.spans[-1].end = at

    def back_off(self, at: float, delay: float) -> None:
        """End an attempt, and start the next one after *delay* seconds."""
        self.begin(at, "backoff")
        self.begin(at + delay, "run")

    def end_queue(self, at: float) -> None:
        """Turn the open span into a wait, and start the attempt."""
        if self.is_open and self.spans[-1].kind == "run":
            self.spans[-1].kind = "queue"
        self.begin(at, "run")

    def mark(self, kind: MarkKind, at: float) -> None:
        """Add a tick."""
        self.marks.setdefault(kind, []).append(at)

    def walk(self, depth: int = 0) -> Iterator[tuple[Bar, int]]:
        """Yield this bar and all its descendants with their depths, from top to bottom."""
        stack = [(self, depth)]
        while stack:
            bar, level = stack.pop()
            yield bar, level
            stack.extend((child, level + 1) for child in reversed(bar.children))
