"""What counts as a number: not True and False, which are integers for Python."""

from __future__ import annotations

from typing import TypeGuard


def is_number(value: object) -> TypeGuard[int | float]:
    """Tell whether a value is a number, be it infinite or NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole_number(value: object) -> TypeGuard[int]:
    """Tell whether a value is an integer."""
    return isinstance(value, int) and not isinstance(value, bool)
