"""Classes with named fields: attrs, dataclasses, TypedDict, NamedTuple."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, TypeVar

import attrs
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn
from cattrs.gen.typeddicts import make_dict_structure_fn as make_typeddict_structure_fn

from trioflow.strictness.containers import origin_of, positions_hook
from trioflow.strictness.scalars import Hook
from trioflow.validation import as_mapping, wrong_type


def is_class(cls: Any) -> bool:
    """Tell whether *cls* is an attrs class or a dataclass, with type arguments or without."""
    origin = origin_of(cls)
    return isinstance(origin, type) and (attrs.has(origin) or dataclasses.is_dataclass(origin))


def is_named_tuple(cls: Any) -> bool:
    origin = origin_of(cls)
    return isinstance(origin, type) and issubclass(origin, tuple) and hasattr(origin, "_fields")


def stand_in(cls: Any) -> Any:
    """Return what a type variable may stand for; other types are returned as they are."""
    if not isinstance(cls, TypeVar):
        return cls
    if cls.__constraints__:
        return typing.Union[cls.__constraints__]  # noqa: UP007
    return Any if cls.__bound__ is None else cls.__bound__


def class_hook(cls: Any, converter: Converter) -> Hook:
    """Return a hook for a class; takes mappings and instances of other such classes."""
    origin = origin_of(cls)
    arguments = typing.get_args(cls) or getattr(origin, "__parameters__", ())
    # cattrs knows no type variables, so each is replaced by what it may stand for.
    complete = origin[tuple(map(stand_in, arguments))] if arguments else cls
    inner = make_dict_structure_fn(complete, converter, _cattrs_forbid_extra_keys=True)

    def structure(value: Any, _: Any) -> Any:
        return value if isinstance(value, origin) else inner(as_mapping(value, cls), cls)

    return structure


def typed_dict_hook(cls: Any, converter: Converter) -> Hook:
    """Return a hook for a TypedDict; takes what a class takes."""
    inner = make_typeddict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True)

    def structure(value: Any, _: Any) -> Any:
        given = dict(as_mapping(value, cls))
        structured = inner(given, cls)
        unchanged = all(structured[key] is item for key, item in given.items())
        return value if unchanged and isinstance(value, dict) else structured

    return structure


def named_tuple_hook(cls: Any, converter: Converter) -> Hook:
    """Return a hook for a NamedTuple; takes lists and tuples, as JSON carries it."""
    origin = origin_of(cls)
    hints = typing.get_type_hints(origin)
    arms = [hints.get(name, Any) for name in origin._fields]
    required = len(arms) - len(origin._field_defaults)
    structure_items = positions_hook(arms, required, converter)

    def structure(value: Any, _: Any) -> Any:
        if isinstance(value, origin):
            return value
        if not isinstance(value, list | tuple):
            raise wrong_type(cls, value)
        return origin(*structure_items(value))

    return structure
