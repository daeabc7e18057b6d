"""The first page: the list of runs."""

from __future__ import annotations

import json

from starlette.responses import Response

from trioflow_server.answers import json_answer
from trioflow_server.calls import Call
from trioflow_server.pages.filters import STATUSES, read_filters
from trioflow_server.pages.linking import runs_path
from trioflow_server.pages.listed import RunPage, list_runs
from trioflow_server.pages.rendering import Renderer, render


async def home(call: Call) -> Response:
    """Show the list of runs, or the login form to those who are not known."""
    if not call.is_known:
        return render(call, "login.html", problem="", next="/")
    call.need("read")
    filters, cursor = read_filters(call), call.query.text("cursor")
    page = RunPage((), None)
    if not filters.problems:
        try:
            page = await list_runs(call, filters, cursor)
        except (ValueError, json.JSONDecodeError):
            filters.problems.append("There is no such page of the list")
    given = {name: text for name, text in filters.texts.items() if text}
    values = {
        "page": page,
        "filters": filters,
        "given": given,
        "cursor": cursor,
        "live": call.root + runs_path(**given, cursor=cursor, live=1),
        "statuses": STATUSES,
        "workflows": sorted(call.service.engine.workflows),
        "resources": sorted(call.principal.resources or ()),
    }
    if call.query.text("live"):
        rows = Renderer(call).text("run_table.html", **values)
        return json_answer({"html": {"runs": rows}, "open": True})
    return render(call, "home.html", 400 if filters.problems else 200, **values)
