"""Reads points in time and durations, and shows local times."""

from __future__ import annotations

import datetime as dt
import math
import re

from trioflow._cli.errors import UsageError
from trioflow._cli.text import one_line

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
"""Seconds of each unit."""
_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def read_moment(text: str, option: str, now: float) -> float:
    """Return a point in time as seconds since the epoch.

    Args:
      text: An age such as ``"30d"``, or an ISO 8601 date or time, which is local unless it has
        a time zone.
      option: Name of the option, for errors.

    Raises:
      UsageError: if it is neither.
    """
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago is not None:
            at = now - float(ago[1]) * UNITS[ago[2]]
            return dt.datetime.fromtimestamp(at, dt.UTC).timestamp()  # or raise
        return dt.datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError) as exc:
        raise UsageError(
            f"{option}: {text!r} is not a point in time; give an age such as 90s, 15m, 12h, "
            "30d or 2w, or a date such as 2026-01-31 or 2026-01-31T12:00"
        ) from exc


def read_duration(text: str, option: str, *, above_zero: bool = False) -> float:
    """Return a duration as seconds.

    Args:
      text: A number of seconds, or a number with a unit: ``"90"``, ``"15m"``, ``"2h"``.
      option: Name of the option, for errors.
      above_zero: Whether 0 is refused.

    Raises:
      UsageError: if it is not a duration, or too long for a float.
    """
    found = _AGO.fullmatch(text.strip()) or _AGO.fullmatch(f"{text.strip()}s")
    seconds = math.inf if found is None else float(found[1]) * UNITS[found[2]]
    if seconds == math.inf:
        problem = f"{one_line(text)!r} is not a duration"
        raise UsageError(f"{option}: {problem}; give one such as 90, 15m or 2d")
    if above_zero and not seconds:
        raise UsageError(f"{option} must be greater than 0")
    return seconds


def local_time(at: float) -> str:
    """Return seconds since the epoch as a local date and time."""
    try:
        return dt.datetime.fromtimestamp(at, dt.UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (TypeError, ValueError, OverflowError, OSError):  # what a damaged store may hold
        return one_line(str(at))
