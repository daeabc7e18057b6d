"""The pages of workflows: what there is, and the form that starts a run."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from starlette.responses import RedirectResponse, Response

from trioflow import Workflow
from trioflow.context import MISSING
from trioflow.describe import Outline, outline
from trioflow_server.calls import Call
from trioflow_server.finding import check_run_id, look_up
from trioflow_server.pages.definitions import schema_of
from trioflow_server.pages.forms.form import Form
from trioflow_server.pages.graphs import draw_graph
from trioflow_server.pages.linking import run_path
from trioflow_server.pages.rendering import render
from trioflow_server.pages.showing import json_text
from trioflow_server.problems import Problem, problem_of, workflow_not_found
from trioflow_server.starting import check_resource


async def list_workflows(call: Call) -> Response:
    """Show all workflows."""
    workflows = [each for _, each in sorted(call.service.engine.workflows.items())]
    plugins = provided_by(call, "workflows")
    return render(call, "workflows.html", workflows=workflows, plugins=plugins)


def provided_by(call: Call, kind: str) -> Mapping[str, str]:
    """Return the names of the plugins that provide steps, tools or workflows, by id."""
    infos = call.service.engine.plugins
    return {id: info.name for info in infos for id in getattr(info, kind)}


def _workflow(call: Call) -> Workflow[Any, Any]:
    id = call.path("workflow_id") or call.query.text("id") or ""
    found = call.service.engine.workflows.get(id)
    if found is None:
        raise workflow_not_found()
    return found


@attrs.frozen
class Start:
    """The form that starts a run."""

    form: Form
    run_id: str
    """The id of the run, so that a form that is sent twice starts one."""
    given: Mapping[str, str] = attrs.field(factory=dict)
    """Its other fields, as they were sent."""


async def show_workflow(call: Call) -> Response:
    """Show a workflow."""
    workflow = _workflow(call)
    form = Form.of_value(schema_of(call.service, workflow.input))
    return _page(call, workflow, Start(form, secrets.token_hex(16)))


def _page(
    call: Call,
    workflow: Workflow[Any, Any],
    start: Start,
    status: int = 200,
    alerts: tuple[str, ...] = (),
) -> Response:
    kinds = {"Input": workflow.input, "Output": workflow.output, "State": workflow.state}
    schemas = {name: schema_of(call.service, type_) for name, type_ in kinds.items()}
    return render(
        call,
        "workflow.html",
        status,
        workflow=workflow,
        plugin=provided_by(call, "workflows").get(workflow.id, ""),
        graph=draw_graph(call.service, workflow),
        parts=tuple(_parts(call, workflow)),
        schemas={name: json_text(schema) for name, schema in schemas.items() if schema},
        start=start,
        may_start=call.principal.may("start"),
        resources=sorted(call.principal.resources or ()),
        alerts=alerts,
    )


def _parts(call: Call, workflow: Workflow[Any, Any]) -> Iterator[Outline]:
    """Yield the steps, tools and workflows inside, each once."""
    root = outline(workflow, call.service.describer.find, sources=False)
    seen, left = set[str](), list(reversed(root.children))
    while left:
        entry = left.pop()
        left.extend(reversed(entry.children))
        if entry.kind in ("step", "tool", "workflow") and entry.label not in seen:
            seen.add(entry.label)
            yield entry


# ---------------------------------------------------------------- starting
async def start_run(call: Call) -> Response:
    """Start a run as the form says, or show the form as one of its buttons has changed it."""
    workflow, given = _workflow(call), await call.form()
    form = Form.of_fields(schema_of(call.service, workflow.input), given)
    start = Start(form, given.get("form_id", "") or secrets.token_hex(16), given)
    button = given.get("do", "fields")
    if button not in ("fields", "json"):
        form.press(button)
        return _page(call, workflow, start)
    value = form.read() if button == "fields" else form.read_text()
    if value is MISSING:
        return _page(call, workflow, start, 400, ("The input has mistakes; see below",))
    try:
        run_id = await _begin(call, workflow, start, value)
    except Exception as exc:
        problem = problem_of(exc)
        left = form.blame(problem.issues, of_text=button == "json")
        form.text_problem = "; ".join(left) if button == "json" else ""
        return _page(call, workflow, start, problem.status, tuple(left) or (problem.error,))
    return RedirectResponse(call.root + run_path(run_id), 303)


async def _begin(call: Call, workflow: Workflow[Any, Any], start: Start, value: Any) -> str:
    """Start the run unless the same form has done so; return its id."""
    call.service.check_open()
    given = start.given
    own = given.get("run_id", "").strip()
    run_id = own or start.run_id
    check_run_id(run_id)
    tags = [tag for tag in map(str.strip, given.get("tags", "").split(",")) if tag]
    run = await call.service.engine.start_once(
        workflow,
        value,
        run_id=run_id,
        resource_id=check_resource(call, given.get("resource", "").strip() or None),
        tags=tags,
        by=call.by,
        tracing_context=call.tracing_context(),
    )
    if run is None:
        await _check_same(call, workflow, run_id, is_own=bool(own))
    call.service.pending.discard(run_id)
    return run_id


async def _check_same(
    call: Call, workflow: Workflow[Any, Any], run_id: str, *, is_own: bool
) -> None:
    """Check that a run with that id is the one that the form has started before."""
    info = await look_up(call.service, run_id)
    is_seen = info is not None and call.principal.sees(info.resource_id)
    if is_own or info is None or not is_seen or info.workflow_id != workflow.id:
        raise Problem(409, "This run id cannot be used", "run-id-taken")
