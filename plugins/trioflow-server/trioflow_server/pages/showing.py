"""Shows times, durations, values and statuses in words."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from trioflow.events import FINISHED_STATUSES

GLYPHS = {
    "success": "✓",
    "failed": "✕",
    "canceled": "⊘",
    "bailed": "⚑",
    "suspended": "‖",
    "paused": "‖",
    "running": "▸",
    "waiting": "◷",
    "pending": "·",
}
"""Those of the timeline: a status is also seen without colors."""
MOST = 4_000
"""Most characters of a value on a page."""
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def glyph(status: str) -> str:
    """Return the sign of a status."""
    return GLYPHS.get(status, "·")


def is_finished(status: str) -> bool:
    """Return whether a run with this status goes no further."""
    return status in FINISHED_STATUSES


def moment(at: float | None) -> str:
    """Return a point in time; empty if there is none."""
    return "" if at is None else _date(at).strftime("%Y-%m-%d %H:%M:%S UTC")


def precise(at: float) -> str:
    """Return a point in time with milliseconds."""
    return _date(at).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def machine_time(at: float) -> str:
    """Return a point in time for the attribute ``datetime``."""
    return _date(at).strftime("%Y-%m-%dT%H:%M:%SZ")


def _date(at: float) -> datetime:
    try:
        return datetime.fromtimestamp(at, UTC)
    except (OverflowError, ValueError, OSError):  # a clock of a test, or a broken one
        return datetime.fromtimestamp(0, UTC)


def duration(seconds: float | None) -> str:
    """Return a length of time in the largest two units."""
    if seconds is None:
        return ""
    if seconds < 0.9995:
        return f"{max(seconds, 0) * 1000:.3g} ms"
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    left, parts = round(seconds), []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def json_text(value: Any) -> str:
    """Return JSON: on one line if that is short, otherwise indented."""
    line = json_line(value)
    return line if len(line) <= 80 else visible(json.dumps(value, ensure_ascii=False, indent=2))


def json_line(value: Any) -> str:
    """Return JSON on one line."""
    return visible(json.dumps(value, ensure_ascii=False))


def visible(text: str) -> str:
    """Return a text with escapes for characters that cannot be seen.

    Some of them turn the direction of what follows, so that a text seems to be another one.
    """
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def shortened(text: str, most: int = MOST) -> str:
    """Return a text, or its beginning if it is long."""
    return text if len(text) <= most else f"{text[:most]}…"


FILTERS = {
    "glyph": glyph,
    "moment": moment,
    "machine_time": machine_time,
    "duration": duration,
    "json_text": json_text,
    "precise": precise,
    "shortened": shortened,
    "visible": visible,
}
"""The filters of all templates."""
