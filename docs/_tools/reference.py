"""The parts of the reference that are made from the code: ``% generated: events`` in a page."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from _tools.tables import commands, errors, events, http, mastra, news, settings

GENERATORS: dict[str, Callable[[], str]] = {
    "commands": commands.commands,
    "errors": errors.errors,
    "events": events.overview,
    "event-json": events.details,
    "deviations": mastra.deviations,
    "news": news.news,
    "routes": http.routes,
    "scopes": http.scopes,
    "variables": settings.variables,
    "engine-options": settings.engine_options,
    "server-options": settings.server_options,
}
REST = re.compile(r"^\.\. rest-of: ([\w.]+)$", re.MULTILINE)
"""In a page of the API: everything that the module exports and no page names."""
OTHER_PAGES = {"trioflow.errors", "trioflow.schedules"}
"""Modules whose names have pages of their own, also if `trioflow` exports them, too."""
MARK = re.compile(r"^% generated: ([\w-]+)$", re.MULTILINE)


def generate(app: Sphinx, page: str, source: list[str]) -> None:
    """Put what is generated in place of its mark."""
    source[0] = MARK.sub(lambda found: GENERATORS[found[1]](), source[0])
    source[0] = REST.sub(lambda found: rest_of(found[1]), source[0])


def rest_of(where: str) -> str:
    """Return the entries of what a module exports and no page names."""
    pages = (Path(__file__).parents[1] / "reference" / "api").glob("*.rst")
    named = "\n".join(page.read_text("utf-8") for page in pages)
    module = importlib.import_module(where)
    entries = []
    for name in module.__all__:
        found = getattr(module, name)
        elsewhere = getattr(found, "__module__", where) in OTHER_PAGES - {where}
        if inspect.ismodule(found) or name == "hookimpl" or elsewhere:
            continue
        if not re.search(rf":: ({re.escape(where)}\.)?{name}\b", named):
            entries.append(entry(f"{where}.{name}", found))
    return "\n".join(entries)


def entry(full: str, found: object) -> str:
    """Return the directive for one name, under a heading."""
    name = full.rpartition(".")[2]
    kind = "function" if inspect.isroutine(found) else "data"
    if inspect.isclass(found):
        kind = "exception" if issubclass(found, BaseException) else "class"
    return f"{name}\n{'~' * len(name)}\n\n.. auto{kind}:: {full}\n"


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("source-read", generate)
    return {"parallel_read_safe": True}
