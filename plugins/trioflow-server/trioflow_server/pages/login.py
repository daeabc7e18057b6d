"""Logs browsers in and out: they cannot send a token with every request."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from trioflow_server.calls import Call
from trioflow_server.pages.rendering import render
from trioflow_server.problems import Problem


def own_path(path: str) -> str:
    """Return a path of this server to go to; that of the first page for anything else."""
    is_own = path.startswith(("/runs/", "/workflows", "/plugins", "/?")) and path.isprintable()
    return path if is_own and "\\" not in path else "/"


async def log_in(call: Call) -> Response:
    """Open a session for the token in the form."""
    sessions = call.service.sessions
    if sessions is None:
        raise Problem(404, "This server has no login form", "no-login")
    form = await call.form(is_first=True)
    cookie = sessions.open(form.get("token", "").strip())
    following = own_path(form.get("next", ""))
    if cookie is None:
        return render(call, "login.html", 403, problem="This token is not valid.", next=following)
    answer = RedirectResponse(call.root + following, 303)
    is_secure = call.request.url.scheme == "https"
    sessions.set(answer, cookie, secure=is_secure, path=call.root)
    return answer


async def log_out(call: Call) -> Response:
    """End the session."""
    if call.service.sessions is not None:
        await call.form()
    answer = RedirectResponse(f"{call.root}/", 303)
    if call.service.sessions is not None:
        call.service.sessions.end(answer, path=call.root)
    return answer
