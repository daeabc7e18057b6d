"""Runs as the results, records and rows of the compatible routes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs

from trioflow import NonRetryableError, RunInfo, RunRecord, StepRecord
from trioflow.addresses import Address
from trioflow.context import MISSING
from trioflow.events import SUCCESS_STATUSES
from trioflow_server.compat.suspended import shown_answer, shown_leaf, suspended_leaves
from trioflow_server.values import Shower, milliseconds

FIELDS = ("result", "error", "payload", "steps", "activeStepsPath", "serializedStepGraph")
"""What clients can choose of the record of a run."""


@attrs.frozen
class Shown:
    """One run, with what is needed to show it."""

    run_id: str
    """The id that it is shown with."""
    info: RunInfo
    """Of the newest run under that id."""
    record: RunRecord | None
    """None if it has not started."""
    created_at: float
    """When the first run under that id was created: seconds since the epoch."""

    @property
    def status(self) -> str:
        return self.info.status if self.record is None else self.record.status


@attrs.frozen
class Recorder:
    """Shows runs in the way of one server."""

    shower: Shower
    order_of: Callable[[str], Sequence[str]]
    """Returns the ids of all steps of a workflow in the order of their definition."""

    # ------------------------------------------------------------ results
    def result(self, shown: Shown) -> dict[str, Any]:
        """Return the result of a run that has finished or suspended."""
        record = _need(shown)
        run_input = self.shower.value(input_of(record))
        steps = self.steps(record, nested=False)
        return {
            "status": self.status(shown),
            "input": run_input,
            "steps": {"input": run_input, **steps},
            "stepExecutionPath": list(steps),
            "runId": shown.run_id,
            **self._outcome(record),
            **self._suspension(record),
        }

    def _outcome(self, record: RunRecord) -> dict[str, Any]:
        outcome: dict[str, Any] = {}
        if record.status == "success":
            outcome["result"] = self.shower.value(record.output)
        tripwire = self.shower.tripwire(record.error)
        if tripwire is not None:
            outcome["tripwire"] = tripwire
        elif record.error is not None:
            outcome["error"] = self.shower.error(record.error)
        return outcome

    def status(self, shown: Shown) -> str:
        """Return the status of a run; that of one that a tripwire ended has a name of its own."""
        error = None if shown.record is None else shown.record.error
        is_tripped = shown.status == "failed" and self.shower.tripwire(error) is not None
        return "tripwire" if is_tripped else shown.status

    def _suspension(self, record: RunRecord) -> dict[str, Any]:
        leaves = self._leaves(record)
        if not leaves:
            return {}
        payloads: dict[str, Any] = {}
        for outermost in dict.fromkeys(leaf.id.partition(".")[0] for leaf in leaves):
            shown = shown_leaf(record.steps[outermost], leaves)
            payloads[outermost] = _spread(self.shower.value(shown.suspend_payload))
        paths = {leaf.id: leaf.id.split(".") for leaf in leaves}
        return {"suspended": list(paths.values()), "suspendPayload": payloads}

    def _leaves(self, record: RunRecord) -> list[StepRecord]:
        if record.status != "suspended":
            return []
        return suspended_leaves(record, self.order_of(record.workflow_id))

    # ------------------------------------------------------------ records
    def run(self, shown: Shown, fields: Collection[str], nested: bool) -> dict[str, Any]:
        """Return the record of a run with the chosen fields."""
        about = self._about(shown)
        about["status"] = self.status(shown)
        record = shown.record or RunRecord()
        leaves = self._leaves(record)
        details = {
            "payload": self.shower.value(input_of(record) if shown.record else _input(shown.info)),
            "steps": self.steps(record, nested),
            **self._outcome(record),
            "activeStepsPath": {},
            "suspendedPaths": {leaf.id: [] for leaf in leaves},
            "resumeLabels": {leaf.label: leaf.id for leaf in leaves if leaf.label},
            "waitingPaths": {},
        }
        if shown.record is None and shown.info.input is MISSING:
            del details["payload"]
        chosen = fields or details
        return about | {key: value for key, value in details.items() if key in chosen}

    def _about(self, shown: Shown) -> dict[str, Any]:
        return {
            "runId": shown.run_id,
            "workflowName": shown.info.workflow_id,
            "resourceId": shown.info.resource_id,
            "createdAt": iso(shown.created_at),
            "updatedAt": iso(shown.info.updated_at),
        }

    def row(self, shown: Shown) -> dict[str, Any]:
        """Return the row of a run in a list."""
        record = shown.record or RunRecord()
        context = {"input": self.shower.value(_input(shown.info))}
        if shown.record is not None:
            context["input"] = self.shower.value(input_of(record))
            context |= self.steps(record, nested=False)
        snapshot = {
            "runId": shown.run_id,
            "status": self.status(shown),
            "value": {},
            "context": context,
            "activePaths": [],
            "activeStepsPath": {},
            "serializedStepGraph": [],
            "suspendedPaths": {},
            "waitingPaths": {},
            "resumeLabels": {},
            "timestamp": milliseconds(shown.info.updated_at),
            **self._outcome(record),
        }
        return {**self._about(shown), "snapshot": snapshot}

    # ------------------------------------------------------------ steps
    def steps(self, record: RunRecord, nested: bool) -> dict[str, Any]:
        """Return the records of the last call of each step, by id."""
        leaves = self._leaves(record)
        return {
            id: self._step(step) | self._asked(step, record, leaves)
            for id, step in record.steps.items()
            if Address.parse(step.address).scope is None or (nested and not _is_in_item(step))
        }

    def _asked(
        self, step: StepRecord, record: RunRecord, leaves: Sequence[StepRecord]
    ) -> dict[str, Any]:
        """Return what a step has asked, and its answer."""
        wire: dict[str, Any] = {}
        answered = shown_answer(step, record)
        if answered is not None and answered.resumed_at is not None:
            wire["resumePayload"] = self.shower.value(answered.resume_data)
            wire["resumedAt"] = milliseconds(answered.resumed_at)
        if step.suspended_at is not None:
            shown = shown_leaf(step, leaves) if step.status == "suspended" else step
            wire["suspendPayload"] = self.shower.value(shown.suspend_payload)
            wire["suspendedAt"] = milliseconds(step.suspended_at)
        if step.kind == "foreach" and step.status == "failed":
            wire["suspendPayload"] = {}  # clients know no other
        return wire

    def _step(self, record: StepRecord) -> dict[str, Any]:
        wire: dict[str, Any] = {
            "status": _status(record),
            "payload": self.shower.value(record.input),
            "startedAt": milliseconds(record.started_at),
        }
        if record.status in SUCCESS_STATUSES:
            wire["output"] = self.shower.value(record.output)
        if record.error is not None and record.status == "failed":
            wire["error"] = self.shower.error(record.error)
            if isinstance(record.error, NonRetryableError):
                wire["nonRetryable"] = True
            tripwire = self.shower.tripwire(record.error)
            wire |= {} if tripwire is None else {"tripwire": tripwire}
        if record.iteration is not None:
            wire["metadata"] = {"iterationCount": record.iteration}
        if record.ended_at is not None:
            wire["endedAt"] = milliseconds(record.ended_at)
        return wire


def _status(record: StepRecord) -> str:
    if record.status == "canceled" and record.kind in ("sleep", "wait"):
        return "waiting"  # clients know no canceled sleep
    return "success" if record.status == "bailed" else record.status


def _is_in_item(record: StepRecord) -> bool:
    return any(outer.item is not None for outer in Address.parse(record.address).walk())


def _spread(payload: Any) -> Mapping[str, Any]:
    """Return a payload as an object, which is how it is shown beside the steps."""
    if isinstance(payload, list | str):
        return {str(index): item for index, item in enumerate(payload)}
    return payload if isinstance(payload, dict) else {}


def _input(info: RunInfo) -> Any:
    return None if info.input is MISSING else info.input


def input_of(record: RunRecord) -> Any:
    """Return the input that a run began with; a time travel may have replaced it."""
    replaced = {} if record.fork is None else record.fork.inputs
    first = (replaced[address] for address in ("0", "0#1") if address in replaced)
    return next(first, record.input)


def _need(shown: Shown) -> RunRecord:
    assert shown.record is not None  # only runs that have started have a result
    return shown.record


def iso(at: float) -> str:
    """Return seconds since the epoch as an ISO 8601 string with milliseconds."""
    try:
        when = datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):
        when = datetime.fromtimestamp(0, UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
