"""Renders pages. Values of users are escaped, wherever they are put."""

from __future__ import annotations

import functools
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from trioflow_server.calls import Call
from trioflow_server.pages.linking import run_path, runs_path, workflow_path
from trioflow_server.pages.showing import FILTERS
from trioflow_server.safety.forms import form_token
from trioflow_server.safety.sessions import FORM_FIELD


@functools.cache
def environment() -> Environment:
    """Return the templates of this package."""
    made = Environment(
        loader=PackageLoader("trioflow_server", "pages/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= FILTERS
    return made


def render(call: Call, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page; see `Renderer`."""
    renderer = Renderer(call)
    answer = HTMLResponse(renderer.text(template, **values), status, {"cache-control": "no-store"})
    is_secure = call.request.url.scheme == "https"
    renderer.token.put(answer, secure=is_secure, path=call.root)
    return answer


class Renderer:
    """Renders templates for one request.

    They know ``root`` (what to put in front of all paths), functions that return paths,
    ``principal``, ``csrf`` (the name and the value of the hidden field of forms), ``has_session``,
    and the given values.
    """

    def __init__(self, call: Call, shown_token: str | None = None) -> None:
        """Make a renderer.

        Args:
          shown_token: Stands for the token in forms; default: the token itself.
        """
        self.call = call
        self.token = form_token(call.request, call.service.sessions)
        self.shown_token = self.token.value if shown_token is None else shown_token

    @property
    def has_session(self) -> bool:
        """Whether the browser has logged in."""
        sessions = self.call.service.sessions
        return sessions is not None and bool(sessions.form_token(self.call.request))

    def text(self, template: str, **values: Any) -> str:
        """Return a rendered template."""
        call = self.call
        text = (
            environment()
            .get_template(template)
            .render(
                root=call.root,
                run_path=lambda *args, **query: call.root + run_path(*args, **query),
                runs_path=lambda **query: call.root + runs_path(**query),
                workflow_path=lambda *args, **query: call.root + workflow_path(*args, **query),
                principal=call.principal,
                csrf={"name": FORM_FIELD, "value": self.shown_token},
                has_session=self.has_session,
                is_known=call.is_known,
                **values,
            )
        )
        # A lone surrogate is no character that a page could contain.
        return text.encode("utf-8", "replace").decode()
