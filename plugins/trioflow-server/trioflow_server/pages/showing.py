"""Shows times, durations, values and statuses in words."""

from __future__ import annotations

import json
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
    line = json.dumps(value, ensure_ascii=False)
    return line if len(line) <= 80 else json.dumps(value, ensure_ascii=False, indent=2)


def shortened(text: str, most: int = MOST) -> str:
    """Return a text, or its beginning if it is long."""
    return text if len(text) <= most else f"{text[:most]}…"


FILTERS = {
    "glyph": glyph,
    "moment": moment,
    "machine_time": machine_time,
    "duration": duration,
    "json_text": json_text,
    "shortened": shortened,
}
"""The filters of all templates."""
