"""Draw a run as a timeline in one self-contained HTML file.

The page has its data as JSON that cannot be parsed as markup, and shows all of it as text.
Its content security policy allows only its own scripts and no network requests.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable
from pathlib import Path
from string import Template

from trioflow.events import Event
from trioflow_pictures.timeline.data import page_data
from trioflow_pictures.timeline.fold import timeline_of

STYLES = ("page.css", "bars.css")
SCRIPTS = ("scale.js", "rows.js", "lanes.js", "details.js", "page.js")
"""In the order of their dependencies."""


def to_timeline_html(events: Iterable[Event]) -> str:
    """Return an HTML page with the timeline of a run: a time axis, and a bar per step call.

    The page needs only a browser with JavaScript. The output is deterministic. If the
    events end early, the page shows the run as it was then.

    Args:
      events: The events of one run in order, starting with the first; others may be
        missing, such as the chunks of steps in most journals.

    Raises:
      ValueError: if there are no events.
    """
    timeline = timeline_of(events)
    if not timeline.events:
        raise ValueError("a timeline needs at least one event")
    title = f"{timeline.root.id} {timeline.run_id}"
    return Template(asset("page.html")).substitute(
        title=html.escape(title).encode("ascii", "xmlcharrefreplace").decode(),
        style=style(),
        style_hash=_hash(style()),
        script=script(),
        script_hash=_hash(script()),
        data=_safe_json(page_data(timeline)),
    )


def style() -> str:
    """Return the style of the page."""
    return "\n" + "\n".join(map(asset, STYLES))


def script() -> str:
    """Return the script of the page."""
    return "\n" + "\n".join(map(asset, SCRIPTS))


def asset(name: str) -> str:
    """Return the content of a file of the page."""
    return Path(__file__).with_name("page").joinpath(name).read_text("utf-8")


def _safe_json(data: object) -> str:
    """Return JSON that cannot start or end an HTML element."""
    text = json.dumps(data, separators=(",", ":"))  # escapes everything except ASCII
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
