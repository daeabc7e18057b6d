"""Static files of the pages: only those of this package and of the pictures, read once."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from importlib.resources import files

import attrs
from starlette.responses import Response
from trioflow_pictures.embedding import graph_css, timeline_css, timeline_js

from trioflow_server.calls import Call
from trioflow_server.problems import Problem

KINDS = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "png": "image/png",
    "ico": "image/x-icon",
}
"""Media types by the ends of names; other files are not served."""


@attrs.frozen
class StaticFile:
    """One file."""

    content: bytes
    kind: str
    etag: str


@functools.cache
def static_files() -> Mapping[str, StaticFile]:
    """Return all static files by name."""
    found = {
        "graph.css": _file("graph.css", graph_css().encode()),
        "timeline.css": _file("timeline.css", timeline_css().encode()),
        "timeline.js": _file("timeline.js", timeline_js().encode()),
    }
    for each in files("trioflow_server").joinpath("pages/static").iterdir():
        if each.name.rpartition(".")[2] in KINDS and each.is_file():
            found[each.name] = _file(each.name, each.read_bytes())
    return found


def _file(name: str, content: bytes) -> StaticFile:
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return StaticFile(content, KINDS[name.rpartition(".")[2]], etag)


async def serve_file(call: Call) -> Response:
    """Send a static file."""
    found = static_files().get(call.path("name"))
    if found is None:
        raise Problem(404, "There is no such file", "file-not-found")
    headers = {"etag": found.etag, "cache-control": "no-cache"}
    if call.request.headers.get("if-none-match") == found.etag:
        return Response(None, 304, headers)
    return Response(found.content, 200, headers, found.kind)
