"""The page of the plugins, with what they provide and their documentation."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

import attrs
from starlette.responses import Response

from trioflow import PluginInfo
from trioflow_server.calls import Call
from trioflow_server.pages.rendering import render

LONGEST = 40_000
"""Most characters of a documentation."""


@attrs.frozen
class Provided:
    """A step, tool or workflow of a plugin."""

    kind: str
    id: str
    description: str


@attrs.frozen
class Plugin:
    """A plugin for its page."""

    info: PluginInfo
    summary: str
    docs: str
    """What the distribution says about itself at length; empty if it says nothing."""
    provided: Sequence[Provided]


async def list_plugins(call: Call) -> Response:
    """Show all plugins."""
    engine = call.service.engine
    return render(call, "plugins.html", plugins=[_about(call, each) for each in engine.plugins])


def _about(call: Call, info: PluginInfo) -> Plugin:
    engine = call.service.engine
    kinds: dict[str, tuple[Sequence[str], Any]] = {
        "workflow": (info.workflows, engine.workflows),
        "step": (info.steps, engine.steps),
        "tool": (info.tools, engine.tools),
    }
    provided = [
        Provided(kind, id, getattr(known.get(id), "description", "") or "")
        for kind, (ids, known) in kinds.items()
        for id in ids
    ]
    summary, docs = _documentation(info.distribution)
    return Plugin(info, summary, docs, provided)


def _documentation(distribution: str) -> tuple[str, str]:
    try:
        about = metadata(distribution)
    except (PackageNotFoundError, ValueError):
        return "", ""
    facts = about.json  # the description may be a field, or follow the fields
    summary, docs = facts.get("summary", ""), facts.get("description", "")
    return str(summary), docs.strip()[:LONGEST] if isinstance(docs, str) else ""
