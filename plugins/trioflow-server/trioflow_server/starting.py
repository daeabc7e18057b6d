"""Starts runs on behalf of requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trioflow import Run, TracingOptions, Workflow
from trioflow_server.calls import Call
from trioflow_server.problems import Problem


async def start_run(
    call: Call,
    workflow: Workflow[Any, Any],
    run_id: str,
    resource_id: str | None,
    given: Mapping[str, Any],
) -> Run[Any, Any] | None:
    """Start a run with the keys of a body; return None if its id is taken.

    Raises:
      Problem: if the server shuts down.
      InvalidValueError: if input or state do not fit.
    """
    call.service.check_open()
    options = given.get("tracingOptions") or {}
    metadata = options.get("metadata")
    run = await call.service.engine.start_once(
        workflow,
        given.get("inputData"),
        run_id=run_id,
        resource_id=resource_id,
        by=call.by,
        per_step=given.get("perStep", False),
        runtime_context={**call.query_context(), **context_of(given)},
        tracing_context=call.tracing_context(),
        tracing_options=TracingOptions(metadata) if isinstance(metadata, dict) else None,
        initial_state=given.get("initialState"),
    )
    call.service.pending.discard(run_id)
    return run


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


def context_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request context in a body, under its new name or its old one."""
    return {**given.get("runtimeContext", {}), **given.get("requestContext", {})}
