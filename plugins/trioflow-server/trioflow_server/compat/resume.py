"""Routes that answer, cancel and recover runs."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from starlette.responses import Response

from trioflow.context import MISSING
from trioflow.errors import InvalidValueError, NotResumableError
from trioflow.events import FINISHED_STATUSES, WAITING_STATUSES
from trioflow_server.answers import json_answer, message
from trioflow_server.calls import Call
from trioflow_server.compat.feed import Feed
from trioflow_server.compat.waiting import last_seq, result_of, wait_for_result
from trioflow_server.finding import Found, find_in
from trioflow_server.problems import Problem, value_problem
from trioflow_server.starting import context_of


async def named_run(call: Call) -> Found:
    """Return the run in the query."""
    run_id = call.query.need("runId")
    call.query.check()
    return await find_in(call, run_id)


async def answer_run(call: Call) -> tuple[Found, int]:
    """Resume a run as the body says; return it, and the ``seq`` of its last event before.

    Raises:
      Problem: if the run or the step does not wait, or the answer does not fit.
    """
    found = await named_run(call)
    given = await call.body()
    if found.info.status not in WAITING_STATUSES:
        problem = f"This workflow run is not suspended, it is {found.info.status}"
        raise Problem(409, problem, "run-not-suspended")
    before = await last_seq(call.service, found.actual_id)
    try:
        await call.service.engine.resume_run(
            found.actual_id,
            given.get("resumeData", MISSING),
            step=given.get("step"),
            label=given.get("label"),
            index=given.get("forEachIndex"),
            runtime_context=context_of(given),
            per_step=given.get("perStep", False),
            by=call.by,
        )
    except InvalidValueError as exc:
        raise value_problem(exc, "resume") from exc
    return found, before


async def resume(call: Call) -> Response:
    """Answer a suspended run, and respond at once."""
    await answer_run(call)
    return message("Workflow run resumed")


async def resume_no_wait(call: Call) -> Response:
    """Answer a suspended run, and respond with its id at once."""
    found, _ = await answer_run(call)
    return json_answer({"runId": found.run_id})


async def resume_async(call: Call) -> Response:
    """Answer a suspended run, and respond with its result."""
    found, before = await answer_run(call)
    return await wait_for_result(call, found.run_id, found.actual_id, before)


async def resume_stream(call: Call) -> Response:
    """Answer a suspended run, and send its records as they happen."""
    found, before = await answer_run(call)
    feed = Feed(
        call=call, run_id=found.run_id, actual_id=found.actual_id, after=before, one_part=True
    )
    return feed.answer()


# ---------------------------------------------------------------- cancel
async def cancel(call: Call) -> Response:
    """Cancel a run. One that has finished is left as it is."""
    run_id = call.path("run_id")
    found = await find_in(call, run_id)
    if found.is_only_here:
        call.service.pending.cancel(found.run_id)
    elif found.info.status not in FINISHED_STATUSES:
        with suppress(NotResumableError):  # it has finished meanwhile
            await call.service.engine.cancel_run(found.actual_id, by=call.by)
    return message("Workflow run cancelled")


# ---------------------------------------------------------------- restart
async def recover_run(call: Call) -> Found:
    """Recover the run in the query if its process has died.

    Raises:
      Problem: if it is not interrupted.
    """
    found = await named_run(call)
    if found.info.status in WAITING_STATUSES or found.is_pending:
        problem = f"This workflow run is not active, it is {found.info.status}"
        raise Problem(409, problem, "run-not-active")
    if found.info.status not in FINISHED_STATUSES:
        await call.service.engine.recover_run(found.actual_id)
    return found


async def restart(call: Call) -> Response:
    """Recover an interrupted run, and respond at once."""
    await recover_run(call)
    return message("Workflow run restarted")


async def restart_async(call: Call) -> Response:
    """Recover an interrupted run, and respond with its result; of a finished run, the stored."""
    found = await recover_run(call)
    if found.info.status in FINISHED_STATUSES:
        stored: dict[str, Any] = await result_of(call.service, found.run_id, found.actual_id)
        return json_answer(stored)
    before = await last_seq(call.service, found.actual_id)
    return await wait_for_result(call, found.run_id, found.actual_id, before)


async def restart_all(call: Call) -> Response:
    """Recover all interrupted runs of dead processes."""
    call.workflow()
    await call.service.engine.recover()
    return message("All active workflow runs restarted")
