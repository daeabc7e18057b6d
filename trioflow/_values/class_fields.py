"""The fields of classes, however they are declared: attrs, dataclass, TypedDict, NamedTuple.

Values are structured, described and recorded by these fields.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Iterator
from typing import Any, ForwardRef, NotRequired, Required

import attrs
from typing_extensions import ReadOnly, is_typeddict

from trioflow._hints import UNION, bound, field_types
from trioflow._values.structure import model_fields
from trioflow.context import MISSING


@attrs.frozen
class ClassField:
    """A field that a class is structured from."""

    name: str
    type: Any
    required: bool = True
    default: Any = MISSING
    """`MISSING` if there is none, or if a factory makes it."""
    parameter: str = ""
    """The parameter of the constructor; empty if the field is set after construction."""
    is_kept: bool = True
    """Whether instances have the field. An ``InitVar`` is only passed to the constructor."""
    converts: bool = False
    """Whether the class itself converts values of any type."""
    is_constant: bool = False
    """Whether all new instances have the default, because only the class itself sets the field."""

    @property
    def input_type(self) -> Any:
        """The type of input for the field, with None for ``note: str = None``, which is common."""
        if self.default is not None or self.type is Any or self.type is object:
            return self.type
        return UNION[self.type, None]


def class_fields(type_: Any) -> tuple[ClassField, ...]:
    """Return the fields of a class, with the types that its values have.

    Args:
      type_: The class, with or without type arguments.

    Raises:
      NameError: if an annotation names something that does not exist.
    """
    origin: Any = typing.get_origin(type_) or type_
    if is_typeddict(origin):
        return tuple(_typed_dict(type_, origin))
    if attrs.has(origin):
        return tuple(_attrs(type_, origin))
    if dataclasses.is_dataclass(origin):
        return tuple(_dataclass(type_, origin))
    return tuple(_named_tuple(type_, origin))


def settable_types(
    type_: Any, converter: Callable[[], Any] = lambda: None
) -> dict[str, Any] | None:
    """Return the types of the fields that can be set, by name; None if there are no fixed ones.

    Args:
      converter: Returns the converter, which may hold the shapes of plugins' classes.

    Raises:
      NameError: if an annotation names something that does not exist.
    """
    origin: Any = typing.get_origin(type_) or type_
    is_class = isinstance(origin, type) and (attrs.has(origin) or dataclasses.is_dataclass(origin))
    if is_class or is_typeddict(origin):
        fields = class_fields(type_)
        return {field.name: field.type for field in fields if field.parameter and field.is_kept}
    fallback = model_fields(type_)
    for predicate, shape_of in reversed(getattr(converter(), "shapes", ()) if fallback else ()):
        if predicate(type_):
            return {field.name: field.type for field in shape_of(type_).fields}
    return fallback or None


def _typed_dict(type_: Any, cls: Any) -> Iterator[ClassField]:
    for name, annotated in field_types(type_).items():
        # If annotations are strings, __required_keys__ does not evaluate them.
        hint, required = annotated, name in cls.__required_keys__
        while typing.get_origin(hint) in (Required, NotRequired, ReadOnly):
            marker, (hint,) = typing.get_origin(hint), typing.get_args(hint)
            required = required if marker is ReadOnly else marker is Required
        yield ClassField(name, hint, required, parameter=name)


def _attrs(type_: Any, cls: Any) -> Iterator[ClassField]:
    fields = attrs.fields(cls)
    types = field_types(type_, [field.name for field in fields])
    for field in fields:
        missing = field.default is attrs.NOTHING
        is_made = isinstance(field.default, attrs.Factory)  # type: ignore[arg-type]
        default = MISSING if missing or is_made else field.default
        yield ClassField(
            field.name,
            types.get(field.name, field.type or Any),
            missing and field.init,
            default,
            (field.alias or field.name) if field.init else "",
            converts=field.converter is not None,
            is_constant=_is_constant(cls, field.init, default),
        )


def _dataclass(type_: Any, cls: Any) -> Iterator[ClassField]:
    kept = {entry.name for entry in dataclasses.fields(cls)}
    # The others are class variables, whose annotations may name anything.
    entries = {
        name: entry
        for name, entry in cls.__dataclass_fields__.items()
        if name in kept or entry._field_type is dataclasses._FIELD_INITVAR  # type: ignore[attr-defined]
    }
    types = field_types(type_, list(entries))
    for name, entry in entries.items():
        hint = types.get(name, Any)
        if isinstance(hint, dataclasses.InitVar):
            hint = _of_init_var(hint, cls)
        missing = entry.default is dataclasses.MISSING
        required = missing and entry.default_factory is dataclasses.MISSING and entry.init
        default = MISSING if missing else entry.default
        yield ClassField(
            name,
            hint,
            required,
            default,
            name if entry.init else "",
            name in kept,
            is_constant=_is_constant(cls, entry.init, default),
        )


def _is_constant(cls: Any, init: bool, default: Any) -> bool:
    sets_more = hasattr(cls, "__attrs_post_init__") or hasattr(cls, "__post_init__")
    return not init and default is not MISSING and not sets_more


def _of_init_var(hint: Any, cls: type) -> Any:
    inner = hint.type
    return bound(ForwardRef(inner) if isinstance(inner, str) else inner, cls.__module__)


def _named_tuple(type_: Any, cls: Any) -> Iterator[ClassField]:
    types = field_types(type_, cls._fields)
    for name in cls._fields:
        default = cls._field_defaults.get(name, MISSING)
        yield ClassField(name, types.get(name, Any), default is MISSING, default, name)
