"""The bookkeeping of `check_events`: what it remembers of the events so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import attrs

from trioflow import events as ev
from trioflow._phases import Phase
from trioflow.addresses import Address
from trioflow.record import RunRecord
from trioflow.testing._faults import EventOrderError


@attrs.define
class ToolCall:
    """One tool call."""

    name: str
    phase: str
    index: int
    """Index of its latest event."""
    item: int | None
    """The foreach item that made the call."""


@attrs.define(eq=False)
class Call:
    """One step call."""

    id: str
    address: Address
    parent: Call | None
    opened: int
    """Index of its first event."""
    last: int
    """Index of its latest event."""
    phase: str = "new"
    kind: str | None = None
    status: ev.CallStatus | None = None
    tools: dict[str, ToolCall] = attrs.field(factory=dict)
    retries: dict[int | None, int] = attrs.field(factory=dict)
    """Number of attempts that failed and were retried, by foreach item (None without items)."""
    progress: dict[int, ev.StepProgress] = attrs.field(factory=dict)
    """The latest step-progress of each item of a foreach, by index."""

    @property
    def inside(self) -> Address:
        """The scope of the calls inside it, in its current attempt."""
        return self.address.with_attempt(self.retries.get(None, 0) + 1)

    @property
    def closed(self) -> bool:
        return self.phase in ("finished", "suspended")

    def __str__(self) -> str:
        return f"call {self.address} ({self.id})"


@attrs.define
class Frame:
    """The calls of one workflow, or of one attempt of it."""

    calls: list[Call] = attrs.field(factory=list)
    """The calls of the current node; the calls of earlier nodes have finished."""
    bailed: bool = False
    """Whether one of its calls bailed."""

    @property
    def position(self) -> int:
        """Position of the current node; -1 before the first."""
        return self.calls[-1].address.position if self.calls else -1


@attrs.define
class Log:
    """The events, how far they have been checked, and what they have shown so far."""

    events: Sequence[ev.Event]
    index: int = -1
    """Index of the event that is being checked."""
    phase: Phase = Phase.PENDING
    """Phase of the run."""
    crashes: int = 0
    """Number of times that the run's process died."""
    canceled: bool = False
    calls: dict[Address, Call] = attrs.field(factory=dict)
    """Every call, by address."""
    open: dict[Address, Call] = attrs.field(factory=dict)
    """The calls that are not closed, by address."""
    frames: dict[Address | None, Frame] = attrs.field(factory=dict)
    """The workflows, by the scope of their calls."""
    record: RunRecord = attrs.field(factory=RunRecord)
    """The fold so far."""

    @property
    def is_shared_past(self) -> bool:
        """Whether the event that is being checked is one that a fork shares with its origin.

        Of calls that are repeated, the fork has the starts without the ends.
        """
        is_fork = self.record.fork is not None
        return is_fork and not any(isinstance(e, ev.Recover) for e in self.events[: self.index])

    def forget_open(self) -> None:
        """Mark all open calls as void, because the run's process died."""
        for call in self.open.values():
            call.phase = "void"
            call.tools = {id: tool for id, tool in call.tools.items() if tool.phase == "finished"}
        self.open.clear()

    def fail(self, rule: int, problem: str, *marks: int) -> NoReturn:
        """Raise for the event that is being checked; *marks* index the events it contradicts."""
        raise EventOrderError(rule, problem, self.events, (*marks, self.index))


def item_of(call: Call) -> int | None:
    """Return the foreach item that directly contains *call*, or None."""
    scope = call.address.scope
    return None if scope is None else scope.item
