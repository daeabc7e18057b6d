"""A call of a workflow, root or nested: its hooks, its nodes and its output."""

from __future__ import annotations

from typing import Any

from trioflow._engine.base.outcome import (
    Bailed,
    Outcome,
    Success,
    failure,
)
from trioflow._engine.base.plan import WorkflowPlan
from trioflow._engine.running.call import Call
from trioflow._engine.running.deadlines import deadline_of, run_until
from trioflow._engine.running.end_hooks import call_end_hooks
from trioflow._engine.running.frame import Frame, Scope
from trioflow._engine.running.nodes import run_sequence
from trioflow._engine.running.user_functions import call_hook
from trioflow.context import RunContext


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
