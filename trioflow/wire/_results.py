"""Writes results as JSON objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from trioflow.events import SUCCESS_STATUSES
from trioflow.results import RunResult
from trioflow.step_record import StepRecord
from trioflow.wire._failures import (
    error_to_wire,
    tripwire_of,
    tripwire_to_wire,
    without_stacks,
)
from trioflow.wire._values import milliseconds, to_json

if TYPE_CHECKING:
    from cattrs import Converter


def result_to_wire(
    result: RunResult[Any], *, converter: Converter | None = None, stack: bool = True
) -> dict[str, Any]:
    """Return a result as an object that ``json.dumps`` accepts as it is.

    As in the original vocabulary, ``steps`` has the record of each step under its id and the
    input of the run under ``"input"``; keys without a value are omitted.

    Args:
      result: The result of a run.
      converter: Writes user values; default: a plain cattrs converter.
      stack: Whether exceptions are written with their stacks, as for `to_wire`.

    Raises:
      NotSerializableError: if the result holds a value that has no JSON form.
    """

    def value(value: Any, path: str) -> Any:
        return to_json(value, path, converter)

    run_input = value(result.input, "input")
    records = {id: _record(record, value) for id, record in result.steps.items()}
    wire = {
        "status": result.status,
        "runId": result.run_id,
        "workflowId": result.workflow_id,
        "traceId": result.trace_id,
        "input": run_input,
        "steps": {"input": run_input, **records},
        "state": value(result.state, "state"),
    }
    if result.status == "success" or result.output is not None:
        wire["result"] = value(result.output, "result")
    if result.error is not None:
        wire |= _failure(result.error, value)
    if result.reason is not None:
        wire["reason"] = result.reason
    if result.suspended:
        wire["suspended"] = [list(path) for path in result.suspended]
        wire["suspendPayload"] = value(result.suspend_payload, "suspendPayload")
    if result.resume_labels:
        wire["resumeLabels"] = {label: list(path) for label, path in result.resume_labels.items()}
    return wire if stack else {key: without_stacks(item) for key, item in wire.items()}


def _failure(error: BaseException, value: Callable[[Any, str], Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"error": error_to_wire(error)}
    tripwire = tripwire_of(error)
    return told if tripwire is None else {**told, "tripwire": tripwire_to_wire(tripwire, value)}


def _record(record: StepRecord, value: Callable[[Any, str], Any]) -> dict[str, Any]:
    where = f"steps.{record.id}"
    wire: dict[str, Any] = {
        "status": record.status,
        "payload": value(record.input, f"{where}.payload"),
        "startedAt": milliseconds(record.started_at),
        "kind": record.kind,
        "address": record.address,
        "attempts": record.attempts,
    }
    if record.status in SUCCESS_STATUSES:
        wire["output"] = value(record.output, f"{where}.output")
    if record.error is not None:
        wire |= _failure(record.error, value)
    if record.iteration is not None:
        wire["metadata"] = {"iterationCount": record.iteration}
    if record.resumed_at is not None:
        wire["resumePayload"] = value(record.resume_data, f"{where}.resumePayload")
    if record.suspended_at is not None:
        wire["suspendPayload"] = value(record.suspend_payload, f"{where}.suspendPayload")
    numbers: Mapping[str, Any] = {
        "seconds": record.seconds,
        "completedCount": record.done,
        "totalCount": record.total,
    }
    times = {
        "endedAt": record.ended_at,
        "resumedAt": record.resumed_at,
        "suspendedAt": record.suspended_at,
    }
    wire |= {key: number for key, number in numbers.items() if number is not None}
    return wire | {key: milliseconds(at) for key, at in times.items() if at is not None}
