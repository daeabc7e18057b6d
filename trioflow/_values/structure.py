"""Strict structuring of values into the types of steps, with the path of every fault.

Built on cattrs, with these differences from its defaults: nothing is coerced (``"5"`` is
not 5), unknown keys are faults, a value that is already an instance is passed on unchanged,
at any depth, and faults are objects instead of strings. cattrs is imported only when the
first type is compiled, because that import costs more than all of trioflow's own.

The names in ``__all__`` are for authors of ``trioflow_converter`` hooks.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from trioflow._hints import field_types
from trioflow.errors import DefinitionError, Fault, FaultsError, InvalidValueError

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["as_mapping", "faults_of", "fields_of", "make_converter", "type_name", "wrong_type"]

Structure: TypeAlias = Callable[[Any], Any]
"""Returns the structured value, or raises InvalidValueError."""


def compile_structure(
    type_: Any, what: str, owner: str, converter: Callable[[], Converter]
) -> Structure | None:
    """Return a function that structures values into *type_*, or None if any value fits.

    Args:
      type_: The type; Any and object accept everything.
      what: Name of the value, for the error: ``"input"``.
      owner: Owner of the value, for the error: ``"step 'plan_day'"``.
      converter: Returns the converter; called only if the type needs one.

    Raises:
      DefinitionError: if the type is not supported.
    """
    if type_ is Any or type_ is object:
        return None
    strict = converter()
    try:
        hook = strict.get_structure_hook(type_)
    except Exception as exc:
        remedy = "use another type, or register a hook for it with trioflow_converter"
        if isinstance(exc, NameError):
            remedy = "define the types that it names at the top of their module"
        problem = f"its {what} cannot be of type {type_name(type_)} ({exc})"
        raise DefinitionError(owner, problem, remedy) from exc
    if hook is accept:
        return None

    def structure(value: Any) -> Any:
        if type(value) is type_:
            return value
        try:
            return hook(value, type_)
        except Exception as exc:
            raise InvalidValueError(what, owner, tuple(faults_of(exc))) from exc

    structure.wanted = type_name(type_)  # type: ignore[attr-defined]  # see wanted_by
    structure.exact = type_  # type: ignore[attr-defined]  # see exact_type
    structure.owner = owner  # type: ignore[attr-defined]  # see owner_of
    return structure


def exact_type(structure: Structure) -> object:
    """Return the type whose exact instances are returned unchanged.

    If there is none, returns an object that is not a type.
    """
    exact = getattr(structure, "exact", None)
    return structure if exact is None else exact


def owner_of(structure: Structure) -> str | None:
    """Return the owner that errors of a function of `compile_structure` name."""
    return getattr(structure, "owner", None)


def wanted_by(structure: Structure) -> str:
    """Return the name of the type that a function of `compile_structure` structures into."""
    return getattr(structure, "wanted", "another type")


def make_converter() -> Converter:
    """Return a new converter with trioflow's strict rules, for plugins to extend."""
    from trioflow._values.rules import StrictConverter, configure

    converter = StrictConverter()
    configure(converter)
    return converter


def accept(value: Any, _: Any) -> Any:
    """Return *value*: the hook of types that accept any value."""
    return value


def expect(value: Any, cls: Any) -> Any:
    """Return *value* if it is an instance of *cls*.

    Raises:
      FaultsError: if it is not.
    """
    if isinstance(value, cls):
        return value
    raise wrong_type(cls, value)


def wrong_type(expected: Any, value: Any) -> FaultsError:
    """Return the error for a *value* that is not of the *expected* type."""
    name, received = type_name(expected), type_name(type(value))
    return FaultsError((Fault("", f"expected {name}, received {received}", name, received),))


