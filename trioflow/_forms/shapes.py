"""Classes with named fields, whichever library has made them: what is in them, how to make one."""

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
    """Whether a value cannot be made without it."""
    may_lack: bool = False
    """Whether a value may be without it, so that it says nothing if it was not recorded."""
    default: Any = MISSING
    """The value that a field without one gets, if that is always the same."""


@attrs.frozen
class Shape:
    """How the values of a class are taken apart, and put together again.

    Give one to `register_shape` for classes that neither attrs nor dataclasses have made.
    """

    fields: tuple[ShapeField, ...]
    read: Callable[[Any], Mapping[str, Any]]
    """Returns the values of the fields by name, without those that have none."""
    make: Callable[[dict[str, Any]], Any]
    """Returns an instance with these values, which were read from one. It must not change them:
    what validates or converts has done so before they were recorded."""
    is_loose: bool = False
    """Whether a field may hold what is not of its type, as where a validator makes it."""
    read_state: Callable[[Any], Mapping[str, Any]] | None = None
    """Returns what an instance has beside its fields, if it differs from a new one's."""
    make_state: Callable[[Any, Mapping[str, Any]], None] | None = None
    """Gives it to an instance that was made."""


ShapeFactory: TypeAlias = Callable[[Any], Shape]


def register_shape(converter: Any, predicate: Callable[[Any], bool], factory: ShapeFactory) -> None:
    """Say how values of a library's classes are recorded; for ``trioflow_converter`` hooks.

    What is said last is asked first.

    Args:
      converter: What the hook was called with.
      predicate: Tells whether a type is one of these classes, with type arguments or without.
      factory: Returns the shape of such a type.
    """
    converter.shapes.append((predicate, factory))


def find_shape(type_: Any, converter: Any) -> Shape | None:
    """Return the shape of a type; None if it has no fields that are known.

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
      names: The fields, unless all annotated names are fields, as those of a TypedDict are. What a
        class annotates beside them need not exist when it runs.

    Raises:
      NameError: if an annotation names something that does not exist.
    """
    if is_typeddict(origin):
        hints = typing.get_type_hints(origin, include_extras=True)
        return _filled(hints, arguments_of(type_, origin))
    types: dict[str, Any] = {}
    for base, arguments in _bases(type_, origin):
        own = inspect.get_annotations(base)
        # A class that is not at the top of its module may still name itself.
        local = {origin.__name__: origin, base.__name__: base}
        module = sys.modules.get(base.__module__)
        for name in own.keys() & set(names):
            holder = types_holder(name, own[name], module)
            hint = typing.get_type_hints(holder, localns=local, include_extras=True)[name]
            types |= _filled({name: hint}, arguments)
    return types


def types_holder(name: str, annotation: Any, module: Any) -> Any:
    """Return an object with one annotation, of which the module is known."""
    return types.SimpleNamespace(
        __annotations__={name: annotation}, __globals__=vars(module) if module else {}
    )


def _bases(type_: Any, origin: type) -> Iterator[tuple[type, Mapping[Any, Any]]]:
    """Yield the bases of a class, the furthest first, with what their type variables are."""
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
    """Return what the type variables of a class are in a type that was made of it."""
    parameters = getattr(origin, "__parameters__", ())
    return dict(zip(parameters, typing.get_args(type_), strict=False))


def _filled(hints: Mapping[Any, Any], arguments: Mapping[Any, Any]) -> dict[Any, Any]:
    return {name: substituted(hint, arguments) for name, hint in hints.items()}


def substituted(hint: Any, arguments: Mapping[Any, Any]) -> Any:
    """Return a type with type variables replaced by what they are."""
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
    """Tell whether a class has the ``__init__`` that attrs or dataclasses makes."""
    code = getattr(cls.__init__, "__code__", None)
    return code is not None and (
        code.co_filename.startswith("<attrs generated") or code.co_filename == "<string>"
    )


def _maker(cls: Any, made: Mapping[str, str] | None) -> Callable[[dict[str, Any]], Any]:
    """Return what makes instances with exactly the given values.

    Args:
      made: The parameter of ``__init__`` of each field that it takes; None if the class has an
        ``__init__`` of its own, which is not called then.
    """

    def make(values: dict[str, Any]) -> Any:
        if made is None:
            instance = cls.__new__(cls)
        else:
            instance = cls(**{made[name]: values[name] for name in values if name in made})
        for name, value in values.items():
            # Converters and validators have run before the value was recorded; what they make
            # of it a second time does not count. Frozen classes guard against plain assignment.
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
            # Where annotations are strings, __required_keys__ does not see what they say.
            required = required if marker is ReadOnly else marker is Required
        fields.append(ShapeField(name, hint, required, may_lack=not required))
    return Shape(tuple(fields), dict, dict)
