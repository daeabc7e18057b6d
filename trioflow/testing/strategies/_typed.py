"""A type with a strategy for values of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def _kinds(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names)


@attrs.frozen
class TypedValues:
    """A type, and a strategy for values that fit it."""

    type: Any
    values: SearchStrategy[Any]
    kinds: frozenset[str] = attrs.field(default=frozenset(), converter=_kinds, kw_only=True)
    """The types of JSON that the values are written as, such as ``{"string", "null"}``.

    `json_types` makes unions only of types whose values are written as different types of JSON.
    Empty means unknown: the type is then no arm of a union.
    """
