"""A run as a timeline: one HTML file that draws itself and asks nobody for anything.

The page gets its data as JSON that cannot be taken for mark-up, writes all of it as text,
and its policy lets the browser run no script but its own and reach no other address.
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
"""In the order in which they build on each other."""


def to_timeline_html(events: Iterable[Event]) -> str:
    """Return a run as the text of an HTML page with a time axis and a bar per step call.

    The page needs a browser with scripts and nothing else. The same events always give the
    same page: an event list that ends early shows what was known then.

    Args:
      events: The events of one run from the first one on, in their order; some may be
        missing, as the chunks of steps are in most journals.

    Raises:
      ValueError: if there is no event.
    """
    timeline = timeline_of(events)
    if not timeline.events:
        raise ValueError("a timeline needs at least one event")
    style = "\n" + "\n".join(map(_asset, STYLES))
    script = "\n" + "\n".join(map(_asset, SCRIPTS))
    title = f"{timeline.root.id} {timeline.run_id}"
    return Template(_asset("page.html")).substitute(
        title=html.escape(title).encode("ascii", "xmlcharrefreplace").decode(),
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        data=_safe_json(page_data(timeline)),
    )


def _asset(name: str) -> str:
    return Path(__file__).with_name("page").joinpath(name).read_text("utf-8")


def _safe_json(data: object) -> str:
    """Return JSON in which nothing can end or begin an element of HTML."""
    text = json.dumps(data, separators=(",", ":"))  # all but ASCII is escaped
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
