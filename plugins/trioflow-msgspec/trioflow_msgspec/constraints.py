"""Check constraints such as ``Annotated[int, Meta(ge=0)]``."""

from __future__ import annotations

import typing
from collections import abc
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from cattrs import Converter

from trioflow.errors import Fault, FaultsError
from trioflow_msgspec.fields import struct_of

BOUNDED_SETS = (set, frozenset, abc.Set, abc.MutableSet)
"""Types whose items in JSON must differ if their number is limited."""


def has_constraints(type_: Any) -> bool:
    """Return whether a type is annotated with msgspec's metadata."""
    return typing.get_origin(type_) is Annotated and bool(metas_of(type_))


def metas_of(type_: Any) -> list[msgspec.Meta]:
    """Return msgspec's metadata of an annotated type."""
    return [each for each in type_.__metadata__ if isinstance(each, msgspec.Meta)]


def checker(type_: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    """Return a hook that structures values and checks their constraints."""
    inner = typing.get_args(type_)[0]
    hook = converter.get_structure_hook(inner)
    metas = metas_of(type_)
    is_bounded_set = struct_of(inner) in BOUNDED_SETS and any(map(_limits_length, metas))

    def structure(value: Any, _: Any) -> Any:
        structured = hook(value, inner)
        if is_bounded_set and isinstance(value, list) and len(structured) < len(value):
            raise FaultsError((Fault("", "expected different items"),))
        for meta in metas:
            _check(structured, meta)
        return structured

    return structure


def _limits_length(meta: msgspec.Meta) -> bool:
    return (meta.min_length, meta.max_length) != (None, None)


def _check(value: Any, meta: msgspec.Meta) -> None:
    try:
        msgspec.convert(value, Annotated[type(value), meta])
    except msgspec.ValidationError as exc:
        raise FaultsError((Fault("", str(exc)),)) from exc
    except TypeError:
        # In a union, a constraint is only checked for the types that support it.
        return
