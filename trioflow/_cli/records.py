"""One stored run as its journal records it, and as JSON."""

from __future__ import annotations

from typing import Any

import attrs

from trioflow import events as ev
from trioflow._cli.places import NO_ORDER, ArmOrder
from trioflow._cli.values import FELL_BACK, describe_error, preview
from trioflow._cli.view import Status
from trioflow._engine.history.suspensions import Suspension, suspensions
from trioflow.events import FINISHED_STATUSES
from trioflow.record import RunRecord
from trioflow.step_record import StepRecord
from trioflow.wire._failures import error_to_wire
from trioflow.wire._values import lenient_json


@attrs.define(eq=False)
class StoredView:
    """A run as its journal records it, and what its open calls wait for."""

    order: ArmOrder = NO_ORDER
    is_interrupted: bool = False
    """Whether the run is active and no process drives it."""
    record: RunRecord = attrs.field(factory=RunRecord)
    waits: dict[str, ev.StepWaiting] = attrs.field(factory=dict)
    """The last wait of each unfinished call, by address."""

    def apply(self, event: ev.Event) -> None:
        """Apply one more event."""
        self.record.apply(event)
        match event:
            case ev.StepWaiting():
                self.waits[event.address] = event
            case ev.StepResult() | ev.StepSuspended() | ev.EventTaken() | ev.StepStart():
                self.waits.pop(event.address, None)
            case ev.Recover() | ev.Canceled():
                self.waits.clear()

    @property
    def has_ended(self) -> bool:
        """Whether the run has finished."""
        return self.record.status in FINISHED_STATUSES

    def status_of(self, record: StepRecord) -> Status:
        """Return the status of a call, which may have been cut off by the end of its run."""
        if record.status in ("running", "waiting", "suspended") and self.has_ended:
            return "canceled"
        if record.status == "running" and self.is_interrupted:
            return "interrupted"
        return "waiting" if record.address in self.waits else record.status

    def detail_of(self, record: StepRecord) -> str:
        """Return the detail of a call: its output, its error, or what it waits for."""
        wait = self.waits.get(record.address)
        match self.status_of(record):
            case "success" if record.error is not None:
                return f"{FELL_BACK}{describe_error(record.error)}"
            case "success" | "bailed":
                return "" if record.output is None else preview(record.output)
            case "failed":
                return "" if record.error is None else describe_error(record.error)
            case "suspended":
                label = "" if record.label is None else f"label {record.label!r}: "
                return f"{label}{preview(record.suspend_payload)}"
            case "waiting" if wait is not None:
                return "sleeping" if wait.event is None else f"waiting for event {wait.event!r}"
            case _:
                return ""


def as_json(view: StoredView) -> dict[str, Any]:
    """Return a run as plain JSON types, with its calls in the order in which they started."""
    run = view.record
    return {
        "status": run.status,
        "input": lenient_json(run.input),
        "output": lenient_json(run.output),
        "error": None if run.error is None else error_to_wire(run.error),
        "reason": run.reason,
        "state": lenient_json(run.state),
        "traceId": run.trace_id,
        "startedAt": run.started_at,
        "endedAt": run.ended_at,
        "suspended": [_suspension(each) for each in suspensions(run)],
        "waiting": [_wait(event) for event in view.waits.values()],
        "calls": [_call(view, record) for record in run.calls.values()],
    }


def _suspension(suspension: Suspension) -> dict[str, Any]:
    question = suspension.question
    asked = {} if question is None else {"question": lenient_json(question)}
    return {
        "path": list(suspension.path),
        "label": suspension.label,
        "index": suspension.index,
        "payload": lenient_json(suspension.payload),
        **asked,
    }


def _wait(event: ev.StepWaiting) -> dict[str, Any]:
    return {"id": event.id, "address": event.address, "event": event.event, "until": event.until}


def _call(view: StoredView, record: StepRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "address": record.address,
        "kind": record.kind,
        "status": view.status_of(record),
        "input": lenient_json(record.input),
        "output": lenient_json(record.output),
        "error": None if record.error is None else error_to_wire(record.error),
        "startedAt": record.started_at,
        "endedAt": record.ended_at,
        "seconds": record.seconds,
        "attempts": record.attempts,
        "iteration": record.iteration,
        "suspendPayload": lenient_json(record.suspend_payload),
        "label": record.label,
    }
