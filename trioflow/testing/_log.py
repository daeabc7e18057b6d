"""What the checker remembers of the events so far."""

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
    """Position of its latest event."""
    item: int | None
    """The item of a foreach that made it."""


@attrs.define(eq=False)
class Call:
    """One step call."""

    id: str
    address: Address
    parent: Call | None
    opened: int
    """Position of its first event."""
    last: int
    """Position of its latest event."""
    phase: str = "new"
    kind: str | None = None
    status: ev.CallStatus | None = None
    tools: dict[str, ToolCall] = attrs.field(factory=dict)
    retries: dict[int | None, int] = attrs.field(factory=dict)
    """How many attempts failed and were followed by another; of a foreach, for each item."""
    progress: dict[int, ev.StepProgress] = attrs.field(factory=dict)
    """The items of a foreach that have ended, by index."""

    @property
    def inside(self) -> Address:
        """The scope of the calls inside it, in its current attempt."""
        return self.address.with_attempt(self.retries.get(None, 0) + 1)

    @property
    def closed(self) -> bool:
        return self.phase in ("over", "suspended")

    def __str__(self) -> str:
        return f"call {self.address} ({self.id})"


@attrs.define
class Frame:
    """The calls of one workflow, or of one attempt at it."""

    calls: list[Call] = attrs.field(factory=list)
    """The calls of the node it has come to; those of nodes before are over."""
    bailed: bool = False
    """Whether one of its calls ended it early."""

    @property
    def position(self) -> int:
        """Which node it has come to; -1 before the first."""
        return self.calls[-1].address.position if self.calls else -1


@attrs.define
class Log:
    """The events, how far they have been checked, and what is known by then."""

    events: Sequence[ev.Event]
    index: int = -1
    """Position of the event that is being checked."""
    phase: Phase = Phase.PENDING
    """Phase of the run."""
    crashes: int = 0
    """How often the run's process has died."""
    canceled: bool = False
    calls: dict[Address, Call] = attrs.field(factory=dict)
    """Every call, by address."""
    open: dict[Address, Call] = attrs.field(factory=dict)
    """The calls that are not closed, by address."""
    frames: dict[Address | None, Frame] = attrs.field(factory=dict)
    """The workflows, by the scope of their calls."""
    record: RunRecord = attrs.field(factory=RunRecord)
    """The fold so far."""

    def forget_open(self) -> None:
        """Take note that the process has died in which some calls were open."""
        for call in self.open.values():
            call.phase = "void"
            call.tools = {id: tool for id, tool in call.tools.items() if tool.phase == "over"}
        self.open.clear()

    def fail(self, rule: int, problem: str, *marks: int) -> NoReturn:
        """Raise for the event that is being checked; *marks* are what it contradicts."""
        raise EventOrderError(rule, problem, self.events, (*marks, self.index))


def item_of(call: Call) -> int | None:
    """Return the item of a foreach that *call* is directly inside of."""
    scope = call.address.scope
    return None if scope is None else scope.item
