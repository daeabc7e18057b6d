"""Bars: what a timeline shows of a call, a tool call, an item, or all iterations of a loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import attrs

from trioflow.events import CallStatus, RunStatus, StepKind

BarKind: TypeAlias = StepKind | Literal["run", "loop", "group", "tool-call"]
"""A step call, the run itself, the iterations of a loop together, some of very many siblings
together, or a tool call of a step."""
BarStatus: TypeAlias = CallStatus | RunStatus | Literal["waiting", "interrupted"]
SpanKind = Literal[
    "run", "backoff", "sleep", "wait", "suspended", "paused", "lost", "halted", "all"
]  # fmt: skip
"""What a call or a run does: an attempt, a pause before the next one, and so on. ``"lost"`` is the
time until a process recovers the run of one that died, ``"halted"`` that after a stop, and
``"all"`` that of the iterations of a loop."""
MarkKind = Literal["chunk", "delta", "tool", "retry", "item", "problem", "event", "cut"]


@attrs.define(eq=False)
class Span:
    """One piece of a bar."""

    start: float
    """Seconds since the epoch."""
    end: float | None
    """Seconds since the epoch; None as long as it goes on."""
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
    """Moments worth a tick, in the order of time."""
    facts: dict[str, Any] = attrs.field(factory=dict)
    """What there is to say about it beside times: short texts and numbers."""
    values: dict[str, Any] = attrs.field(factory=dict)
    """Values of users: input, output, and what else came in and out."""
    errors: list[tuple[str, BaseException]] = attrs.field(factory=list)
    """What failed, with a word on when."""
    children: list[Bar] = attrs.field(factory=list)
    ended: float | None = None
    """When it ended; seconds since the epoch."""
    index: int = 0
    """Of an item or an iteration: which one."""

    @property
    def is_open(self) -> bool:
        """Whether it goes on at the end of what is known."""
        return bool(self.spans) and self.spans[-1].end is None

    @property
    def start(self) -> float | None:
        """When it began, if that is known: of an item only what happens inside tells it."""
        return self.spans[0].start if self.spans else None

    def begin(self, at: float, kind: SpanKind) -> None:
        """Begin another piece, and end the one before if it goes on."""
        self.end(at)
        self.spans.append(Span(at, None, kind))

    def end(self, at: float) -> None:
        """End the piece that goes on."""
        if not self.is_open:
            return
        self.spans[-1].end = at
        # After a failure the next attempt was announced for a moment that did not come.
        while self.spans and self.spans[-1].start > at:
            self.spans.pop()
        if self.spans:
            self.spans[-1].end = at

    def back_off(self, at: float, delay: float) -> None:
        """Let an attempt end, and the next one begin after some seconds."""
        self.begin(at, "backoff")
        self.begin(at + delay, "run")

    def mark(self, kind: MarkKind, at: float) -> None:
        """Take note of a moment."""
        self.marks.setdefault(kind, []).append(at)

    def walk(self, depth: int = 0) -> Iterator[tuple[Bar, int]]:
        """Give this bar and all below it with their depths, from top to bottom."""
        stack = [(self, depth)]
        while stack:
            bar, level = stack.pop()
            yield bar, level
            stack.extend((child, level + 1) for child in reversed(bar.children))
