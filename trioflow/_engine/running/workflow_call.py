"""A call of a workflow, root or nested: its hooks, its nodes and its output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trioflow._engine.base.outcome import (
    Bailed,
    Failed,
    Outcome,
    Paused,
    Success,
    Suspended,
    failure,
    must_pass,
)
from trioflow._engine.base.plan import WorkflowPlan
from trioflow._engine.base.reporting import report
from trioflow._engine.history.suspensions import Suspension, suspensions
from trioflow._engine.running.call import Call
from trioflow._engine.running.deadlines import deadline_of, run_until
from trioflow._engine.running.frame import Frame, Scope
from trioflow._engine.running.nodes import run_sequence
from trioflow._engine.running.user_functions import call_hook
from trioflow.context import RunContext
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


class WorkflowBody:
    """The body of a step that is a workflow."""

    def __init__(self, plan: WorkflowPlan) -> None:
        self._plan = plan

    async def __call__(self, call: Call, value: Any) -> Outcome:
        again = "" if call.attempt == 1 else f"~{call.attempt}"
        scope = Scope(
            call.scope.core,
            self._plan,
            prefix=f"{call.id}.",
            address=f"{call.address}{again}/",
            init_data=value,
        )
        try:
            if self._plan.timeout is None:
                outcome = await run_workflow(scope, value)
            else:
                outcome = await self._run_in_time(call, scope, value, self._plan.timeout)
        except BaseException:
            await call_end_hooks(scope, value, None)
            raise
        await call_end_hooks(scope, value, outcome)
        return outcome

    async def _run_in_time(self, call: Call, scope: Scope, value: Any, seconds: float) -> Outcome:
        until, log = deadline_of(call, seconds), call.scope.core.log
        return await run_until(until, lambda: run_workflow(scope, value), log, self._plan.id)


async def run_workflow(scope: Scope, value: Any) -> Outcome:
    """Run a workflow and return its output; a bail is a success here."""
    plan = scope.plan
    replay = scope.core.replay
    if plan.on_start is not None and (replay is None or not replay.entered(scope.address)):
        try:
            await call_hook(plan.on_start, RunContext(Frame(scope)))
        except BaseException as exc:
            failed = failure(exc)
            scope.failed_to_start = True
            return failed
    outcome = await run_sequence(plan.nodes, value, scope)
    if isinstance(outcome, Bailed):
        return Success(outcome.value)
    if isinstance(outcome, Success) and plan.structure_output is not None:
        try:
            return Success(plan.structure_output(outcome.value))
        except BaseException as exc:
            return failure(exc)
    return outcome


async def call_end_hooks(scope: Scope, value: Any, outcome: Outcome | None) -> None:
    """Report to the hooks how the workflow ended; *outcome* None means canceled.

    Errors of hooks are logged: the work is done, and its output does not change. Hooks are not
    called for a run that is halted, because that is not its end.

    **Cancellation**: an async hook of a workflow that is being canceled runs up to its first
    checkpoint; it may shield what it must finish.
    """
    if isinstance(outcome, Suspended | Paused) or scope.core.log.is_stopped:
        return
    plan = scope.plan
    hooks = [plan.on_finish]
    if isinstance(outcome, Failed):
        hooks.append(plan.on_error)
    wanted = [hook for hook in hooks if hook is not None]
    if not wanted or scope.failed_to_start:
        return
    result = workflow_result(scope, value, outcome)
    for hook in wanted:
        try:
            await call_hook(hook, result)
        except BaseException as exc:
            if must_pass(exc):
                raise
            report("a hook of workflow %r failed", plan.id, error=exc)


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
    if len(record.records) > len(plan.slots) or record.goes_on:
        calls.fill()  # a result must hold neither all calls of a loop nor what may change
    return calls
