"""Routes that create and start runs."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.responses import Response

from trioflow import Run
from trioflow.errors import InvalidValueError
from trioflow.events import ACTIVE_STATUSES
from trioflow_server.answers import json_answer, message
from trioflow_server.calls import Call
from trioflow_server.compat.feed import Feed
from trioflow_server.compat.waiting import wait_for_result
from trioflow_server.finding import check_run_id, find_run, look_up
from trioflow_server.problems import Problem, run_not_found, value_problem
from trioflow_server.starting import start_run


async def create_run(call: Call) -> Response:
    """Create a run that is started later. An id that exists is no error and changes nothing."""
    workflow = call.workflow()
    given = await call.body()
    run_id = call.query.text("runId") or secrets.token_hex(16)
    existing = await look_up(call.service, run_id)
    if existing is None:
        check_run_id(run_id)
        resource = check_resource(call, given.get("resourceId"))
        call.service.pending.add(run_id, workflow.id, resource)
    else:
        await find_run(call.service, call.principal, workflow.id, run_id)
    return json_answer({"runId": run_id})


def check_resource(call: Call, resource: str | None) -> str | None:
    """Return the resource of a new run; that of the principal if it has only one.

    Raises:
      Problem: if the principal may not start runs of it.
    """
    seen = call.principal.resources
    if resource is None and seen is not None and len(seen) == 1:
        return next(iter(seen))
    if not call.principal.sees(resource):
        raise Problem(403, "You may not start runs of this resource", "forbidden")
    return resource


async def start(call: Call) -> Response:
    """Start a created run, and answer at once."""
    run_id = call.query.need("runId")
    call.query.check()
    workflow = call.workflow()
    found = await find_run(call.service, call.principal, workflow.id, run_id)
    if not found.is_pending:
        raise Problem(409, f"The run is {found.info.status} already", "run-already-started")
    if await begin(call, run_id) is None:
        raise Problem(409, "The run has been started already", "run-already-started")
    return message("Workflow run started")


async def start_async(call: Call) -> Response:
    """Start a run, and answer with its result when it has finished or suspended."""
    run_id = call.query.text("runId") or secrets.token_hex(16)
    run = await begin(call, run_id)
    if run is None:
        found = await find_run(call.service, call.principal, call.workflow().id, run_id)
        problem = f"The run is {found.info.status} already; use another run id"
        raise Problem(409, problem, "run-already-started")
    return await wait_for_result(call, run_id, run_id, -1)


async def stream(call: Call) -> Response:
    """Start a run, and send its records as they happen; attach to it if it is running."""
    run_id = call.query.need("runId")
    call.query.check()
    given = await call.body()
    to_end = given.get("closeOnSuspend") is False
    run = await begin(call, run_id)
    if run is not None:
        feed = Feed(call=call, run_id=run_id, actual_id=run_id, one_part=True, to_end=to_end)
        return feed.answer()
    found = await find_run(call.service, call.principal, call.workflow().id, run_id)
    if found.info.status not in ACTIVE_STATUSES:
        problem = f"The run is {found.info.status} already; use another run id"
        raise Problem(409, problem, "run-already-started")
    return Feed(call=call, run_id=run_id, actual_id=found.actual_id, to_end=to_end).answer()


async def observe(call: Call) -> Response:
    """Send the past and coming records of a run."""
    run_id = call.query.need("runId")
    offset = call.query.number("offset") or 0
    call.query.check()
    found = await find_run(call.service, call.principal, call.workflow().id, run_id)
    if found.is_pending:
        raise Problem(409, "The run has not started", "run-not-started")
    return Feed(call=call, run_id=run_id, actual_id=found.actual_id, offset=offset).answer()


async def begin(call: Call, run_id: str) -> Run[Any, Any] | None:
    """Start a run as the body says; return None if the id is taken.

    Raises:
      Problem: if the body, the id or a value is not valid, or the run is somebody else's.
    """
    workflow, given = call.workflow(), await call.body()
    pending = call.service.pending.find(run_id)
    if pending is not None:
        is_seen = call.principal.sees(pending.resource_id)
        if pending.workflow_id != workflow.id or not is_seen:
            raise run_not_found()
        if pending.status == "canceled":
            raise Problem(409, "The run was canceled before it started", "run-canceled")
        resource = pending.resource_id
    else:
        resource = check_resource(call, given.get("resourceId"))
    check_run_id(run_id)
    try:
        return await start_run(call, workflow, run_id, resource, given)
    except InvalidValueError as exc:
        raise value_problem(exc, "input" if exc.what == "input" else exc.what) from exc
