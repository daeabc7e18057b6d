"""What the forms on the page of a run do."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.responses import RedirectResponse, Response

from trioflow import Run
from trioflow.abc import AccessScope
from trioflow.context import MISSING
from trioflow.errors import RunFinishedError
from trioflow_server.calls import Call
from trioflow_server.pages.forms.form import Form
from trioflow_server.pages.forms.reading import json_of
from trioflow_server.pages.linking import run_path
from trioflow_server.pages.overview import Overview
from trioflow_server.pages.run_page import overview_page, run_id_of
from trioflow_server.pages.stored import StoredRun, find_stored
from trioflow_server.problems import Problem, problem_of

Fields = Mapping[str, str]


async def act(call: Call) -> Response:
    """Do what a form on the page of a run asks for, and show where it has led."""
    form = await call.form()
    run = await find_stored(call, run_id_of(call))
    found = ACTIONS.get(form.get("do", "").partition(":")[0])
    if found is None:
        raise Problem(400, "This form asks for nothing that is known", "unknown-action")
    needs, action = found
    call.need(needs)
    if run.record is None and action is not _cancel:
        raise Problem(409, "The run has not started", "run-not-started")
    try:
        return await action(call, run, form)
    except Exception as exc:
        problem = problem_of(exc)
        run = await find_stored(call, run.run_id)
        return overview_page(call, run, status=problem.status, alerts=(problem.error,))


def _go(call: Call, run_id: str) -> Response:
    return RedirectResponse(call.root + run_path(run_id), 303)


async def _cancel(call: Call, run: StoredRun, form: Fields) -> Response:
    if call.service.pending.find(run.run_id) is not None:
        call.service.pending.cancel(run.run_id)
        return _go(call, run.run_id)
    reason = form.get("reason", "").strip() or None
    try:
        await call.service.engine.cancel_run(run.run_id, reason, by=call.by)
    except RunFinishedError as exc:
        raise Problem(409, "The run has finished meanwhile", "run-finished") from exc
    return _go(call, run.run_id)


async def _retry(call: Call, run: StoredRun, form: Fields) -> Response:
    loaded = await call.service.engine.load_run(run.run_id)
    return _submit(call, await loaded.retry(by=call.by))


async def _fork(call: Call, run: StoredRun, form: Fields) -> Response:
    text = form.get("input", "").strip()
    try:
        given = json_of(text) if text else MISSING
    except ValueError as exc:
        raise Problem(400, f"New input of the step: {exc}", "invalid-value") from exc
    loaded = await call.service.engine.load_run(run.run_id)
    forked = await loaded.fork(
        form.get("step", ""), input_data=given, run_id=secrets.token_hex(16), by=call.by
    )
    return _submit(call, forked)


def _submit(call: Call, run: Run[Any, Any]) -> Response:
    call.service.check_open()
    return _go(call, call.service.engine.submit(run).run_id)


# ---------------------------------------------------------------- answers
async def _answer(call: Call, run: StoredRun, form: Fields) -> Response:
    """Answer a question or send an event, or show the form as a button has changed it."""
    key, button = form.get("key", ""), form["do"].partition(":")[2]
    asked = next((each for each in Overview(call, run).asked if each.question.key == key), None)
    if asked is None:
        raise Problem(409, "The run does not wait for this answer any more", "run-not-suspended")
    sent = Form.of_fields(asked.question.schema, form)
    if button not in ("fields", "json"):
        sent.press(button)
        return overview_page(call, run, sent={key: sent})
    value = sent.read() if button == "fields" else sent.read_text()
    if value is MISSING:
        alert = f"The answer to {asked.question.name} has mistakes; see below"
        return overview_page(call, run, status=400, alerts=(alert,), sent={key: sent})
    try:
        await _deliver(call, run, asked.question, value)
    except Exception as exc:
        problem = problem_of(exc)
        left = sent.blame(problem.issues, of_text=button == "json")
        alerts = tuple(left) or (problem.error,)
        fresh = await find_stored(call, run.run_id)
        status = problem.status
        return overview_page(call, fresh, status=status, alerts=alerts, sent={key: sent})
    return _go(call, run.run_id)


async def _deliver(call: Call, run: StoredRun, question: Any, value: Any) -> None:
    engine = call.service.engine
    if question.event is None:
        await engine.resume_run(
            run.run_id,
            value,
            step=question.step,
            label=question.label,
            index=question.index,
            by=call.by,
        )
        return
    await engine.send_event(run.run_id, question.event, value, by=call.by)


ACTIONS: Mapping[
    str, tuple[AccessScope, Callable[[Call, StoredRun, Fields], Awaitable[Response]]]
] = {
    "cancel": ("start", _cancel),
    "retry": ("start", _retry),
    "fork": ("start", _fork),
    "answer": ("answer", _answer),
}
