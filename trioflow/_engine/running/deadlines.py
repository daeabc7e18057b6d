"""The calendar deadlines of workflows: of a whole run, and of nested calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import trio

from trioflow import events as ev
from trioflow._engine.base.outcome import Failed, Outcome
from trioflow.errors import RunTimeoutError

if TYPE_CHECKING:
    from trioflow._engine.running.call import Call
    from trioflow._engine.stream.log import RunLog


async def run_until(
    until: float, work: Callable[[], Awaitable[Outcome]], log: RunLog, workflow: str
) -> Outcome:
    """Run a workflow; fail with RunTimeoutError if it has not ended by *until*.

    Work that ignores its cancellation and ends later has also failed.

    Args:
      until: Seconds since the epoch, on the run's clock.
      workflow: Its id, for the error.
    """
    overdue = Failed(RunTimeoutError(log.run_id, workflow, until))
    outcome: Outcome = overdue
    if log.now() >= until:
        return overdue
    with trio.CancelScope(deadline=until - log.epoch) as limit:
        outcome = await work()
    is_late = limit.cancel_called and not isinstance(outcome, Failed)
    return overdue if limit.cancelled_caught or is_late else outcome


def deadline_of(call: Call, seconds: float) -> float:
    """Return the deadline of the call of a nested workflow; record it the first time.

    Args:
      seconds: The ``timeout`` of the workflow.
    """
    log = call.scope.core.log
    until = log.record.deadlines.get(call.address)
    if until is None:
        until = log.now() + seconds
        call.emit(ev.StepDeadline, until=until)
    return until


def is_past(call: Call, at: float) -> bool:
    """Return whether the deadline of a nested workflow has passed at *at*, seconds from now."""
    log = call.scope.core.log
    until = None if call.plan.nested is None else log.record.deadlines.get(call.address)
    return until is not None and log.now() + at >= until
