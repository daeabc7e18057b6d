"""Routes that start runs once, and that tell runs something."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.responses import Response

from trioflow import Run
from trioflow.context import MISSING
from trioflow.errors import InvalidValueError
from trioflow.events import FINISHED_STATUSES, WAITING_STATUSES
from trioflow_server.answers import json_answer
from trioflow_server.calls import Call
from trioflow_server.finding import Found, check_run_id, find_in
from trioflow_server.idempotency import begin_once
from trioflow_server.problems import Problem, value_problem
from trioflow_server.starting import context_of


async def start_run(call: Call) -> Response:
    """Start a run, once however often it is asked for; answer when it is on disk."""
    given = await call.body()
    run_id = call.query.text("runId") or given.get("runId")
    begun = await begin_once(call, run_id, attach=True)
    info = await call.service.engine.find_run_info(begun.run_id)
    body = {"runId": begun.run_id, "status": info.status, "attached": begun.run is None}
    return json_answer(body, 200 if begun.run is None else 201)


async def find_own(call: Call) -> Found:
    """Return the run in the path, itself and not where it has travelled."""
    run_id = call.path("run_id")
    return await find_in(call, run_id, newest=False)


async def _started(call: Call) -> Found:
    found = await find_own(call)
    if found.is_pending:
        raise Problem(409, "The run has not started", "run-not-started")
    return found


async def send_event(call: Call) -> Response:
    """Send a named event to a run; its data is the JSON body. Durable when it has answered."""
    found = await _started(call)
    name, data = call.path("name"), await call.json()
    await call.service.engine.send_event(found.run_id, name, data, by=call.by)
    return json_answer({"runId": found.run_id, "event": name}, 202)


async def resume(call: Call) -> Response:
    """Answer a suspended run, by label, step or item. Durable when it has answered."""
    found = await _started(call)
    given = await call.body()
    if found.info.status not in WAITING_STATUSES:
        problem = f"The run is not suspended, it is {found.info.status}"
        raise Problem(409, problem, "run-not-suspended")
    try:
        await call.service.engine.resume_run(
            found.run_id,
            given.get("data", given.get("resumeData", MISSING)),
            step=given.get("step"),
            label=given.get("label"),
            index=given.get("index"),
            runtime_context=context_of(given),
            per_step=given.get("perStep", False),
            by=call.by,
        )
    except InvalidValueError as exc:
        raise value_problem(exc, "resume") from exc
    return json_answer({"runId": found.run_id}, 202)


async def fork(call: Call) -> Response:
    """Fork a run at a step: a run of its own that reuses what was recorded before it."""
    found = await _started(call)
    given = await call.body()
    run_id = given.get("runId")
    if run_id is not None:
        check_run_id(run_id)
    run = await found.load()
    try:
        forked = await run.fork(
            given["step"],
            input_data=given.get("inputData", MISSING),
            resume_data=given.get("resumeData", MISSING),
            context=given.get("context"),
            initial_state=given.get("initialState", MISSING),
            run_id=run_id or secrets.token_hex(16),
            by=call.by,
        )
    except InvalidValueError as exc:
        raise value_problem(exc, exc.what.removesuffix(" data")) from exc
    return await _submitted(call, forked, given.get("perStep", False))


async def retry(call: Call) -> Response:
    """Repeat the failed and canceled calls of a run in another one, which exists once."""
    found = await _started(call)
    run = await found.load()
    return await _submitted(call, await run.retry(by=call.by), False)


async def _submitted(call: Call, run: Run[Any, Any], per_step: bool) -> Response:
    call.service.check_open()
    submitted = call.service.engine.submit(run, per_step=per_step)
    body = {"runId": submitted.run_id, "forkedFrom": submitted.forked_from}
    return json_answer(body, 201)


async def drain(call: Call) -> Response:
    """Let running steps of a run finish, and start no further one."""
    found = await _started(call)
    given = await call.body()
    grace = given.get("grace", float("inf"))
    if found.info.status in FINISHED_STATUSES:
        raise Problem(409, f"The run is {found.info.status} already", "run-finished")
    try:
        await call.service.engine.drain_run(found.run_id, grace=grace, by=call.by)
    except ValueError as exc:
        raise Problem(400, str(exc), "invalid-value") from exc
    return json_answer({"runId": found.run_id}, 202)


async def lineage(call: Call) -> Response:
    """Show what a run was forked from, and what was forked from it under its id."""
    found = await find_own(call)
    record = None if found.is_pending else (await found.shown()).record
    now = await find_in(call, found.run_id)
    body: dict[str, Any] = {
        "runId": found.run_id,
        "workflowId": found.info.workflow_id,
        "status": found.info.status,
        "resourceId": found.info.resource_id,
        "tags": list(found.info.tags),
        "forkedFrom": None if record is None else record.forked_from,
        "newest": now.actual_id,
    }
    return json_answer(body)
