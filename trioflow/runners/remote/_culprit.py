"""Find the part of a value that cannot be pickled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any

import attrs

Dump = Callable[[Any], object]
"""Raises if a value cannot be pickled."""


def find_culprit(value: Any, dump: Dump) -> tuple[str, Any]:
    """Return path and value of the innermost part that cannot be pickled.

    Args:
      value: A value that cannot be pickled.
    """
    path, seen = "", {id(value)}
    while True:
        for step, part in _parts(value):
            if id(part) not in seen and _fails(part, dump):
                path, value = path + step, part
                seen.add(id(part))
                break
        else:
            return path.removeprefix("."), value


def _fails(part: Any, dump: Dump) -> bool:
    try:
        dump(part)
    except Exception:
        return True
    return False


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a value with their paths."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield (f".{key}" if isinstance(key, str) else f"[{key!r}]"), item
    elif isinstance(value, Sequence | Set) and not isinstance(value, str | bytes):
        for index, item in enumerate(value):
            yield f"[{index}]", item
    elif attrs.has(type(value)):  # they may have slots
        for field in attrs.fields(type(value)):
            if hasattr(value, field.name):
                yield f".{field.name}", getattr(value, field.name)
    elif not isinstance(value, type) and hasattr(value, "__dict__"):
        for name, item in vars(value).items():
            yield f".{name}", item
