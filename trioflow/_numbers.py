"""Type guards for numbers. True and False do not count, although Python treats them as integers."""

from __future__ import annotations

from typing import TypeGuard


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a value is a number, including infinity and NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole_number(value: object) -> TypeGuard[int]:
    """Return whether a value is an integer."""
    return isinstance(value, int) and not isinstance(value, bool)
