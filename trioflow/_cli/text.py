"""Values and durations as short, harmless text for a terminal."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from trioflow.wire import RecordedError
from trioflow.wire._shown import message_of
from trioflow.wire._values import lenient_json

if TYPE_CHECKING:
    from cattrs import Converter

# Control characters could move the cursor, and direction marks reorder what is around them.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """Return *text* with everything that a terminal might obey written as an escape.

    Line breaks and tabs stay.
    """
    return _UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def one_line(text: str, limit: int = 200) -> str:
    """Return *text* cleaned, on one line, and cut to *limit* characters."""
    line = " ".join(clean(text[: 2 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def preview(value: Any, limit: int = 200) -> str:
    """Return a value on one line: a text as it is, anything else as JSON if it has that."""
    return one_line(value if isinstance(value, str) else plain_json(value), limit)


def plain_json(value: Any, converter: Converter | None = None) -> str:
    """Return a value as JSON on one line; parts without JSON form are texts in it."""
    return safe_json(lenient_json(value, converter))


def safe_json(data: Any, indent: int | None = None) -> str:
    """Return plain JSON data as JSON text that no terminal obeys."""
    text = json.dumps(data, indent=indent, ensure_ascii=False)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def describe_error(error: BaseException, limit: int = 200) -> str:
    """Return class and message of an exception on one line."""
    if isinstance(error, RecordedError):  # it stands for another one
        return one_line(message_of(error), limit)
    name, message = type(error).__name__, message_of(error)
    return one_line(f"{name}: {message}" if message else name, limit)


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
