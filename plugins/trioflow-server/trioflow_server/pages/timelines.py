"""The timeline of a run: that of the pictures, live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio
from starlette.responses import Response
from trioflow_pictures.embedding import timeline_body, timeline_data

from trioflow.events import Event
from trioflow_server.answers import JSON
from trioflow_server.calls import Call
from trioflow_server.pages.linking import run_path
from trioflow_server.pages.rendering import render
from trioflow_server.pages.stored import StoredRun, read_events
from trioflow_server.problems import Problem
from trioflow_server.values import dump


def timeline_page(call: Call, run: StoredRun, links: dict[str, str]) -> Response:
    """Return the page, which fetches its data."""
    data = call.root + run_path(run.run_id, view="timeline-data")
    values: dict[str, Any] = {
        "run": run,
        "info": run.info,
        "view": "timeline",
        "alerts": (),
        "data": data,
    }
    return render(call, "timeline.html", body=timeline_body(), **values | links)


async def timeline_answer(call: Call, run: StoredRun) -> Response:
    """Return what the page shows.

    Raises:
      Problem: if the run has not started.
    """
    if run.record is None:
        raise Problem(409, "The run has not started", "run-not-started")
    events = [each async for each in read_events(call.service, run.run_id, -1, run.last_seq)]
    # In a thread: with thousands of calls it takes long enough to hold up the runs of this process.
    content = await trio.to_thread.run_sync(_encoded, events, call.service.options.show_stacks)
    return Response(content, 200, {"cache-control": "no-store"}, JSON)


def _encoded(events: Sequence[Event], with_stacks: bool) -> bytes:
    data: dict[str, Any] = timeline_data(events, with_stacks=with_stacks)
    return dump(data)
