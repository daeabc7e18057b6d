"""Durations as users give them: a number of seconds, or a timedelta."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TypeAlias

from trioflow._numbers import is_number

Duration: TypeAlias = float | timedelta
"""Seconds, or a timedelta."""


def in_seconds(given: object) -> float | None:
    """Return a duration in seconds; None if *given* is not a duration, or is NaN.

    A number is returned unchanged, an integer as an integer.
    """
    if isinstance(given, timedelta):
        return given.total_seconds()
    if is_number(given) and not math.isnan(given):
        return given
    return None


def finite_seconds(given: object, *, above_zero: bool = False) -> float | None:
    """Return a duration in seconds; None if it is not one, is negative or is infinite.

    Args:
      above_zero: Whether zero is also refused.
    """
    seconds = in_seconds(given)
    if seconds is None or not 0 <= seconds < math.inf or (above_zero and not seconds):
        return None
    return seconds


def need_seconds(what: str, given: object) -> float:
    """Return a duration in seconds.

    Args:
      what: Name of the duration, for the error: ``"timeout"``.

    Raises:
      ValueError: if it is not a duration, or is NaN.
    """
    seconds = in_seconds(given)
    if seconds is None:
        raise ValueError(f"{what} must be seconds or a timedelta, not {given!r}")
    return seconds
