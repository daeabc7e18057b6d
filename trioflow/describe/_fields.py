"""Types without their wrappers, and which of them are described by reference."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from typing import Annotated, Any, Final, ForwardRef, NotRequired, Required

import attrs
from typing_extensions import ReadOnly, is_typeddict

from trioflow._hints import alias_target, is_alias, resolved, stand_in

MARKERS = (Required, NotRequired, ReadOnly, Final)


def unwrap(type_: Any) -> Any:
    """Return a type without the annotations, names and markers around it.

    The names of recursive aliases stay, because only by name can they be referred to.

    Raises:
      NameError: if an annotation names something that does not exist.
    """
    while True:
        origin = typing.get_origin(type_)
        if origin is Annotated or origin in MARKERS:
            type_ = typing.get_args(type_)[0]
        elif isinstance(type_, typing.NewType):
            type_ = type_.__supertype__
        elif isinstance(type_, typing.TypeVar):
            type_ = stand_in(type_)
        elif is_name(type_) and not is_recursive(type_):
            type_ = target_of(type_)
        else:
            return type_


def is_name(type_: Any) -> bool:
    """Return whether a type is the name of another type: an alias, or a quoted name."""
    return is_alias(type_) or isinstance(type_, ForwardRef)


def target_of(type_: Any) -> Any:
    """Return the type that a name stands for."""
    return resolved(type_) if isinstance(type_, ForwardRef) else alias_target(type_)


def is_recursive(name: Any) -> bool:
    """Return whether the type that a name stands for contains that name."""
    seen: list[Any] = []
    waiting = [target_of(name)]
    while waiting:
        part = waiting.pop()
        if part == name:
            return True
        if is_name(part) and part not in seen:
            seen.append(part)
            waiting.append(target_of(part))
        waiting += _parts(part)
    return False


def _parts(type_: Any) -> Iterator[Any]:
    if typing.get_origin(type_) is Annotated:
        yield typing.get_args(type_)[0]
    elif typing.get_origin(type_) is not typing.Literal:
        yield from typing.get_args(type_)


def description_of(type_: Any) -> str:
    """Return the first string that ``Annotated`` adds to a type, also inside markers."""
    while True:
        origin, arguments = typing.get_origin(type_), typing.get_args(type_)
        if origin is Annotated:
            found = next((extra for extra in arguments[1:] if isinstance(extra, str)), "")
            if found:
                return found
        elif origin not in MARKERS:
            return ""
        type_ = arguments[0]


def has_metadata(type_: Any) -> bool:
    """Return whether ``Annotated`` adds more to a type than strings, also inside markers."""
    while True:
        origin, arguments = typing.get_origin(type_), typing.get_args(type_)
        if origin is Annotated:
            return not all(isinstance(extra, str) for extra in arguments[1:])
        if origin not in MARKERS:
            return False
        type_ = arguments[0]


def has_fields(cls: Any) -> bool:
    """Return whether *cls* is an attrs class, a dataclass or a TypedDict."""
    return attrs.has(cls) or dataclasses.is_dataclass(cls) or is_typeddict(cls)


def is_named_tuple(cls: Any) -> bool:
    return issubclass(cls, tuple) and hasattr(cls, "_fields")
