"""Renders pages. Values of users are escaped, wherever they are put."""

from __future__ import annotations

import functools
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from trioflow_server.calls import Call
from trioflow_server.safety.sessions import FORM_FIELD


@functools.cache
def environment() -> Environment:
    """Return the templates of this package."""
    return Environment(
        loader=PackageLoader("trioflow_server", "pages/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(call: Call, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page.

    Templates know ``root`` (what to put in front of all paths), ``principal``, ``csrf`` (the name
    and the value of the hidden field of forms), ``has_session``, and the given values.
    """
    sessions = call.service.sessions
    token = "" if sessions is None else sessions.form_token(call.request)
    text = (
        environment()
        .get_template(template)
        .render(
            root=call.root,
            principal=call.principal,
            csrf={"name": FORM_FIELD, "value": token},
            has_session=bool(token),
            **values,
        )
    )
    return HTMLResponse(text, status, {"cache-control": "no-store"})
