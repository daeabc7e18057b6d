"""The results of workflow calls, and of runs that have finished or wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trioflow._engine.base.outcome import Bailed, Failed, Outcome, Paused, Success, Suspended
from trioflow._engine.base.plan import WorkflowPlan
from trioflow._engine.history.suspensions import Suspension, suspensions
from trioflow._engine.running.frame import Scope
from trioflow.events import RunStatus
from trioflow.record import RunRecord
from trioflow.results import RunResult
from trioflow.step_record import Calls, StepRecord

_STATUSES: dict[type[Outcome | None], RunStatus] = {
    type(None): "canceled",
    Success: "success",
    Bailed: "success",
    Failed: "failed",
    Suspended: "suspended",
    Paused: "paused",
}


def workflow_result(scope: Scope, value: Any, outcome: Outcome | None) -> RunResult[Any]:
    """Return the result of one call of a workflow, with the steps that belong to it."""
    record = scope.core.log.record
    waiting = suspensions(record) if isinstance(outcome, Suspended) else ()
    return RunResult(
        status=_STATUSES[type(outcome)],
        run_id=record.run_id,
        workflow_id=scope.plan.id,
        input=value,
        output=outcome.value if isinstance(outcome, Success) else None,
        error=outcome.error if isinstance(outcome, Failed) else None,
        steps=own_steps(scope),
        suspended=_paths(waiting) if waiting else (),
        resume_labels=_labels(waiting) if waiting else {},
        suspend_payload=_payloads(waiting, record) if waiting else {},
        state=record.state,
        reason=record.reason,
        trace_id=record.trace_id,
    )


def recorded_result(plan: WorkflowPlan, record: RunRecord) -> RunResult[Any]:
    """Return the result of a run that has finished or waits according to its journal."""
    waiting = suspensions(record) if record.status == "suspended" else ()
    return RunResult(
        status=record.status,
        run_id=record.run_id,
        workflow_id=record.workflow_id,
        input=record.input,
        output=record.output,
        error=record.error,
        steps=last_calls(plan, record),
        suspended=_paths(waiting) if waiting else (),
        resume_labels=_labels(waiting) if waiting else {},
        suspend_payload=_payloads(waiting, record) if waiting else {},
        state=record.state,
        reason=record.reason,
        trace_id=record.trace_id,
    )


def _paths(waiting: Sequence[Suspension]) -> tuple[tuple[str, ...], ...]:
    return tuple(dict.fromkeys(suspension.path for suspension in waiting))


def _labels(waiting: Sequence[Suspension]) -> Mapping[str, tuple[str, ...]]:
    return {each.label: each.path for each in waiting if each.label is not None}


def _payloads(waiting: Sequence[Suspension], record: RunRecord) -> Mapping[str, Any]:
    ids = [suspension.path[0] for suspension in waiting]
    return {id: record.steps[id].suspend_payload for id in ids}


def own_steps(scope: Scope) -> Mapping[str, StepRecord]:
    """Return the records of the steps of a workflow call, by their ids inside it."""
    run = scope.core.log.record
    if not scope.prefix:
        return last_calls(scope.plan, run)
    # By address, because the items of a concurrent foreach share the ids of their steps.
    return {
        record.id.removeprefix(scope.prefix): record
        for address, record in run.calls.items()
        if address.startswith(scope.address)
    }


def last_calls(plan: WorkflowPlan, record: RunRecord) -> Calls:
    """Return the last call of each step of a run, as it is now."""
    calls = Calls(record.records, "id", len(record.records))
    if len(record.records) > len(plan.slots) or record.is_continued:
        calls.fill()  # a result must hold neither all calls of a loop nor what may change
    return calls
