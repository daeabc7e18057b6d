"""Values and errors as short, harmless strings for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trioflow._cli.text import one_line, safe_json
from trioflow.wire import RecordedError
from trioflow.wire._shown import message_of
from trioflow.wire._values import lenient_json

if TYPE_CHECKING:
    from cattrs import Converter


def preview(value: Any, limit: int = 200) -> str:
    """Return a value on one line: a string as it is, anything else as JSON if possible."""
    return one_line(value if isinstance(value, str) else plain_json(value), limit)


def plain_json(value: Any, converter: Converter | None = None) -> str:
    """Return a value as JSON on one line; parts without a JSON form are strings."""
    return safe_json(lenient_json(value, converter))


FELL_BACK = "fell back after "
"""Prefix of the error of a call whose fallback supplied the output."""


def describe_error(error: BaseException, limit: int = 200) -> str:
    """Return class and message of an exception on one line."""
    if isinstance(error, RecordedError):  # its string has the name of the class
        return one_line(message_of(error), limit)
    name, message = type(error).__name__, message_of(error)
    return one_line(f"{name}: {message}" if message else name, limit)
