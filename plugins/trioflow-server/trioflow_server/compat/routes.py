"""The table of the compatible routes."""

from __future__ import annotations

from trioflow_server.compat import catalogue, legacy, resume, runs, start, travel, world
from trioflow_server.decoding import Field
from trioflow_server.endpoints import Endpoint, under

W = "/api/workflows/{workflow_id}"

CONTEXT = (
    Field("requestContext", "object", description="Entries of the runtime context."),
    Field("runtimeContext", "object", description="The same, for old clients."),
    Field("tracingOptions", "object", description="Its metadata is recorded with the run."),
    Field("perStep", "boolean", description="Whether the run pauses after one node."),
)
START = (
    Field("inputData", "any", description="The input of the workflow."),
    Field("initialState", "any", description="The initial state of the workflow."),
    Field("resourceId", "string", description="The resource that the run belongs to."),
    *CONTEXT,
)
STREAM = (*START, Field("closeOnSuspend", "boolean", description="Default: true."))
RESUME = (
    Field("step", "step", description="The suspended step: its id, or its path as a list."),
    Field("resumeData", "any", description="The answer."),
    Field("forEachIndex", "integer", description="The item of a foreach, counted from 0."),
    Field("label", "string", description="The label that the step suspended with."),
    *CONTEXT,
)
TRAVEL = (
    Field("step", "step", required=True, description="Where to run again from."),
    Field("inputData", "any", description="Another input of that step."),
    Field("resumeData", "any", description="The answer for that step."),
    Field("initialState", "any", description="The state in which that step begins."),
    Field("context", "object", description="Records of earlier steps, with their outputs."),
    Field("nestedStepsContext", "object", description="The same for nested workflows."),
    *CONTEXT,
)
RUN_ID = (Field("runId", "string", required=True),)
PAGING = (
    *(Field(name, "integer") for name in ("page", "perPage", "offset", "limit")),
    *(Field(name, "string") for name in ("fromDate", "toDate", "resourceId")),
    Field("status", "string", description="failed includes runs that a tripwire ended."),
)


def _post(path: str, handle: object, summary: str, **options: object) -> Endpoint:
    given = {"needs": ("start",), "query": RUN_ID, "body": START} | options
    return Endpoint(method="POST", path=path, handle=handle, summary=summary, **given)  # type: ignore[arg-type]


def _get(path: str, handle: object, summary: str, **options: object) -> Endpoint:
    given = {"needs": ("read",)} | options
    return Endpoint(method="GET", path=path, handle=handle, summary=summary, **given)  # type: ignore[arg-type]


STARTED_READ = ("start", "read")
ANSWER_READ = ("answer", "read")

CATALOGUE = (
    _get(
        "/api/workflows",
        catalogue.list_workflows,
        "Describe all workflows",
        query=(Field("partial", "boolean"), Field("requestContext", "string")),
    ),
    _get("/api/workflows/run-counts", catalogue.count_runs, "Count running and suspended runs"),
    _get(W, catalogue.get_workflow, "Describe a workflow"),
    _get("/api/tools", catalogue.list_tools, "Describe all tools"),
    _get("/api/tools/{tool_id}", catalogue.get_tool, "Describe a tool"),
    _post(
        "/api/tools/{tool_id}/execute",
        catalogue.execute_tool,
        "Call an exposed tool",
        query=(Field("runId", "string"),),
        body=(Field("data", "any", required=True), *CONTEXT[:2]),
    ),
)

RUNS = under(
    W,
    _get("/runs", runs.list_runs, "List runs", query=PAGING),
    _get(
        "/runs/{run_id}",
        runs.get_run,
        "Show a run",
        query=(Field("fields", "string"), Field("withNestedWorkflows", "boolean")),
    ),
    _get("/runs/{run_id}/execution-result", runs.execution_result, "Show the outcome of a run"),
    Endpoint(
        method="DELETE",
        path="/runs/{run_id}",
        handle=runs.delete_run,
        needs=("admin",),
        summary="Delete a run",
    ),
    _post("/runs/{run_id}/cancel", resume.cancel, "Cancel a run", query=(), body=None),
    _post(
        "/runs/{run_id}/send-event",
        legacy.send_event,
        "Send a named event to a run",
        needs=("answer",),
        query=(),
        body=(Field("event", "string", required=True), Field("data", "any")),
    ),
)

STARTING = under(
    W,
    _post(
        "/create-run",
        start.create_run,
        "Create a run that is started later",
        query=(Field("runId", "string"),),
        body=(Field("resourceId", "string"), Field("disableScorers", "boolean")),
    ),
    _post("/start", start.start, "Start a created run"),
    _post(
        "/start-async",
        start.start_async,
        "Start a run and wait for its result",
        needs=STARTED_READ,
        query=(Field("runId", "string"),),
    ),
    _post(
        "/stream",
        start.stream,
        "Start a run and follow it",
        needs=STARTED_READ,
        body=STREAM,
        answer="records",
    ),
    _post(
        "/observe",
        start.observe,
        "Follow a run from its beginning",
        needs=("read",),
        query=(*RUN_ID, Field("offset", "integer")),
        body=None,
        answer="records",
    ),
    _get(
        "/watch",
        legacy.watch,
        "Follow a run in the form of old clients",
        query=(Field("runId", "string"),),
        answer="records",
    ),
)

RESUMING = under(
    W,
    _post("/resume", resume.resume, "Answer a run", needs=("answer",), body=RESUME),
    _post(
        "/resume-async",
        resume.resume_async,
        "Answer a run and wait for its result",
        needs=ANSWER_READ,
        body=RESUME,
    ),
    _post(
        "/resume-no-wait",
        resume.resume_no_wait,
        "Answer a run",
        needs=("answer",),
        body=RESUME,
    ),
    _post(
        "/resume-stream",
        resume.resume_stream,
        "Answer a run and follow it",
        needs=ANSWER_READ,
        body=RESUME,
        answer="records",
    ),
    _post("/restart", resume.restart, "Recover a run", needs=("admin",), body=CONTEXT),
    _post(
        "/restart-async",
        resume.restart_async,
        "Recover a run and wait for its result",
        needs=("admin",),
        body=CONTEXT,
    ),
    *(
        _post(
            f"/restart-all-active-workflow-runs{suffix}",
            resume.restart_all,
            "Recover all interrupted runs",
            needs=("admin",),
            query=(),
            body=(),
        )
        for suffix in ("", "-async")
    ),
    _post("/time-travel", travel.travel, "Run again from a step", body=TRAVEL),
    _post(
        "/time-travel-async",
        travel.travel_async,
        "Run again from a step and wait for the result",
        needs=STARTED_READ,
        body=TRAVEL,
    ),
    _post(
        "/time-travel-stream",
        travel.travel_stream,
        "Run again from a step and follow it",
        needs=STARTED_READ,
        body=TRAVEL,
        answer="records",
    ),
)

WORLD = (
    *(_get(path, world.answer_empty, "There is none of it here") for path in world.EMPTY),
    _get(
        "/api/auth/capabilities",
        world.capabilities,
        "Ways to log in of the other server",
        needs=(),
        is_public=True,
    ),
)

COMPATIBLE = (*CATALOGUE, *RUNS, *STARTING, *RESUMING, *WORLD)
"""All compatible routes. Of two that match a path, the first counts."""
