"""Values without a JSON form, or without one that can be read again; one of each kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

DEPTH = 3000
"""More levels than Python's recursion limit."""


class Refused:
    """A class whose hook raises; see `trioflow.testing._isolation.plugin`."""


@attrs.define(eq=False)
class Lacking:
    """An object without its attribute, such as one created without ``__init__``."""

    name: str = ""


class Lazy(Mapping[str, Any]):
    """A mapping that reads its values on access, and fails."""

    def __init__(self, error: Callable[[], BaseException]) -> None:
        self._error = error

    def __getitem__(self, key: str) -> Any:
        raise self._error()

    def __iter__(self) -> Iterator[str]:
        return iter(["first"])

    def __len__(self) -> int:
        return 1


def ring() -> list[Any]:
    """Return a list that contains itself."""
    value: list[Any] = []
    value.append(value)
    return value


def deep() -> list[Any]:
    """Return deeply nested lists."""
    value: list[Any] = []
    for _ in range(DEPTH):
        value = [value]
    return value


def lacking() -> Lacking:
    """Return an object without its attribute."""
    value = Lacking()
    del value.name
    return value


UNWRITABLE: Mapping[str, Callable[[], Any]] = {
    "a list that contains itself": ring,
    "very deep lists": deep,
    "a very long integer": lambda: 10**5000,
    "not a number": lambda: math.nan,
    "an object": object,
    "an object without its attribute": lacking,
    "a mapping that cannot be read": lambda: Lazy(lambda: OSError("gone")),
    "a mapping that exits": lambda: Lazy(lambda: SystemExit(2)),
    "a value whose hook raises": Refused,
    "an object far inside": lambda: {"rows": [{"cell": object()}]},
}
"""The kinds of values, and functions that create them."""
