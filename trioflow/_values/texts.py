"""Values that JSON carries as a string: how the strings look, and how they are read."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs

MICROSECOND = timedelta(microseconds=1)

_LEAP = "(?:0[48]|[2468][048]|[13579][26])"
_YEAR = "(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_DAY = (
    "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8])"
)
_DATE = f"(?:{_YEAR}-(?:{_DAY})|(?:[0-9]{{2}}{_LEAP}|{_LEAP}00)-02-29)"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
_OFFSET = f"(?:Z|[+-]{_CLOCK})?"
_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,18})?"
_SECONDS = (
    # up to the longest timedelta
    r"(?:(?:[0-9]{1,13}|[1-7][0-9]{13}|8[0-5][0-9]{12}|86[0-3][0-9]{11})(?:\.[0-9]{1,6})?"
    r"|[0-9]{1,4}(?:\.[0-9]{1,6})?[eE]\+?[0-9])"
)
_HEX = "[0-9a-fA-F]"
_BASE64 = "[A-Za-z0-9+/]"


@attrs.frozen
class Text:
    """How values of a class look as a string."""

    read: Callable[[Any, str], Any]
    """Returns an instance of a class, which may be a subclass, from a string.

    Raises ArithmeticError or ValueError if the string does not fit.
    """
    pattern: str = ""
    """The strings that fit, as JSON Schema has it: a regular expression for the whole string."""
    extra: Mapping[str, Any] = attrs.field(factory=dict)
    """Further keywords of JSON Schema."""
    matches: Callable[[str], object] = attrs.field(init=False)

    @matches.default
    def _matches(self) -> Callable[[str], object]:
        return re.compile(self.pattern.removesuffix("$") + r"\Z" if self.pattern else "").match


def _moment(cls: Any, text: str) -> Any:
    return cls.fromisoformat(text)


def _called(cls: Any, text: str) -> Any:
    return cls(text)


def _seconds(cls: Any, text: str) -> Any:
    seconds = Decimal(text)
    if abs(seconds) > Decimal(timedelta.max.days + 1) * 86400:  # else int() may run for very long
        raise OverflowError(text)
    return cls(microseconds=int((seconds * 1_000_000).to_integral_value()))


def _bytes(cls: Any, text: str) -> Any:
    raw = binascii.a2b_base64(text, strict_mode=True)
    return raw if cls is bytes else cls(raw)


TEXTS: Mapping[type, Text] = {
    datetime: Text(_moment, f"^{_DATE}[T ]{_CLOCK}{_OFFSET}$", {"description": "ISO 8601"}),
    date: Text(_moment, f"^{_DATE}$", {"format": "date"}),
    time: Text(_moment, f"^{_CLOCK}{_OFFSET}$", {"description": "ISO 8601"}),
    timedelta: Text(_seconds, f"^-?{_SECONDS}$", {"description": "seconds"}),
    Path: Text(_called, "", {"description": "a path"}),
    UUID: Text(_called, f"^{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}$", {"format": "uuid"}),
    Decimal: Text(
        _called,
        f"^[+-]?(?:{_NUMBER}|Infinity|s?NaN[0-9]*)$",
        {"description": "a decimal number"},
    ),
    bytes: Text(
        _bytes,
        f"^(?:{_BASE64}{{4}})*(?:{_BASE64}{{2}}==|{_BASE64}{{3}}=)?$",
        {"contentEncoding": "base64"},
    ),
}
"""Types that JSON carries as a string."""


def text_of(cls: Any) -> Text | None:
    """Return how values of a class look as a string; None if they do not."""
    if not isinstance(cls, type):
        return None
    return next((TEXTS[base] for base in cls.__mro__ if base in TEXTS), None)


def seconds_text(value: timedelta) -> str:
    """Return a duration in seconds as a string, to the microsecond."""
    seconds = str(Decimal(value // MICROSECOND).scaleb(-6))
    return seconds.removesuffix("000000").removesuffix(".") or "0"
