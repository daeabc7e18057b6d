"""The pages of one run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.responses import Response

from trioflow_server.answers import JSON, json_answer
from trioflow_server.calls import Call
from trioflow_server.own.events import EventFeed, SseWriter, read_wanted
from trioflow_server.pages.event_list import read_event_page
from trioflow_server.pages.forms.form import Form
from trioflow_server.pages.linking import run_path
from trioflow_server.pages.overview import MOST_CALLS, Overview
from trioflow_server.pages.rendering import Renderer, render
from trioflow_server.pages.stored import StoredRun, find_info, find_stored
from trioflow_server.pages.timelines import timeline_answer, timeline_page
from trioflow_server.problems import Problem
from trioflow_server.sending import StreamAnswer
from trioflow_server.values import dump

SECTIONS = ("summary", "asked", "values", "calls")
"""The parts of the page that change while a run goes on."""


def run_id_of(call: Call) -> str:
    """Return the id of the run in the address: in the path, or as a parameter."""
    return call.path("run_id") or call.query.text("id") or ""


async def show_run(call: Call) -> Response:
    """Show a run, in one of several views."""
    show = VIEWS.get(call.query.text("view") or "overview")
    if show is None:
        raise Problem(404, "There is no such page", "page-not-found")
    return await show(call)


async def _overview(call: Call) -> Response:
    return overview_page(call, await find_stored(call, run_id_of(call)))


def overview_page(
    call: Call,
    run: StoredRun,
    *,
    status: int = 200,
    alerts: tuple[str, ...] = (),
    sent: Mapping[str, Form] | None = None,
) -> Response:
    """Return the main page of a run.

    Args:
      alerts: What could not be done.
      sent: Forms that were sent, by their keys, if they are shown again.
    """
    values = _values(call, Overview(call, run, sent or {}))
    return render(call, "run.html", status, alerts=alerts, **values)


def _values(call: Call, overview: Overview) -> dict[str, Any]:
    first = call.query.number("calls") or 0
    return {
        "overview": overview,
        "run": overview.run,
        "info": overview.run.info,
        "first_call": first,
        "most_calls": MOST_CALLS,
        "view": "overview",
        **links_of(call, overview.run, "live", calls=first or None),
    }


def links_of(call: Call, run: StoredRun, live: str, **query: Any) -> dict[str, str]:
    """Return where a page gets what changes; empty if nothing will change."""
    if run.is_finished:
        return {"live": "", "stream": ""}
    stream = run_path(run.run_id, view="stream", after=run.last_seq)
    return {
        "live": call.root + run_path(run.run_id, view=live, **query),
        "stream": call.root + stream,
    }


async def _live(call: Call) -> Response:
    """Send the parts of the page as they are now."""
    run = await find_stored(call, run_id_of(call))
    renderer, parts, seen_by = Renderer(call), call.service.parts, call.principal
    key = (
        *(run.run_id, run.info.created_at, run.status, run.last_seq),
        *(seen_by.name, seen_by.scopes, seen_by.resources, renderer.has_session, call.is_known),
        *(call.root, call.query.number("calls")),
    )
    body = parts.get(key, renderer.token.value, lambda: _parts(call, run))
    return Response(body, media_type=JSON)


def _parts(call: Call, run: StoredRun) -> bytes:
    overview = Overview(call, run)
    values, renderer = _values(call, overview), Renderer(call, call.service.parts.placeholder)
    html = {name: renderer.text(f"run/{name}.html", **values) for name in SECTIONS}
    return dump(
        {
            "html": html,
            "graph": dict(overview.statuses),
            "title": f"{run.status} · {run.info.workflow_id}",
            "open": not run.is_finished,
        }
    )


async def _stream(call: Call) -> Response:
    """Send the events of a run, also of one whose id or workflow has no route of its own."""
    run = await find_info(call, run_id_of(call))
    wanted, writer = read_wanted(call), SseWriter()
    feed = EventFeed(call, run.run_id, wanted, writer)
    return StreamAnswer(call, feed.produce, writer.media_type, writer.heartbeat, writer.farewell)


async def _events(call: Call) -> Response:
    run = await find_stored(call, run_id_of(call))
    page = await read_event_page(call, run)
    values: dict[str, Any] = {
        "run": run,
        "info": run.info,
        "events": page,
        "view": "events",
        "alerts": (),
    }
    after = call.query.number("after", least=-1)
    links = links_of(call, run, "events", after=after, fragment=1)
    if call.query.text("fragment"):
        html = {"events": Renderer(call).text("run/events.html", **values | links)}
        return json_answer({"html": html, "open": not run.is_finished})
    return render(call, "events.html", **values | links)


async def _log(call: Call) -> Response:
    run = await find_stored(call, run_id_of(call))
    values: dict[str, Any] = {
        "run": run,
        "info": run.info,
        "overview": Overview(call, run),
        "lines": call.service.logs.of(run.run_id),
        "with_stacks": call.service.options.show_stacks,
        "view": "log",
        "alerts": (),
    }
    links = links_of(call, run, "log", fragment=1)
    if call.query.text("fragment"):
        html = {"log": Renderer(call).text("run/log.html", **values | links)}
        return json_answer({"html": html, "open": not run.is_finished})
    return render(call, "log.html", **values | links)


async def _said(call: Call) -> Response:
    """Send what agents have said, and up to which event."""
    run = await find_stored(call, run_id_of(call))
    html = Renderer(call).text("run/said.html", overview=Overview(call, run))
    return json_answer({"html": html, "seq": run.last_seq})


async def _timeline(call: Call) -> Response:
    run = await find_stored(call, run_id_of(call))
    return timeline_page(call, run, links_of(call, run, "timeline-data"))


async def _timeline_data(call: Call) -> Response:
    return await timeline_answer(call, await find_stored(call, run_id_of(call)))


async def _value(call: Call) -> Response:
    """Send a whole value as JSON."""
    run = await find_stored(call, run_id_of(call))
    overview, of, at = Overview(call, run), call.query.text("of"), call.query.text("at")
    record: Any = run.record
    if at is not None:
        record = overview.find_call(at)
    name = {"input": "input", "output": "output", "state": "state", "context": "runtime_context"}
    if record is None or of not in name or not hasattr(record, name[of]):
        raise Problem(404, "There is no such value", "value-not-found")
    return json_answer(call.service.shower.value(getattr(record, name[of])))


VIEWS: Mapping[str, Callable[[Call], Awaitable[Response]]] = {
    "overview": _overview,
    "live": _live,
    "stream": _stream,
    "events": _events,
    "log": _log,
    "said": _said,
    "timeline": _timeline,
    "timeline-data": _timeline_data,
    "value": _value,
}
