"""What the events of a run say, kept for what is told later."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from trioflow import NonRetryableError
from trioflow import events as ev

from .messages import Words


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
    def kind(self) -> str:
        if self.start is not None:
            return self.start.kind
        return "sleep" if self.waiting is None or self.waiting.event is None else "wait"

    @property
    def input(self) -> Any:
        """The input; of a foreach that ended early, the item that ended it."""
        first = self.start or self.waiting
        value: Any = None if first is None else first.input
        return value if self.early is None else value[self.early]


@attrs.define
class Memory:
    """What the events of a run have said so far."""

    by_position: bool = False
    """Whether the first item to end a foreach early is the first in the list, not in time."""
    calls: dict[str, Seen] = attrs.field(factory=dict)
    chosen: dict[int, BaseException] = attrs.field(factory=dict)
    step_failed: bool = False
    """Whether a step of the root workflow failed, in the recorded engine's sense."""

    def note(self, event: ev.Event) -> Seen:
        """Take note of an event and return what is known of its call."""
        seen = self.calls.setdefault(getattr(event, "address", ""), Seen())
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
                self.step_failed |= "/" not in event.address and seen.kind != "sleep"
        return seen

    def _note_early_end(self, seen: Seen, item: ev.StepProgress) -> None:
        """Remember the item that the recorded engine tells of: a failed one, and the first.

        The first is that of the list for the old engine, and the first in time for the new.
        """
        if seen.early is not None and seen.error is not None and item.status == "bailed":
            return
        is_better = seen.early is None or (seen.error is None) != (item.error is None)
        if is_better or (self.by_position and item.index < (seen.early or 0)):
            seen.early, seen.error = item.index, item.error


def remember(events: Iterable[ev.Event], words: Words) -> Memory:
    """Return what the events of a run say."""
    memory = Memory(words.is_old)
    for event in events:
        memory.note(event)
    return memory


def failure_keys(error: BaseException, words: Words, memory: Memory) -> dict[str, Any]:
    """Return the keys that tell an error."""
    told: dict[str, Any] = {"error": words.error(error, memory.chosen)}
    if isinstance(error, NonRetryableError) and not words.is_old:
        told["nonRetryable"] = True
    return told
