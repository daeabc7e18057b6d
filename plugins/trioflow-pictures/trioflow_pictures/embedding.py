"""The parts of pictures, for pages that contain them and have a policy of their own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trioflow.events import Event
from trioflow_pictures.graph import graph_css
from trioflow_pictures.timeline import asset, script, style
from trioflow_pictures.timeline.data import page_data
from trioflow_pictures.timeline.fold import timeline_of

__all__ = [
    "graph_css",
    "timeline_body",
    "timeline_css",
    "timeline_data",
    "timeline_js",
]


def timeline_css() -> str:
    """Return the style of a timeline."""
    return style()


def timeline_js() -> str:
    """Return the script of a timeline. Call its function ``show(data)``, again for newer data."""
    return script()


def timeline_body() -> str:
    """Return the elements of a timeline, which `timeline_css` makes fill the body of a page."""
    page = asset("page.html")
    start, end = page.index("<body>") + len("<body>"), page.index('<script id="data"')
    return page[start:end].replace("$title", "Run").strip()


def timeline_data(events: Iterable[Event], *, with_stacks: bool = True) -> dict[str, Any]:
    """Return what `timeline_js` shows, in plain JSON types.

    Args:
      events: The events of one run in order, as for `to_timeline_html`.
      with_stacks: Whether errors have their tracebacks, which show paths of this machine.

    Raises:
      ValueError: if there are no events.
    """
    timeline = timeline_of(events)
    if not timeline.events:
        raise ValueError("a timeline needs at least one event")
    return page_data(timeline, with_stacks=with_stacks)
