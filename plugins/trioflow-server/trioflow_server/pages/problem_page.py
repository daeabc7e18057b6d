"""What browsers see when a page cannot be shown."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from starlette.responses import Response

from trioflow_server.answers import problem_answer
from trioflow_server.calls import Call
from trioflow_server.pages.rendering import render
from trioflow_server.problems import Problem


def wants_page(headers: Mapping[str, str]) -> bool:
    """Return whether it is a browser that goes to a page, and no program."""
    return "text/html" in headers.get("accept", "")


def problem_page(call: Call, problem: Problem) -> Response:
    """Return the page about a problem; the login form if it is unknown who asks."""
    if call.endpoint.answer != "html" or not wants_page(call.request.headers):
        return problem_answer(problem)
    if problem.status == 401 and call.service.sessions is not None:
        path, query = quote(call.request.scope["trioflow.path"]), call.request.url.query
        following = f"{path}?{query}" if query else path
        is_get = call.request.method == "GET"
        answer = render(call, "login.html", 401, problem="", next=following if is_get else "/")
    else:
        answer = render(call, "problem.html", problem.status, problem=problem)
    for name, value in problem.headers.items():
        answer.headers[name] = value
    return answer
