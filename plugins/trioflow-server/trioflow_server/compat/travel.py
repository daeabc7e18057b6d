"""Time travel: a fork that is shown under the id of the run it was made from."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from trioflow import Run, Workflow
from trioflow.context import MISSING
from trioflow.errors import InvalidValueError
from trioflow.events import FINISHED_STATUSES, WAITING_STATUSES
from trioflow.nodes import Then, ids_of, target_id
from trioflow_server.answers import message
from trioflow_server.calls import Call
from trioflow_server.compat.feed import Feed
from trioflow_server.compat.resume import named_run
from trioflow_server.compat.waiting import wait_for_result
from trioflow_server.finding import Found, travel_tag
from trioflow_server.listing import TRAVELS
from trioflow_server.problems import Problem, value_problem


async def travel(call: Call) -> Response:
    """Run again from a step, and respond at once."""
    await _depart(call)
    return message("Workflow run time travel started")


async def travel_async(call: Call) -> Response:
    """Run again from a step, and respond with the result."""
    found, forked, before = await _depart(call)
    return await wait_for_result(call, found.run_id, forked.run_id, before)


async def travel_stream(call: Call) -> Response:
    """Run again from a step, and send the records as they happen."""
    found, forked, before = await _depart(call)
    feed = Feed(
        call=call, run_id=found.run_id, actual_id=forked.run_id, after=before, one_part=True
    )
    return feed.answer()


async def _depart(call: Call) -> tuple[Found, Run[Any, Any], int]:
    """Fork the run in the query; return it, the fork, and the last ``seq`` they share."""
    found = await named_run(call)
    given = await call.body()
    if found.info.status not in (*FINISHED_STATUSES, *WAITING_STATUSES):
        problem = f"The run is {found.info.status}; it must have finished or suspended"
        raise Problem(409, problem, "run-not-finished")
    run = await found.load()
    step, workflow = given["step"], call.workflow()
    outputs = outputs_of(given.get("context", {}))
    for prefix, nested in given.get("nestedStepsContext", {}).items():
        inner = outputs_of(nested if isinstance(nested, dict) else {})
        outputs |= {f"{prefix}.{id}": output for id, output in inner.items()}
    if "inputData" in given:
        before_it = step_before(workflow, step)
        if before_it is not None:
            outputs.setdefault(before_it, given["inputData"])
    try:
        forked = await run.fork(
            step,
            input_data=given.get("inputData", MISSING),
            resume_data=given.get("resumeData", MISSING),
            context=outputs,
            initial_state=given.get("initialState", MISSING),
            run_id=secrets.token_hex(16),
            tags=(*_kept_tags(run), TRAVELS, travel_tag(found.run_id)),
            by=call.by,
        )
    except InvalidValueError as exc:
        raise value_problem(exc, exc.what.removesuffix(" data")) from exc
    call.service.engine.submit(forked, per_step=given.get("perStep", False))
    return found, forked, forked.record.next_seq - 2  # its own first event is the last so far


def _kept_tags(run: Run[Any, Any]) -> list[str]:
    return [tag for tag in run.tags if tag != TRAVELS and not tag.startswith("travel-of:")]


def outputs_of(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outputs in a context of step records; a value that is no record is an output."""
    outputs = {}
    for id, record in context.items():
        is_record = isinstance(record, dict) and "status" in record
        outputs[id] = record.get("output") if is_record else record
    return outputs


def step_before(workflow: Workflow[Any, Any], step: str | list[str]) -> str | None:
    """Return the step whose output is the input of a step: the plain one before it, if any."""
    path = step if isinstance(step, str) else ".".join(step)
    for earlier, node in zip(workflow.nodes, workflow.nodes[1:], strict=False):
        if path in ids_of(node):
            return target_id(earlier.target) if isinstance(earlier, Then) else None
    return None
