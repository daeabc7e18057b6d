"""Short, harmless strings for a terminal."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

# Control characters could move the cursor, and direction marks reorder what is around them.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """Return *text* with everything that a terminal might interpret written as an escape.

    Line breaks and tabs are kept.
    """
    return _UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def one_line(text: str, limit: int = 200) -> str:
    """Return *text* cleaned, on one line, and cut to *limit* characters."""
    line = " ".join(clean(text[: 2 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def safe_json(data: Any, indent: int | None = None, encoding: str = "utf-8") -> str:
    """Return plain JSON data as a JSON string without characters that a terminal interprets.

    JSON is UTF-8. In any other *encoding* of the output, only ASCII is written.
    """
    is_utf_8 = codecs.lookup(encoding).name == "utf-8"
    text = json.dumps(data, indent=indent, ensure_ascii=not is_utf_8)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def duration(seconds: float) -> str:
    """Return a duration in at most six characters: ``"0.2s"``, ``"3m20s"``, ``"5h07m"``."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"
