"""The table of our own routes."""

from __future__ import annotations

from trioflow_server.compat.routes import START
from trioflow_server.decoding import Field
from trioflow_server.endpoints import Endpoint, under
from trioflow_server.own import commands, events, openapi

R = "/api/workflows/{workflow_id}/runs"

ABOUT_RUN = {
    "type": "object",
    "properties": {"runId": {"type": "string"}, "status": {"type": "string"}},
    "required": ["runId"],
}

OWN = (
    Endpoint(
        method="GET",
        path="/api/openapi.json",
        handle=openapi.describe,
        needs=("read",),
        summary="Describe this interface",
    ),
    *under(
        R,
        Endpoint(
            method="POST",
            path="",
            handle=commands.start_run,
            needs=("start",),
            summary="Start a run once, by its id or an Idempotency-Key",
            query=(Field("runId", "string"),),
            body=(Field("runId", "string"), *START),
            schema=ABOUT_RUN,
        ),
        Endpoint(
            method="GET",
            path="/{run_id}/events",
            handle=events.stream_events,
            needs=("read",),
            summary="Follow a run exactly",
            query=(
                Field("after", "integer", description="Only events after this one."),
                Field("until", "string", description="suspended or finished (default)."),
                Field("dialect", "string", description="mastra-1 (default) or mastra-0.18."),
                Field("format", "string", description="sse, ndjson or json."),
            ),
            answer="events",
        ),
        Endpoint(
            method="POST",
            path="/{run_id}/events/{name}",
            handle=commands.send_event,
            needs=("answer",),
            summary="Send a named event; the body is its data",
            body=(),
            schema=ABOUT_RUN,
        ),
        Endpoint(
            method="POST",
            path="/{run_id}/resume",
            handle=commands.resume,
            needs=("answer",),
            summary="Answer a run, by label, step or item",
            body=(
                Field("data", "any", description="The answer."),
                Field("resumeData", "any", description="The same."),
                Field("label", "string"),
                Field("step", "step"),
                Field("index", "integer"),
                Field("requestContext", "object"),
                Field("perStep", "boolean"),
            ),
            schema=ABOUT_RUN,
        ),
        Endpoint(
            method="POST",
            path="/{run_id}/fork",
            handle=commands.fork,
            needs=("start",),
            summary="Fork a run at a step",
            body=(
                Field("step", "step", required=True),
                Field("inputData", "any"),
                Field("resumeData", "any"),
                Field("context", "object", description="Outputs of earlier steps, by id."),
                Field("initialState", "any", description="The state in which that step begins."),
                Field("runId", "string"),
                Field("perStep", "boolean"),
            ),
            schema=ABOUT_RUN,
        ),
        Endpoint(
            method="POST",
            path="/{run_id}/retry",
            handle=commands.retry,
            needs=("start",),
            summary="Repeat what failed",
            body=(),
            schema=ABOUT_RUN,
        ),
        Endpoint(
            method="POST",
            path="/{run_id}/drain",
            handle=commands.drain,
            needs=("admin",),
            summary="Start no further step",
            body=(Field("grace", "number", description="Seconds for running steps."),),
            schema=ABOUT_RUN,
        ),
        Endpoint(
            method="GET",
            path="/{run_id}/lineage",
            handle=commands.lineage,
            needs=("read",),
            summary="Show what a run was forked from, and its newest fork",
        ),
    ),
)
