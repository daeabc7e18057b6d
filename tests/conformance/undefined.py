"""No value at all, as the recording engine's language has it beside ``null``.

A key whose value is undefined is not there in JSON.
"""

from __future__ import annotations

import math
from typing import Any, Final


class Undefined:
    """The type of `UNDEFINED`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __str__(self) -> str:
        return ""

    def __bool__(self) -> bool:
        return False

    def __copy__(self) -> Undefined:
        return self

    def __deepcopy__(self, memo: object) -> Undefined:
        return self


UNDEFINED: Final = Undefined()


def native(value: Any) -> Any:
    """Return a copy as it comes back from JSON; undefined itself stays undefined."""
    return value if value is UNDEFINED else _exactly(plain(value))


def _exactly(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _exactly(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_exactly(item) for item in value]
    return exact(value) if isinstance(value, float) else value


def exact(number: float) -> float:
    """Return a number as an int if it is a whole one."""
    return int(number) if math.isfinite(number) and number == int(number) else number


def plain(value: Any) -> Any:
    """Return a copy as JSON has it: no undefined keys, null for undefined items and NaN."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not UNDEFINED}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return None if value is UNDEFINED else value
