"""Which property shows of which shortcut that it gives the same as its plain twin."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Test = TypeVar("Test", bound=Callable[..., None])
SHOWN: set[str] = set()
"""The ids of the shortcuts of which this is shown."""


def shows(*ids: str) -> Callable[[Test], Test]:
    """Mark a property as the one that shows this of these shortcuts."""

    def mark(test: Test) -> Test:
        SHOWN.update(ids)
        return test

    return mark
