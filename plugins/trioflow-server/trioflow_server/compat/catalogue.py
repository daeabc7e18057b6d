"""Routes about workflows and tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from trioflow import RunResult, Tool, Workflow, errors, step
from trioflow.context import StepContext
from trioflow_server.answers import json_answer
from trioflow_server.calls import Call
from trioflow_server.compat.waiting import unless_left
from trioflow_server.problems import Problem, tool_not_found


async def list_workflows(call: Call) -> Response:
    """Describe all workflows."""
    is_partial = call.query.flag("partial")
    call.query.check()
    describer = call.service.describer
    describe = describer.partial_info if is_partial else describer.info
    workflows = call.service.engine.workflows
    return json_answer({id: describe(workflow) for id, workflow in workflows.items()})


async def get_workflow(call: Call) -> Response:
    """Describe a workflow."""
    return json_answer(call.service.describer.info(call.workflow()))


async def count_runs(call: Call) -> Response:
    """Count the running and suspended runs of each workflow."""
    counts = {}
    for id in call.service.engine.workflows:
        counts[id] = {
            "running": await _count(call, id, "running"),
            "suspended": await _count(call, id, "suspended"),
        }
    return json_answer(counts)


async def _count(call: Call, workflow_id: str, status: Any) -> int:
    count, seen = call.service.engine.count_runs, call.principal.resources
    if seen is None:
        return await count(workflow=workflow_id, status=status)
    found = 0
    for resource in seen:
        found += await count(workflow=workflow_id, status=status, resource_id=resource)
    return found


# ---------------------------------------------------------------- tools
def _tool(call: Call) -> Tool[..., Any]:
    found = call.service.engine.tools.get(call.path("tool_id"))
    if found is None:
        raise tool_not_found()
    return found


def _describe(call: Call, tool: Tool[..., Any]) -> Mapping[str, Any]:
    return {
        "id": tool.id,
        "description": tool.description,
        "inputSchema": call.service.describer.tool_schema(tool),
        "outputSchema": call.service.describer.schema(tool.output),
        "requireApproval": False,
    }


async def list_tools(call: Call) -> Response:
    """Describe all tools."""
    tools = call.service.engine.tools
    return json_answer({id: _describe(call, tool) for id, tool in tools.items()})


async def get_tool(call: Call) -> Response:
    """Describe a tool."""
    return json_answer(_describe(call, _tool(call)))


async def execute_tool(call: Call) -> Response:
    """Call a tool; the answer is its output. Only exposed tools can be called."""
    tool = _tool(call)
    if not call.service.exposes(tool.id):
        raise Problem(403, f"Tool {tool.id!r} is not exposed over HTTP", "tool-not-exposed")
    given = await call.body()
    data = {} if given["data"] is None else given["data"]
    if not isinstance(data, dict):
        fault = errors.Fault("", f"expected an object, received {type(data).__name__}")
        return _invalid(tool, errors.InvalidValueError("data", f"tool {tool.id!r}", (fault,)))
    run = call.service.engine.create_run(_workflow_of(tool))
    context = given.get("requestContext") or given.get("runtimeContext")

    async def wait() -> RunResult[Any]:
        return await run.start(data, runtime_context=context)

    result = await unless_left(call, wait, "the call was canceled")
    if result.status == "success":
        return json_answer(call.service.shower.value(result.output))
    if result.status == "suspended":
        problem = f"Tool {tool.id!r} waits for an answer; call it in a step of a workflow"
        raise Problem(409, problem, "tool-suspended")
    return _failure(call, tool, result.error)


def _failure(call: Call, tool: Tool[..., Any], error: BaseException | None) -> Response:
    if isinstance(error, errors.InvalidValueError):
        return _invalid(tool, error)
    if error is None:
        raise Problem(409, "The call was canceled", "tool-canceled")
    shown = call.service.shower.error(error)
    # The tool has failed, which is not the caller's mistake, but nothing to repeat by itself.
    raise Problem(422, shown["message"] or shown["name"], "tool-failed")


def _invalid(tool: Tool[..., Any], error: errors.InvalidValueError) -> Response:
    argument = error.what.removeprefix("argument ").strip("'") if "'" in error.what else ""
    faults: dict[str, list[str]] = {}
    for fault in error.faults:
        path = ".".join(part for part in (argument, fault.path) if part)
        faults.setdefault(path or "root", []).append(fault.problem)
    text = f"Tool input validation failed for {tool.id}: {error}"
    return json_answer({"error": True, "message": text, "validationErrors": faults})


def _workflow_of(tool: Tool[..., Any]) -> Workflow[Any, Any]:
    @step(id=tool.id)
    async def call_it(arguments: Any, ctx: StepContext[Any]) -> Any:
        return await ctx.call_tool(tool, **arguments)

    return Workflow(f"tool.{tool.id}").then(call_it)
