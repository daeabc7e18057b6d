"""The fields of classes, however they are declared, and types without their wrappers."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from trioflow.context import MISSING


@attrs.frozen
class TypeField:
    """A field that a class is structured from."""

    name: str
    type: Any
    required: bool
    default: Any = MISSING
    """`MISSING` if there is none, or if a factory makes it."""


def unwrap(type_: Any) -> Any:
    """Return a type without the annotations, names and markers around it."""
    while True:
        origin = typing.get_origin(type_)
        if origin in (typing.Annotated, typing.Required, typing.NotRequired, typing.Final):
            type_ = typing.get_args(type_)[0]
        elif isinstance(type_, typing.NewType):
            type_ = type_.__supertype__
        elif hasattr(type_, "__value__"):  # a ``type`` statement
            type_ = type_.__value__
        else:
            return type_


def description_of(type_: Any) -> str:
    """Return the first string that ``Annotated`` adds to a type, also inside markers."""
    while True:
        origin, arguments = typing.get_origin(type_), typing.get_args(type_)
        if origin is typing.Annotated:
            found = next((extra for extra in arguments[1:] if isinstance(extra, str)), "")
            if found:
                return found
        elif origin not in (typing.Required, typing.NotRequired, typing.Final):
            return ""
        type_ = arguments[0]


def has_metadata(type_: Any) -> bool:
    """Return whether ``Annotated`` adds more to a type than strings, also inside markers."""
    while True:
        origin, arguments = typing.get_origin(type_), typing.get_args(type_)
        if origin is typing.Annotated:
            return not all(isinstance(extra, str) for extra in arguments[1:])
        if origin not in (typing.Required, typing.NotRequired, typing.Final):
            return False
        type_ = arguments[0]


def has_fields(cls: Any) -> bool:
    """Return whether *cls* is an attrs class, a dataclass or a TypedDict."""
    return attrs.has(cls) or dataclasses.is_dataclass(cls) or typing.is_typeddict(cls)


def fields_of_type(type_: Any, cls: Any) -> Iterator[TypeField]:
    """Yield the fields of *cls*; *type_* is that class, or the class with type arguments.

    Raises:
      NameError: if an annotation names something that does not exist.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    parameters = getattr(cls, "__parameters__", ())
    given = dict(zip(parameters, typing.get_args(type_), strict=False))
    for field in _declared(cls, hints):
        yield attrs.evolve(field, type=_filled(hints.get(field.name, Any), given))


def _filled(hint: Any, given: Mapping[Any, Any]) -> Any:
    """Return *hint* with type variables replaced by the arguments that were given."""
    if isinstance(hint, typing.TypeVar):
        return given.get(hint, Any)
    variables = getattr(hint, "__parameters__", ())
    if not variables or isinstance(hint, type):
        return hint
    return hint[tuple(given.get(variable, Any) for variable in variables)]


def _declared(cls: Any, hints: Mapping[str, Any]) -> Iterator[TypeField]:
    if typing.is_typeddict(cls):
        for name, hint in hints.items():
            yield TypeField(name, Any, _is_required(cls, name, hint))
    elif attrs.has(cls):
        for field in attrs.fields(cls):
            if field.init:
                missing = field.default is attrs.NOTHING
                made = isinstance(field.default, attrs.Factory)  # type: ignore[arg-type]
                default = MISSING if missing or made else field.default
                yield TypeField(field.name, Any, missing, default)
    else:
        for entry in dataclasses.fields(cls):
            if entry.init:
                missing = entry.default is dataclasses.MISSING
                required = missing and entry.default_factory is dataclasses.MISSING
                yield TypeField(entry.name, Any, required, MISSING if missing else entry.default)


def _is_required(cls: Any, name: str, hint: Any) -> bool:
    # Python itself does not see the markers if all annotations of the module are strings.
    marker = typing.get_origin(hint)
    if marker in (typing.Required, typing.NotRequired):
        return marker is typing.Required
    return name in cls.__required_keys__
