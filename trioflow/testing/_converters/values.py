"""Comparisons of values, including their types, and of JSON values."""

from __future__ import annotations

import typing
from collections.abc import Collection, Mapping
from decimal import Decimal
from itertools import repeat
from typing import Any

PLAIN = (str, int, float, bool, type(None))
"""The scalar types of JSON."""


def union_of(*arms: Any) -> Any:
    """Return the union of types that are known only at run time."""
    return typing.Union[arms]  # noqa: UP007


def alike(one: Any, other: Any) -> bool:
    """Return whether two values are equal and of the same type, and so are their items."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, Decimal):
        return repr(one) == repr(other)  # "not a number" is not even equal to itself
    return bool(one == other)


def is_json(value: Any) -> bool:
    """Return whether a value consists only of the types that JSON has."""
    if type(value) in PLAIN:
        return True
    if type(value) is list:
        return all(map(is_json, value))
    if type(value) is dict:
        return all(type(key) is str and is_json(item) for key, item in value.items())
    return False


def lost(given: Any, written: Any, forms: Collection[str] = (), path: str = "$") -> str | None:
    """Return where JSON has changed after it was read and written again; None if nowhere.

    Missing fields may have been added. An integer may have become a float. Items may be in
    another order and without duplicates, as in a set. Strings among *forms*, such as dates, may
    be spelled differently, also as a number.
    """
    if isinstance(given, dict) and isinstance(written, dict):
        for key, item in given.items():
            place = f"{path}[{key!r}]"
            found = lost(item, written[key], forms, place) if key in written else place
            if found:
                return found
        return None
    if isinstance(given, list) and isinstance(written, list):
        return _lost_items(given, written, forms, path)
    if type(written) is str and type(given) in (str, int, float):
        return None if given == written or given in forms or written in forms else path
    if type(given) is int and type(written) is float:
        return None if given == written else path
    return None if type(given) is type(written) and given == written else path


def _lost_items(
    given: list[Any], written: list[Any], forms: Collection[str], path: str
) -> str | None:
    places = [f"{path}[{index}]" for index in range(len(given))]
    # A class that is written as a list may have added fields.
    if len(given) <= len(written) and not any(map(lost, given, written, repeat(forms), places)):
        return None
    for item, place in zip(given, places, strict=True):
        if all(lost(item, other, forms) for other in written):
            return place
    return None if len(written) <= len(given) else path


def same_json(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal, where 1, 1.0 and true all differ."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same_json(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return type(one) is type(other) and bool(one == other)


def shortened(value: Any) -> str:
    """Return the ``repr`` of a value, or a string itself, shortened for a message."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else f"{text[:150]} ... {text[-40:]}"
