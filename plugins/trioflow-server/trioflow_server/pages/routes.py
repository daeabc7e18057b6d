"""The table of the pages."""

from __future__ import annotations

from starlette.responses import Response

from trioflow_server.calls import Call
from trioflow_server.endpoints import Endpoint
from trioflow_server.pages.files import serve_file
from trioflow_server.pages.login import log_in, log_out
from trioflow_server.pages.rendering import render


async def home(call: Call) -> Response:
    """Show the page, or the login form to those who are not known."""
    if not call.is_known:
        return render(call, "login.html", problem="")
    return render(call, "home.html", workflows=sorted(call.service.engine.workflows))


PAGES = (
    Endpoint(
        method="GET",
        path="/",
        handle=home,
        needs=(),
        is_public=True,
        summary="The page, or the login form",
        answer="html",
    ),
    Endpoint(
        method="POST",
        path="/login",
        handle=log_in,
        needs=(),
        is_public=True,
        summary="Log in",
        answer="html",
        is_form=True,
    ),
    Endpoint(
        method="POST",
        path="/logout",
        handle=log_out,
        needs=("read",),
        summary="Log out",
        answer="html",
        is_form=True,
    ),
    Endpoint(
        method="GET",
        path="/static/{name}",
        handle=serve_file,
        needs=(),
        is_public=True,
        summary="A file of the pages",
        answer="file",
    ),
)
