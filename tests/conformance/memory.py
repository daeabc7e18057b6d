"""What the events of a run say, kept for what is told later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import attrs

from trioflow import NonRetryableError
from trioflow import events as ev
from trioflow.addresses import Address
from trioflow.errors import Tripwire

from .messages import Words, single


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
        """Whether the call goes on with an answer."""
        return self.start is not None and (
            self.start.round > 0 or self.start.resume_data is not None
        )

    @property
    def kind(self) -> str:
        if self.start is not None:
            return self.start.kind
        return "sleep" if self.waiting is None or self.waiting.event is None else "wait"

    @property
    def input(self) -> Any:
        """The input; of a foreach that ended early, the item that ended it."""
        first = self.start or self.waiting
        value: Any = None if first is None else first.input
        return value if self.early is None or self.was_answered else value[self.early]


@attrs.define
class Memory:
    """What the events of a run have said so far."""

    order: Sequence[str] = ()
    """The ids of all steps in the order of their definition."""
    by_position: bool = False
    """Whether the first item to end a foreach early is the first in the list, not in time."""
    outputs: Mapping[str, Any] = MappingProxyType({})
    """As in `Translator`, by the name of the call."""
    calls: dict[str, Seen] = attrs.field(factory=dict)
    chosen: dict[int, BaseException] = attrs.field(factory=dict)
    waiting: dict[str, Any] = attrs.field(factory=dict)
    """What calls and items have suspended with that still wait, by address."""
    step_failed: bool = False
    """Whether a step of the root workflow failed, in the recorded engine's sense."""

    def note(self, event: ev.Event) -> Seen:
        """Take note of an event and return what is known of its call."""
        seen = self.calls.setdefault(getattr(event, "address", ""), Seen())
        self._note_suspension(event)
        match event:
            case ev.StepStart():
                seen.start = event
            case ev.StepWaiting() if seen.start is None:
                seen.waiting = event
            case ev.StepProgress(status="failed" | "bailed"):
                self._note_early_end(seen, event)
            case ev.StepResult(status="failed", error=error):
                if seen.error not in (None, error):
                    self.chosen[id(error)] = seen.error
                self.step_failed |= (
                    Address.parse(event.address).scope is None and seen.kind != "sleep"
                )
        return seen

    def _note_suspension(self, event: ev.Event) -> None:
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

    def suspended(self, address: str) -> str:
        """Return the call in a call that is shown of all that wait there.

        It is the first item of a foreach, and the last arm of a block.
        """
        call = Address.parse(address)
        waiting = map(Address.parse, self.waiting)
        inside = [found for found in waiting if found == call or found.is_inside(call)]
        leaves = [a for a in inside if not any(other.is_inside(a) for other in inside)]
        return str(min(leaves, key=self._rank))

    def _rank(self, leaf: Address) -> tuple[list[int], int]:
        items = [outer.item for outer in leaf.walk() if outer.item is not None]
        id = self.id_of(str(leaf))
        return items, -self.order.index(id) if id in self.order else 0

    def id_of(self, address: str) -> str:
        """Return the id of the step that a call or an item is one of."""
        start = self.calls.get(str(Address.parse(address).call), Seen()).start
        return "" if start is None else start.id

    def suspend_payload(self, address: str) -> Any:
        """Return what a call is shown to have suspended with."""
        return self.waiting[self.suspended(address)]

    def last_answer(self, address: str) -> Seen | None:
        """Return the last iteration up to a call's own that was answered, if it is in a loop."""
        call = Address.parse(address)
        if call.iteration is None:
            return None
        loop = map(call.with_iteration, range(call.iteration, 0, -1))
        before = (self.calls.get(str(each), Seen()) for each in loop)
        return next((seen for seen in before if seen.was_answered), None)

    def _note_early_end(self, seen: Seen, item: ev.StepProgress) -> None:
        """Remember the item that the recorded engine tells of: a failed one, and the first.

        The first is that of the list for the old engine, and the first in time for the new.
        """
        if seen.early is not None and seen.error is not None and item.status == "bailed":
            return
        is_better = seen.early is None or (seen.error is None) != (item.error is None)
        if is_better or (self.by_position and item.index < (seen.early or 0)):
            seen.early, seen.error = item.index, item.error


def remember(
    events: Iterable[ev.Event], words: Words, outputs: Mapping[str, Any] = MappingProxyType({})
) -> Memory:
    """Return what the events of a run say.

    Args:
      events: The events.
      words: How the recorded engine tells errors.
      outputs: As in `Translator`.
    """
    memory = Memory(words.order, words.is_old, outputs)
    for event in events:
        memory.note(event)
    return memory


def failure_keys(error: BaseException, words: Words, memory: Memory) -> dict[str, Any]:
    """Return the keys that tell an error."""
    told: dict[str, Any] = {"error": words.error(error, memory.chosen)}
    if isinstance(error, NonRetryableError) and not words.is_old:
        told["nonRetryable"] = True
    return told | tripwire_keys(error, memory)


def tripwire_keys(error: BaseException | None, memory: Memory) -> dict[str, Any]:
    """Return what the recorded engine has beside an error that is a tripwire."""
    if error is None:
        return {}
    error = single(error, memory.chosen)
    return {"tripwire": tripwire_as_told(error)} if isinstance(error, Tripwire) else {}


def tripwire_as_told(tripwire: Tripwire) -> dict[str, Any]:
    """Return a tripwire as the recorded engine tells it."""
    told = {
        "reason": tripwire.reason,
        "retry": tripwire.retry or None,
        "metadata": tripwire.metadata,
        "processorId": tripwire.processor_id,
    }
    return {key: value for key, value in told.items() if value is not None}
