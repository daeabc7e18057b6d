"""The table of the routes of schedules."""

from __future__ import annotations

from trioflow_server.decoding import Field
from trioflow_server.endpoints import Endpoint, Handler
from trioflow_server.scheduling import handling
from trioflow_server.scheduling.page import show_schedules

ALL = "/api/schedules"
ONE = f"{ALL}/{{schedule_id}}"
OVERLAP = Field("overlap", "string", description="skip, queue, cancel or allow.")
RULE = (
    Field("cron", "string", description="Minute, hour, day, month and day of the week."),
    Field("timezone", "string", description="Such as Europe/Berlin; default: UTC."),
)
OPTIONS = (
    Field("workflowId", "string", required=True),
    *RULE,
    Field("everySeconds", "number", description="An interval, in place of cron."),
    Field("inputData", "any", description="The input of the runs."),
    Field("resourceId", "string", description="The resource that the runs belong to."),
    OVERLAP,
    Field("missed", "string", description="last, all or none."),
    Field("catchUpSeconds", "number"),
    Field("jitterSeconds", "number"),
    Field("limit", "integer"),
    Field("note", "string"),
    Field("pauseOnFailure", "boolean"),
)
LIMIT = (
    Field("limit", "integer"),
    Field("fromActualFireAt", "integer"),
    Field("toActualFireAt", "integer"),
)
FOUND = tuple(Field(name, "string") for name in ("workflowId", "agentId", "status", "resourceId"))


def _read(path: str, handle: Handler, summary: str, query: tuple[Field, ...] = ()) -> Endpoint:
    return Endpoint(
        method="GET", path=path, handle=handle, needs=("read",), summary=summary, query=query
    )


def _admin(
    method: str, path: str, handle: Handler, summary: str, body: tuple[Field, ...] | None = None
) -> Endpoint:
    return Endpoint(
        method=method, path=path, handle=handle, needs=("admin",), summary=summary, body=body
    )


def _start(path: str, handle: Handler, summary: str, body: tuple[Field, ...]) -> Endpoint:
    return Endpoint(
        method="POST", path=path, handle=handle, needs=("start",), summary=summary, body=body
    )


BY_HAND = (Field("at", "any", description="Milliseconds, or an ISO time."), OVERLAP)
SPAN = (
    Field("from", "any", required=True, description="Milliseconds, or an ISO time."),
    Field("to", "any", description="The same; default: now."),
    OVERLAP,
    Field("dryRun", "boolean"),
)
PATCHED = (*RULE, Field("status", "string"), Field("inputData", "any"))

SCHEDULES = (
    _read(ALL, handling.list_schedules, "List schedules", FOUND),
    _admin("POST", ALL, handling.create, "Create a schedule", (Field("id", "string"), *OPTIONS)),
    _read(ONE, handling.get_schedule, "Show a schedule"),
    _admin("PUT", ONE, handling.put, "Create or replace a schedule", OPTIONS),
    _admin("PATCH", ONE, handling.patch, "Change a schedule", PATCHED),
    _admin("DELETE", ONE, handling.delete, "Delete a schedule"),
    _read(f"{ONE}/triggers", handling.list_triggers, "List what became of ticks", LIMIT),
    _read(f"{ONE}/ticks", handling.list_ticks, "List what became of ticks", LIMIT),
    _read(f"{ONE}/next", handling.next_ticks, "List the next ticks", (Field("n", "integer"),)),
    _admin(
        "POST", f"{ONE}/pause", handling.pause, "Pause a schedule", (Field("reason", "string"),)
    ),
    _admin("POST", f"{ONE}/resume", handling.resume, "Resume a schedule", ()),
    _start(f"{ONE}/run", handling.run_now, "Start a run of a schedule now", BY_HAND),
    _start(f"{ONE}/trigger", handling.run_now, "Start a run of a schedule now", BY_HAND),
    _start(f"{ONE}/backfill", handling.backfill, "Start runs for past ticks", SPAN),
    Endpoint(
        method="GET",
        path="/schedules",
        handle=show_schedules,
        needs=("read",),
        summary="The list of schedules",
        answer="html",
    ),
)
