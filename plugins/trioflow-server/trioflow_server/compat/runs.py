"""Routes that list, show and delete runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, get_args

from starlette.responses import Response

from trioflow import RunInfo
from trioflow.events import RunStatus
from trioflow_server.answers import json_answer, message
from trioflow_server.calls import Call
from trioflow_server.compat.records import FIELDS, Shown
from trioflow_server.finding import Found, find_in, find_run, travel_tag
from trioflow_server.listing import Listing, list_page
from trioflow_server.problems import Issue, invalid

OTHER_STATUSES = ("waiting", "bailed", "skipped")
"""Statuses that clients know and no run is shown with: a run that sleeps or waits for an event is
running, and one that bailed has succeeded."""


async def list_runs(call: Call) -> Response:
    """List the runs of a workflow, newest first."""
    workflow, listing = call.workflow(), read_listing(call)
    if listing is None:
        return json_answer({"runs": [], "total": 0})
    infos, total = await list_page(call, workflow.id, listing)
    most = call.service.options.limits.page_size
    rows = [await _row(call, info) for info in infos[:most]]
    rows += [call.service.recorder.row(_brief(info)) for info in infos[most:]]
    return json_answer({"runs": rows, "total": total})


def _brief(info: RunInfo) -> Shown:
    """Return a run as a list shows it that is too long to read all journals."""
    return Shown(info.run_id, info, None, info.created_at)


async def _row(call: Call, info: RunInfo) -> dict[str, Any]:
    found = await find_run(call.service, call.principal, info.workflow_id, info.run_id)
    return call.service.recorder.row(await found.shown())


def read_listing(call: Call) -> Listing | None:
    """Return which runs the query asks for; None if no run can match.

    Raises:
      Problem: if it is not valid.
    """
    query = call.query
    status = query.chosen("status", (*get_args(RunStatus), "tripwire", *OTHER_STATUSES))
    page, per_page = query.number("page"), query.number("perPage", least=1)
    limit, offset = query.number("limit"), query.number("offset") or 0
    since, before = _date(call, "fromDate"), _date(call, "toDate")
    resource = query.text("resourceId")
    query.check()
    if per_page is not None:
        limit, offset = per_page, (page or 0) * per_page
    if status in OTHER_STATUSES:
        return None
    chosen: Any = status
    return Listing(
        status=chosen,
        resource_id=resource,
        since=since,
        before=before,
        limit=limit,
        offset=offset,
    )


def _date(call: Call, name: str) -> float | None:
    text = call.query.text(name)
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        call.query.issues.append(Issue(name, "Expected a date in ISO 8601"))
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


async def get_run(call: Call) -> Response:
    """Show a run."""
    chosen = call.query.text("fields")
    nested = call.query.flag("withNestedWorkflows", default=True)
    call.query.check()
    fields = [name.strip() for name in chosen.split(",")] if chosen else []
    unknown = [name for name in fields if name not in FIELDS]
    if unknown:
        problem = f"Unknown fields: {', '.join(unknown)}; known: {', '.join(FIELDS)}"
        raise invalid("query parameters", [Issue("fields", problem)])
    found = await _found(call)
    record = call.service.recorder.run(await found.shown(), fields, nested)
    if not fields or "serializedStepGraph" in fields:
        record["serializedStepGraph"] = call.service.describer.graph(call.workflow())
    return json_answer(record)


async def _found(call: Call) -> Found:
    run_id = call.path("run_id")
    return await find_in(call, run_id)


async def delete_run(call: Call) -> Response:
    """Delete a run, and all runs that time travels have made from it."""
    found = await _found(call)
    if found.is_only_here:
        call.service.pending.discard(found.run_id)
        return message("Workflow run deleted")
    for info in await _all_under(call, found):
        await call.service.engine.delete_run(info.run_id)
    return message("Workflow run deleted")


async def _all_under(call: Call, found: Found) -> Sequence[RunInfo]:
    tags = [travel_tag(found.run_id)]
    travels = await call.service.engine.list_runs(tags=tags, limit=None)
    return (*travels, found.first)


async def execution_result(call: Call) -> Response:
    """Return the outcome of a run in the form of the old client."""
    found = await _found(call)
    record = call.service.recorder.run(await found.shown(), (), nested=False)
    kept = ("status", "result", "error", "payload", "steps")
    return json_answer({key: record[key] for key in kept if key in record})
