"""Routes that create and start runs."""

from __future__ import annotations

import secrets

from starlette.responses import Response

from trioflow.events import ACTIVE_STATUSES
from trioflow_server.answers import json_answer, message
from trioflow_server.calls import Call
from trioflow_server.compat.feed import Feed
from trioflow_server.compat.waiting import last_seq, result_of, wait_for_result
from trioflow_server.finding import check_run_id, find_in, look_up
from trioflow_server.idempotency import begin_once, key_of
from trioflow_server.problems import Problem
from trioflow_server.starting import check_resource


async def create_run(call: Call) -> Response:
    """Create a run that is started later. An id that exists is no error and changes nothing."""
    call.workflow()
    given = await call.body()
    run_id = call.query.text("runId") or secrets.token_hex(16)
    existing = await look_up(call.service, run_id)
    if existing is None:
        check_run_id(run_id)
        resource = check_resource(call, given.get("resourceId"))
        await create(call, run_id, resource)
    else:
        await find_in(call, run_id)
    return json_answer({"runId": run_id})


async def create(call: Call, run_id: str, resource: str | None) -> None:
    """Keep a run that is started later, in the store if there is one."""
    engine, workflow = call.service.engine, call.workflow()
    if engine.store is None:
        call.service.pending.add(run_id, workflow.id, resource)
    elif not await engine.register_run(workflow, run_id=run_id, resource_id=resource):
        await find_in(call, run_id)  # somebody else was faster, who may be anybody


async def start(call: Call) -> Response:
    """Start a created run, and answer at once."""
    run_id = call.query.need("runId")
    call.query.check()
    found = await find_in(call, run_id)
    begun = await begin_once(call, run_id, attach=False)
    if begun.run is None and key_of(call) is None:
        raise _started_already(found.info.status)
    return message("Workflow run started")


def _started_already(status: str) -> Problem:
    return Problem(409, f"The run is {status} already; use another run id", "run-already-started")


async def start_async(call: Call) -> Response:
    """Start a run, and answer with its result when it has finished or suspended."""
    begun = await begin_once(call, call.query.text("runId"), attach=False)
    run_id = begun.run_id
    if begun.run is not None:
        return await wait_for_result(call, run_id, run_id, -1)
    found = await find_in(call, run_id)
    if key_of(call) is None:
        raise _started_already(found.info.status)
    if found.info.status not in ACTIVE_STATUSES:
        return json_answer(await result_of(call.service, run_id, found.actual_id))
    last = await last_seq(call.service, found.actual_id)
    return await wait_for_result(call, run_id, found.actual_id, last)


async def stream(call: Call) -> Response:
    """Start a run, and send its records as they happen; attach to it if it is running."""
    run_id = call.query.need("runId")
    call.query.check()
    to_end = (await call.body()).get("closeOnSuspend") is False
    begun = await begin_once(call, run_id, attach=False)
    if begun.run is not None:
        feed = Feed(call=call, run_id=run_id, actual_id=run_id, one_part=True, to_end=to_end)
        return feed.answer()
    found = await find_in(call, run_id)
    if found.info.status not in ACTIVE_STATUSES and key_of(call) is None:
        raise _started_already(found.info.status)
    return Feed(call=call, run_id=run_id, actual_id=found.actual_id, to_end=to_end).answer()


async def observe(call: Call) -> Response:
    """Send the past and coming records of a run."""
    run_id = call.query.need("runId")
    offset = call.query.number("offset") or 0
    call.query.check()
    found = await find_in(call, run_id)
    if found.is_pending:
        raise Problem(409, "The run has not started", "run-not-started")
    return Feed(call=call, run_id=run_id, actual_id=found.actual_id, offset=offset).answer()
