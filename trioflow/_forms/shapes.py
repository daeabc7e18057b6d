"""Shapes: how to read and create instances of classes with named fields, of any library."""

from __future__ import annotations

import contextlib
import dataclasses
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs
from typing_extensions import is_typeddict

from trioflow._values.class_fields import ClassField, class_fields
from trioflow.context import MISSING


@attrs.frozen
class ShapeField:
    """One field of a class."""

    name: str
    type: Any = Any
    required: bool = True
    """Whether a value cannot be created without the field."""
    may_lack: bool = False
    """Whether values may lack the field; a recorded value without it then shows no change."""
    default: Any = MISSING
    """The default value, if it is always the same."""


@attrs.frozen
class Shape:
    """How to read the fields of a class and create an instance from them.

    Pass one to `register_shape` for classes that neither attrs nor dataclasses have made.
    """

    fields: tuple[ShapeField, ...]
    read: Callable[[Any], Mapping[str, Any]]
    """Returns the values of the fields by name, without missing ones."""
    make: Callable[[dict[str, Any]], Any]
    """Returns an instance with exactly these values. Validators and converters must not run: they
    ran before the values were recorded."""
    is_loose: bool = False
    """Whether a field may hold a value that is not of its type, such as from a validator."""
    read_state: Callable[[Any], Mapping[str, Any]] | None = None
    """Returns the state of an instance in addition to its fields, if not that of a new one."""
    make_state: Callable[[Any, Mapping[str, Any]], None] | None = None
    """Sets this state on a new instance."""


ShapeFactory: TypeAlias = Callable[[Any], Shape]


def register_shape(converter: Any, predicate: Callable[[Any], bool], factory: ShapeFactory) -> None:
    """Register how values of a library's classes are recorded, in a ``trioflow_converter`` hook.

    The last registered shape is tried first.

    Args:
      converter: The argument of the hook.
      predicate: Returns whether a type is one of these classes, with or without type arguments.
      factory: Returns the shape of such a type.
    """
    converter.shapes.append((predicate, factory))


def find_shape(type_: Any, converter: Any) -> Shape | None:
    """Return the shape of a type; None if it has no known fields.

    Raises:
      NameError: if an annotation names something that does not exist.
    """
    for predicate, factory in reversed(converter.shapes):
        if predicate(type_):
            shape: Shape = factory(type_)
            return shape
    origin: Any = typing.get_origin(type_) or type_
    if is_typeddict(origin):
        return typed_dict_shape(type_)
    if isinstance(origin, type) and (attrs.has(origin) or dataclasses.is_dataclass(origin)):
        return class_shape(type_, origin)
    return None


# ---------------------------------------------------------------- kinds of classes
def typed_dict_shape(type_: Any) -> Shape:
    """Return the shape of a TypedDict."""
    fields = [
        ShapeField(field.name, field.type, field.required, may_lack=not field.required)
        for field in class_fields(type_)
    ]
    return Shape(tuple(fields), dict, dict)


def class_shape(type_: Any, cls: Any) -> Shape:
    """Return the shape of an attrs class or a dataclass."""
    fields = class_fields(type_)
    kept = tuple(field for field in fields if field.is_kept)
    names = [field.name for field in kept]
    maker = _Maker(cls, kept, is_called=len(kept) == len(fields) and _is_generated(cls))
    return Shape(
        tuple(map(_described, kept)),
        lambda value: {name: getattr(value, name) for name in names},
        maker.make,
    )


def _described(field: ClassField) -> ShapeField:
    is_set_later = not field.parameter
    return ShapeField(field.name, field.type, field.required, is_set_later, field.default)


def _is_generated(cls: Any) -> bool:
    """Return whether a class has the ``__init__`` that attrs or dataclasses generate."""
    code = getattr(cls.__init__, "__code__", None)
    return code is not None and (
        code.co_filename.startswith("<attrs generated") or code.co_filename == "<string>"
    )


@attrs.frozen
class _Maker:
    """Creates instances of a class with exactly the given values."""

    cls: Any
    fields: tuple[ClassField, ...]
    is_called: bool
    """Whether the class may be called: it has no ``__init__`` of its own."""

    def make(self, values: dict[str, Any]) -> Any:
        instance = self._called(values) if self._needs_call(values) else self._empty(values)
        for name, value in values.items():
            # Frozen classes guard against plain assignment.
            if getattr(instance, name, MISSING) is not value:
                object.__setattr__(instance, name, value)
        return instance

    def _needs_call(self, values: dict[str, Any]) -> bool:
        """Return whether the class must give values to new fields, or prepare itself."""
        is_new = any(field.name not in values for field in self.fields)
        prepares = hasattr(self.cls, "__attrs_pre_init__") or issubclass(self.cls, BaseException)
        return self.is_called and (is_new or prepares)

    def _called(self, values: dict[str, Any]) -> Any:
        given = [field for field in self.fields if field.parameter and field.name in values]
        return self.cls(**{field.parameter: values[field.name] for field in given})

    def _empty(self, values: dict[str, Any]) -> Any:
        # Converters and validators are not called: they ran before the value was recorded, and
        # what they took then is not what they made of it.
        instance = self.cls.__new__(self.cls)
        hashing = getattr(self.cls.__hash__, "__code__", None)
        if hashing is not None and CACHED_HASH in hashing.co_names:
            object.__setattr__(instance, CACHED_HASH, None)
        finish = getattr(self.cls, "__attrs_post_init__", getattr(self.cls, "__post_init__", None))
        if finish is None or not self.is_called:
            return instance
        for name, value in values.items():
            object.__setattr__(instance, name, value)
        with contextlib.suppress(Exception):  # such as a check that a time is in the future
            finish(instance)
        return instance


CACHED_HASH = "_attrs_cached_hash"
"""Where attrs keeps the hash of an instance."""
