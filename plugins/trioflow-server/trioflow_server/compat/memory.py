"""What the events of a run have said, kept for records that repeat it later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from trioflow import events as ev
from trioflow.addresses import Address

PIECES = (ev.StepOutput, ev.ToolCallDelta)
"""Events of which there are many, and that say nothing that is repeated later."""


@attrs.define
class Seen:
    """What the events have said of one call so far."""

    start: ev.StepStart | None = None
    waiting: ev.StepWaiting | None = None
    early: int | None = None
    """Index of the first item of a foreach that did not end well."""
    error: BaseException | None = None
    """The error of that item."""

    @property
    def was_answered(self) -> bool:
        """Whether the call continues with an answer."""
        return self.start is not None and (
            self.start.round > 0 or self.start.resume_data is not None
        )

    @property
    def kind(self) -> str:
        """The kind of the call; of one without a body, ``"sleep"`` or ``"wait"``."""
        if self.start is not None:
            return self.start.kind
        return "sleep" if self.waiting is None or self.waiting.event is None else "wait"

    @property
    def input(self) -> Any:
        """The input; of a foreach that ended early, the item that ended it."""
        first = self.start or self.waiting
        value = None if first is None else first.input
        if self.early is None or self.was_answered or not isinstance(value, list | tuple):
            return value
        return value[self.early] if self.early < len(value) else value


@attrs.define
class Memory:
    """What the events of one run have said so far."""

    order: Sequence[str] = ()
    """The ids of all steps in the order of their definition."""
    calls: dict[str, Seen] = attrs.field(factory=dict)
    waiting: dict[str, Any] = attrs.field(factory=dict)
    """Payloads of calls and items that are suspended, by address."""

    streaming: set[str] = attrs.field(factory=set)
    """Ids of the calls of streaming tools that have not ended."""

    def note(self, event: ev.Event) -> Seen:
        """Take note of an event, and return what is known of its call."""
        if not isinstance(event, ev.StepEvent) or isinstance(event, PIECES):
            return Seen()
        seen = self.calls.setdefault(event.address, Seen())
        self._note_suspension(event)
        match event:
            case ev.StepStart():
                seen.start = event
            case ev.StepWaiting() if seen.start is None:
                seen.waiting = event
            case ev.StepProgress(status="failed" | "bailed"):
                _note_early_end(seen, event)
            case ev.ToolCallStreamingStart():
                self.streaming.add(event.tool_call_id)
            case ev.ToolResult() | ev.ToolError():
                self.streaming.discard(event.tool_call_id)
            case ev.StepFinish() if not seen.was_answered:
                del self.calls[event.address]
        return seen

    def _note_suspension(self, event: ev.StepEvent) -> None:
        match event:
            case ev.StepStart() | ev.StepResult():
                self.waiting.pop(event.address, None)
            case ev.StepSuspended():
                self.waiting[event.address] = event.payload
            case ev.StepProgress():
                item = f"{event.address}[{event.index}]"
                self.waiting.pop(item, None)
                if event.status == "suspended":
                    self.waiting[item] = event.payload

    def suspended_payload(self, address: str) -> Any:
        """Return the payload that a suspended call is shown with.

        That is its own, or that of a call in it: the first item, or the last arm of a block.
        """
        call = Address.parse(address)
        waiting = map(Address.parse, self.waiting)
        inside = [found for found in waiting if found == call or found.is_inside(call)]
        leaves = [a for a in inside if not any(other.is_inside(a) for other in inside)]
        return self.waiting[str(min(leaves, key=self._rank))] if leaves else None

    def _rank(self, leaf: Address) -> tuple[list[int], int]:
        items = [outer.item for outer in leaf.walk() if outer.item is not None]
        start = self.calls.get(str(leaf.call), Seen()).start
        id = "" if start is None else start.id
        return items, -self.order.index(id) if id in self.order else 0

    def last_answer(self, address: str) -> Seen | None:
        """Return the last iteration up to a call's own that was answered, if it is in a loop."""
        call = Address.parse(address)
        if call.iteration is None:
            return None
        loop = map(call.with_iteration, range(call.iteration, 0, -1))
        before = (self.calls.get(str(each), Seen()) for each in loop)
        return next((seen for seen in before if seen.was_answered), None)


def _note_early_end(seen: Seen, item: ev.StepProgress) -> None:
    if seen.early is not None and seen.error is not None and item.status == "bailed":
        return
    if seen.early is None or (seen.error is None) != (item.error is None):
        seen.early, seen.error = item.index, item.error


def is_in_item(address: str) -> bool:
    """Return whether a call is inside an item of a foreach."""
    return any(outer.item is not None for outer in Address.parse(address).walk())
