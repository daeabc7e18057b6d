"""The parts of the reference that are made from the code: ``% generated: events`` in a page."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sphinx.application import Sphinx

from _tools.tables import commands, errors, events, http, news, settings

GENERATORS: dict[str, Callable[[], str]] = {
    "commands": commands.commands,
    "errors": errors.errors,
    "events": events.overview,
    "event-json": events.details,
    "news": news.news,
    "routes": http.routes,
    "scopes": http.scopes,
    "variables": settings.variables,
    "engine-options": settings.engine_options,
    "server-options": settings.server_options,
}
MARK = re.compile(r"^% generated: ([\w-]+)$", re.MULTILINE)


def generate(app: Sphinx, page: str, source: list[str]) -> None:
    """Put what is generated in place of its mark."""
    source[0] = MARK.sub(lambda found: GENERATORS[found[1]](), source[0])


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("source-read", generate)
    return {"parallel_read_safe": True}
