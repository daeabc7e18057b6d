"""Compares values by everything that a program can see of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from trioflow._values.structure import fields_of


def is_same_value(one: Any, other: Any) -> bool:
    """Return whether two values are equal and have the same classes, at any depth.

    Stricter than ``==``, for which 1, 1.0 and True are equal.
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, Mapping):
        pairs = zip(one.items(), other.items(), strict=False)
        return len(one) == len(other) and all(map(_are_same_pairs, pairs))
    if isinstance(one, AbstractSet):
        return bool(one == other) and sorted(map(_seen, one)) == sorted(map(_seen, other))
    if isinstance(one, Sequence) and not isinstance(one, str | bytes | bytearray):
        return len(one) == len(other) and all(map(is_same_value, one, other))
    fields = fields_of(one)
    if fields is not None:
        return bool(one == other) and is_same_value(fields, fields_of(other))
    return bool(one == other) and repr(one) == repr(other)


def _are_same_pairs(pairs: tuple[tuple[Any, Any], tuple[Any, Any]]) -> bool:
    return is_same_value(*map(list, pairs))


def _seen(value: Any) -> str:
    if isinstance(value, AbstractSet):
        return f"{type(value).__name__} {sorted(map(_seen, value))}"
    return f"{type(value).__name__} {value!r}"
