"""Shapes: how to read and create instances of classes with named fields, of any library."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NotRequired, Required, TypeAlias

import attrs
from typing_extensions import ReadOnly, is_typeddict

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
        return typed_dict_shape(type_, origin)
    if isinstance(origin, type) and attrs.has(origin):
        return attrs_shape(type_, origin)
    if isinstance(origin, type) and dataclasses.is_dataclass(origin):
        return dataclass_shape(type_, origin)
    return None


# ---------------------------------------------------------------- types of fields
def field_types(type_: Any, origin: Any, names: Sequence[str] = ()) -> dict[str, Any]:
    """Return the types of fields, with the type arguments filled in.

    Args:
      names: The fields, unless all annotated names are fields, as in a TypedDict. Types of other
        annotations need not exist at run time.

    Raises:
      NameError: if an annotation names something that does not exist.
    """
    if is_typeddict(origin):
        hints = typing.get_type_hints(origin, include_extras=True)
        return _filled(hints, arguments_of(type_, origin))
    types: dict[str, Any] = {}
    for base, arguments in _bases(type_, origin):
        own = inspect.get_annotations(base)
        # A class that is not defined at the top of its module may still refer to itself.
        local = {origin.__name__: origin, base.__name__: base}
        module = sys.modules.get(base.__module__)
        for name in own.keys() & set(names):
            holder = types_holder(name, own[name], module)
            hint = typing.get_type_hints(holder, localns=local, include_extras=True)[name]
            types |= _filled({name: hint}, arguments)
    return types


def types_holder(name: str, annotation: Any, module: Any) -> Any:
    """Return an object with one annotation and a known module."""
    return types.SimpleNamespace(
        __annotations__={name: annotation}, __globals__=vars(module) if module else {}
    )


def _bases(type_: Any, origin: type) -> Iterator[tuple[type, Mapping[Any, Any]]]:
    """Yield the bases of a class, most distant first, with values of their type variables."""
    arguments: dict[type, Mapping[Any, Any]] = {origin: arguments_of(type_, origin)}
    for cls in origin.__mro__:
        for base in getattr(cls, "__orig_bases__", ()):
            root = typing.get_origin(base)
            if isinstance(root, type):
                given = _filled(arguments_of(base, root), arguments.get(cls, {}))
                arguments.setdefault(root, given)
    for cls in reversed(origin.__mro__[:-1]):
        yield cls, arguments.get(cls, {})


def arguments_of(type_: Any, origin: Any) -> dict[Any, Any]:
    """Return the values of a class's type variables in a parametrized type."""
    parameters = getattr(origin, "__parameters__", ())
    return dict(zip(parameters, typing.get_args(type_), strict=False))


def _filled(hints: Mapping[Any, Any], arguments: Mapping[Any, Any]) -> dict[Any, Any]:
    return {name: substituted(hint, arguments) for name, hint in hints.items()}


def substituted(hint: Any, arguments: Mapping[Any, Any]) -> Any:
    """Return a type with its type variables replaced."""
    if isinstance(hint, typing.TypeVar):
        return arguments.get(hint, hint)
    variables = getattr(hint, "__parameters__", ())
    if not arguments or not variables or isinstance(hint, type):
        return hint
    return hint[tuple(arguments.get(each, each) for each in variables)]


# ---------------------------------------------------------------- kinds of classes
def attrs_shape(type_: Any, cls: Any) -> Shape:
    fields = attrs.fields(cls)
    made = {field.name: field.alias for field in fields if field.init}
    names = tuple(field.name for field in fields)
    types = field_types(type_, cls, names)

    def described(field: Any) -> ShapeField:
        is_made = isinstance(field.default, attrs.Factory)  # type: ignore[arg-type]
        missing = field.default is attrs.NOTHING
        default = MISSING if missing or is_made else field.default
        hint = types.get(field.name, Any if field.type is None else field.type)
        return ShapeField(field.name, hint, missing and field.init, not field.init, default)

    has_own_init = "__attrs_init__" in vars(cls) or not _is_generated(cls)
    return Shape(
        tuple(map(described, fields)),
        lambda value: {name: getattr(value, name) for name in names},
        _maker(cls, None if has_own_init else made),
    )


def dataclass_shape(type_: Any, cls: Any) -> Shape:
    fields = dataclasses.fields(cls)
    made = {field.name: field.name for field in fields if field.init}
    names = tuple(field.name for field in fields)
    types = field_types(type_, cls, names)

    def described(field: Any) -> ShapeField:
        missing = field.default is dataclasses.MISSING
        required = missing and field.default_factory is dataclasses.MISSING and field.init
        default = MISSING if missing else field.default
        hint = types.get(field.name, Any)
        return ShapeField(field.name, hint, required, not field.init, default)

    pseudo = set(cls.__dataclass_fields__) - set(names)
    takes_more = any(
        isinstance(hint, dataclasses.InitVar) or "InitVar" in str(hint)
        for name, hint in _annotations(cls).items()
        if name in pseudo
    )
    return Shape(
        tuple(map(described, fields)),
        lambda value: {name: getattr(value, name) for name in names},
        _maker(cls, None if takes_more or not _is_generated(cls) else made),
    )


def _annotations(cls: type) -> dict[str, Any]:
    bases = reversed(cls.__mro__)
    return {k: v for base in bases for k, v in inspect.get_annotations(base).items()}


def _is_generated(cls: Any) -> bool:
    """Return whether a class has the ``__init__`` that attrs or dataclasses generate."""
    code = getattr(cls.__init__, "__code__", None)
    return code is not None and (
        code.co_filename.startswith("<attrs generated") or code.co_filename == "<string>"
    )


def _maker(cls: Any, made: Mapping[str, str] | None) -> Callable[[dict[str, Any]], Any]:
    """Return a function that creates instances with exactly the given values.

    Args:
      made: The parameter of ``__init__`` for each field that it accepts; None if the class has its
        own ``__init__``, which is then not called.
    """

    def make(values: dict[str, Any]) -> Any:
        if made is None:
            instance = cls.__new__(cls)
        else:
            instance = cls(**{made[name]: values[name] for name in values if name in made})
        for name, value in values.items():
            # Converters and validators ran before the value was recorded and must not change
            # it a second time. Frozen classes guard against plain assignment.
            if getattr(instance, name, MISSING) is not value:
                object.__setattr__(instance, name, value)
        return instance

    return make


def typed_dict_shape(type_: Any, cls: Any) -> Shape:
    fields = []
    for name, annotated in field_types(type_, cls).items():
        hint, required = annotated, name in cls.__required_keys__
        while typing.get_origin(hint) in (Required, NotRequired, ReadOnly):
            marker, (hint,) = typing.get_origin(hint), typing.get_args(hint)
            # If annotations are strings, __required_keys__ does not evaluate them.
            required = required if marker is ReadOnly else marker is Required
        fields.append(ShapeField(name, hint, required, may_lack=not required))
    return Shape(tuple(fields), dict, dict)
