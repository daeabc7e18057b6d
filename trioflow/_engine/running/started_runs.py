"""Runs that a body starts and that outlive it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from trioflow import events as ev
from trioflow._engine.base.ports import StartRun
from trioflow.errors import RunStateError

if TYPE_CHECKING:
    from trioflow._engine.running.call import Call


async def start_run(
    call: Call,
    start: StartRun | None,
    workflow: Any,
    input_data: Any,
    resource_id: str | None,
    tags: Collection[str],
    timeout: Any,
) -> str:
    """Start a run once per step call, and return its id."""
    log = call.scope.core.log
    if start is None:
        problem = "ctx.start_run() needs an engine: create the run inside open_engine()"
        raise RunStateError(log.run_id, log.record.status, problem)
    await call.scope.core.pacer.give_way()
    run_id = f"{log.run_id}~{_digest(call.step_call_id, _next_number(call))}"
    if run_id not in log.record.started_runs.get(call.address, ()):
        await start(
            workflow,
            input_data,
            run_id=run_id,
            resource_id=resource_id,
            tags=tags,
            timeout=timeout,
            by=f"step {call.step_call_id}",
        )
        id = workflow if isinstance(workflow, str) else workflow.id
        call.emit(ev.RunStarted, started=run_id, workflow_id=id)
    return run_id


def _next_number(call: Call) -> int:
    """Count the runs that the current attempt has started."""
    started = call.scope.core.notes.started
    attempt, count = started.get(call.address, (0, 0))
    count = count + 1 if attempt == call.attempt else 1
    started[call.address] = (call.attempt, count)
    return count


def _digest(step_call_id: str, number: int) -> str:
    return hashlib.sha256(f"{step_call_id}:{number}".encode()).hexdigest()[:16]
