"""Whether the server runs, and whether it can work. They say nothing else."""

from __future__ import annotations

import trio
from starlette.responses import PlainTextResponse, Response

from trioflow_server.answers import json_answer
from trioflow_server.calls import Call
from trioflow_server.endpoints import Endpoint

PATIENCE = 2.0
"""Seconds that the store may take to answer before the server counts as not ready."""


async def health(call: Call) -> Response:
    """Say that the server runs."""
    return json_answer({"success": True})


async def ready(call: Call) -> Response:
    """Say whether the server starts runs: it does not shut down, and its store answers."""
    is_ready = False
    if not call.service.closing.is_set():
        with trio.move_on_after(PATIENCE):
            is_ready = await _store_answers(call)
    return json_answer({"success": is_ready}, 200 if is_ready else 503)


async def _store_answers(call: Call) -> bool:
    try:
        await call.service.engine.list_runs(limit=1)
    except Exception:  # the log of the store says what is wrong
        return False
    return True


async def measures(call: Call) -> Response:
    """Return counts and durations in the text format of Prometheus."""
    lines = call.service.measures.lines(call.service.streams.count)
    return PlainTextResponse("\n".join(lines) + "\n")


SEEN = (
    Endpoint(
        method="GET",
        path="/metrics",
        handle=measures,
        needs=("read",),
        summary="Counts and durations of requests",
        answer="file",
    ),
    Endpoint(
        method="GET",
        path="/health",
        handle=health,
        needs=(),
        is_public=True,
        summary="Whether the server runs",
    ),
    Endpoint(
        method="GET",
        path="/ready",
        handle=ready,
        needs=(),
        is_public=True,
        summary="Whether the server can start runs",
    ),
)
