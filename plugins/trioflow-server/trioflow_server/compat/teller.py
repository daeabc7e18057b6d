"""Events as records of the compatible streams.

The records are those of the recorded engine: types that it does not have are left out, so that
counts and offsets mean what they mean there.
"""

from __future__ import annotations

from typing import Any

import attrs

from trioflow import NonRetryableError
from trioflow import events as ev
from trioflow.wire import NATIVE_TYPES
from trioflow_server.compat.memory import Memory, Seen, is_in_item
from trioflow_server.values import Shower, milliseconds

TYPES = NATIVE_TYPES["mastra-1"] | {"paused"}


@attrs.define
class Teller:
    """Tells the events of one run, in order."""

    shower: Shower
    workflow_id: str
    run_id: str
    """The id that the run is shown with."""
    memory: Memory
    keeps_open: bool = False
    """Whether the stream continues when the run suspends, so that this is not the end."""
    _done_before: dict[str, int] = attrs.field(factory=dict)

    def note(self, event: ev.Event) -> Seen:
        """Take note of an event of the stream; return what is known of its call."""
        if isinstance(event, ev.StepProgress):
            first = event.done - (event.status not in ("suspended", "canceled"))
            self._done_before.setdefault(event.address, first)
        return self.memory.note(event)

    def count_missing(self, events: int) -> int:
        """Return how many records would stand for events that a journal does not have.

        Those are chunks of steps, which are records, and pieces of tools, which are none. While a
        tool is streaming they are taken for its pieces.
        """
        return 0 if self.memory.streaming else events

    def tell(self, event: ev.Event, seen: Seen) -> dict[str, Any] | None:
        """Return the record of an event that was noted; None if it has none."""
        if isinstance(event, ev.Resume):
            return None if self.keeps_open else self.begin(event)
        if isinstance(event, ev.StepOutput) and not isinstance(event.chunk, str):
            chunk = self.shower.value(event.chunk)
            if is_custom(chunk):
                return {**chunk, "runId": self.run_id, "from": "WORKFLOW"}
        if event.type not in TYPES or self._is_hidden(event, seen):
            return None
        record = self.shower.event(event, "mastra-1")
        del record["seq"], record["at"]
        record["runId"] = self.run_id
        self._adjust(record["payload"], event, seen)
        return record

    def begin(self, event: ev.Event) -> dict[str, Any]:
        """Return the record that begins the stream of a run that continues."""
        id, seq, at = self.run_id, event.seq, event.at
        start = ev.Start(run_id=id, seq=seq, at=at, workflow_id=self.workflow_id, input=None)
        record = self.shower.event(start, "mastra-1")
        del record["seq"], record["at"]
        return record

    def _is_hidden(self, event: ev.Event, seen: Seen) -> bool:
        if isinstance(event, ev.Finish | ev.Paused):
            return self.keeps_open and getattr(event, "status", "paused") in ev.WAITING_STATUSES
        if isinstance(event, ev.StepOutput):
            return False
        if isinstance(event, ev.StepEvent) and is_in_item(event.address):
            return True
        if isinstance(event, ev.StepResult) and seen.start is None:
            # A sleep is seen to end only if it ended well, and a wait only if its event came.
            return seen.kind == "wait" or event.status != "success"
        return False

    def _adjust(self, payload: dict[str, Any], event: ev.Event, seen: Seen) -> None:
        match event:
            case ev.StepStart():
                payload["payload"] = self.shower.value(seen.input)
                payload |= self._answer(event.address, seen)
            case ev.StepWaiting():
                payload["payload"] = self.shower.value(event.input)
            case ev.StepSuspended() | ev.StepResult():
                if seen.start is not None:
                    payload["payload"] = self.shower.value(seen.input)
                    payload |= self._of_start(event.address, seen)
                self._tell_end(payload, event, seen)
            case ev.StepOutput():
                payload["runId"] = self.run_id + _item_of(event.address)
                payload["stepName"] = event.id.rpartition(".")[2]
            case ev.StepProgress():
                known = ("success", "suspended")
                payload["iterationStatus"] = event.status if event.status in known else "failed"
                payload["completedCount"] = self._count(event)
            case ev.Finish() if event.error is not None and "tripwire" not in payload:
                error = self.shower.error(event.error)
                payload["metadata"] = {"error": error, "errorMessage": error["message"]}

    def _tell_end(
        self, payload: dict[str, Any], event: ev.StepSuspended | ev.StepResult, seen: Seen
    ) -> None:
        if isinstance(event, ev.StepSuspended):
            suspended = self.memory.suspended_payload(event.address)
            payload["suspendPayload"] = self.shower.value(suspended)
        elif event.error is not None:
            error = seen.error or event.error
            payload["error"] = self.shower.error(error)
            if isinstance(error, NonRetryableError):
                payload["nonRetryable"] = True

    def _of_start(self, address: str, seen: Seen) -> dict[str, Any]:
        """Return what the end of a call repeats of its beginning."""
        assert seen.start is not None
        repeated: dict[str, Any] = {"startedAt": milliseconds(seen.start.at)}
        if seen.start.iteration is not None:
            repeated["metadata"] = {"iterationCount": seen.start.iteration}
        return repeated | self._answer(address, seen)

    def _answer(self, address: str, seen: Seen) -> dict[str, Any]:
        """Return the answer that a call continues with, or an earlier iteration of its loop did."""
        answered: Seen | None = seen
        if not seen.was_answered and seen.waiting is None:
            answered = self.memory.last_answer(address)
        if answered is None or answered.start is None:
            return {}
        return {
            "resumePayload": self.shower.value(answered.start.resume_data),
            "resumedAt": milliseconds(answered.start.at),
        }

    def _count(self, event: ev.StepProgress) -> int:
        """Return how many items have ended in this part of the run."""
        return event.done - self._done_before[event.address]


def is_custom(chunk: Any) -> bool:
    """Return whether a chunk is a record of its own: an object with a type ``data-...``."""
    return (
        isinstance(chunk, dict)
        and isinstance(chunk.get("type"), str)
        and chunk["type"].startswith("data-")
        and "data" in chunk
    )


def _item_of(address: str) -> str:
    """Return the part of an address up to its last item; workflows in items have their own id."""
    item, bracket, _ = address.rpartition("]/")
    return item + bracket
