"""The table of the pages."""

from __future__ import annotations

from starlette.responses import HTMLResponse, Response

from trioflow_server.calls import Call
from trioflow_server.endpoints import Endpoint


async def home(call: Call) -> Response:
    """Say that this is the server."""
    return HTMLResponse("<!doctype html><title>trioflow</title><h1>trioflow</h1>")


PAGES = (
    Endpoint(
        method="GET",
        path="/",
        handle=home,
        needs=(),
        is_public=True,
        summary="The page",
        answer="html",
    ),
)