def type_name(type_: Any) -> str:
    """Return the name of a type for messages and listings."""
    if type_ is None or type_ is types.NoneType:
        return "None"
    if isinstance(type_, str):
        return type_
    if isinstance(type_, typing.ForwardRef):
        return type_.__forward_arg__
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if origin is typing.Annotated:
        return type_name(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return " | ".join(map(type_name, arguments))
    if arguments and isinstance(origin, type) and not isinstance(arguments[0], list):
        listing = ", ".join("..." if each is ... else type_name(each) for each in arguments)
        return f"{origin.__name__}[{listing}]"
    if origin is None and hasattr(type_, "__name__"):
        return str(type_.__name__)
    return str(type_).replace("typing.", "").replace("collections.abc.", "")


def fields_of(value: Any) -> dict[str, Any] | None:
    """Return the fields of an instance, not recursively; None if its class has no fields.

    Supports attrs classes, dataclasses, and classes of plugins, such as models.
    """
    cls = type(value)
    if attrs.has(cls):
        return {field.name: getattr(value, field.name) for field in attrs.fields(cls)}
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    names = _model_fields(cls)
    return {name: getattr(value, name) for name in names} if names else None


def model_fields(type_: Any) -> dict[str, Any]:
    """Return the fields, with their types, of a model class that a library makes from annotations.

    Such classes are recognized by ``__replace__``, the protocol of `copy.replace` in Python 3.13.
    Other classes have no fields here.

    Raises:
      NameError: if an annotation names something that does not exist.
    """
    cls = typing.get_origin(type_) or type_
    names = _model_fields(cls) if isinstance(cls, type) else []
    return field_types(type_, names) if names else {}


def _model_fields(cls: type) -> list[str]:
    # Tuples have this method only since Python 3.13, and are not mappings in any version.
    if not hasattr(cls, "__replace__") or issubclass(cls, tuple):
        return []
    # Not evaluated: a value can be read whatever its annotations are.
    annotations = [inspect.get_annotations(base) for base in reversed(cls.__mro__)]
    hints = {name: hint for each in annotations for name, hint in each.items()}
    return [
        name
        for name, hint in hints.items()
        if not name.startswith("_") and not _CLASS_VAR.match(str(hint))
    ]


_CLASS_VAR = re.compile(r"(\w+\.)?ClassVar\b")


def structure_part(
    value: Any, hook: Callable[[Any, Any], Any], cls: Any, path: str, faults: list[Fault]
) -> Any:
    """Return one part of a value structured, or add its faults to *faults*."""
    try:
        return hook(value, cls)
    except Exception as exc:
        faults += faults_of(exc, path)


# ---------------------------------------------------------------- faults
def faults_of(exc: BaseException, path: str = "") -> list[Fault]:
    """Return the faults, with paths, in an exception from a structure hook.

    Args:
      path: Path in the value where it was raised.
    """
    from cattrs.errors import ForbiddenExtraKeysError

    if isinstance(exc, FaultsError | InvalidValueError):
        return [attrs.evolve(fault, path=join(path, fault.path)) for fault in exc.faults]
    if isinstance(exc, BaseExceptionGroup):
        return [fault for inner in exc.exceptions for fault in _noted_faults(inner, path)]
    if isinstance(exc, ForbiddenExtraKeysError):
        return unknown_keys(exc.extra_fields, path)
    return [Fault(path, str(exc) or type(exc).__name__)]


def _noted_faults(exc: BaseException, path: str) -> list[Fault]:
    """Return the faults of an exception with a path noted by cattrs."""
    from cattrs.errors import AttributeValidationNote, IterableValidationNote

    for note in getattr(exc, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            path = join(path, note.name)
            if isinstance(exc, KeyError) and exc.args == (note.name,):
                return [Fault(path, "required key is missing")]
        elif isinstance(note, IterableValidationNote):
            path = join(path, f"[{note.index!r}]")
    return faults_of(exc, path)


def unknown_keys(keys: Iterable[object], path: str = "") -> list[Fault]:
    """Return a fault for each of these keys, in a stable order."""
    faults = []
    for key in sorted(keys, key=str):
        rest = key if isinstance(key, str) and key.isidentifier() else f"[{key!r}]"
        faults.append(Fault(join(path, rest), "unknown key"))
    return faults


def join(path: str, rest: str) -> str:
    """Join two parts of a path: "a" and "b" to "a.b", "a" and "[0]" to "a[0]"."""
    return path + rest if not path or not rest or rest.startswith("[") else f"{path}.{rest}"


def as_mapping(value: Any, cls: Any) -> Mapping[str, Any]:
    """Return a mapping to structure *cls* from: the value itself, or its fields.

    Raises:
      FaultsError: if the value is neither a mapping nor has fields.
    """
    if isinstance(value, Mapping):
        return value
    fields = fields_of(value)
    if fields is None:
        raise wrong_type(cls, value)
    return fields
