"""Turning values into the types that steps ask for, strictly, with every fault's path.

Built on cattrs, with these differences from its defaults: nothing is coerced (``"5"`` is
not 5), unknown keys are faults, a value that already is an instance is passed on as it is,
at any depth, and faults are objects instead of texts. cattrs is imported only when the
first type is compiled, because that import costs more than all of trioflow's own.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from trioflow.errors import Fault, FaultsError, InvalidValueError

if TYPE_CHECKING:
    from cattrs import Converter

Structure: TypeAlias = Callable[[Any], Any]
"""Returns the structured value, or raises InvalidValueError."""


def compile_structure(
    type_: Any, what: str, owner: str, converter: Callable[[], Converter]
) -> Structure | None:
    """Return a function that structures values into *type_*, or None if any value will do.

    Args:
      type_: The type; Any and object accept everything.
      what: Which value it is, for the error: ``"input"``.
      owner: Whose value it is, for the error: ``"step 'plan_day'"``.
      converter: Returns the converter; called only if the type needs one.

    Raises:
      TypeError: if the converter cannot handle the type at all.
    """
    if type_ is Any or type_ is object or isinstance(type_, typing.TypeVar):
        return None
    hook = converter().get_structure_hook(type_)

    def structure(value: Any) -> Any:
        if type(value) is type_:
            return value
        try:
            return hook(value, type_)
        except Exception as exc:
            raise InvalidValueError(what, owner, tuple(faults_of(exc))) from exc

    return structure


def make_converter() -> Converter:
    """Return a new converter with trioflow's strict rules, for plugins to extend."""
    from cattrs import Converter

    from trioflow.strictness import configure

    converter = Converter(
        forbid_extra_keys=True,
        detailed_validation=True,
        structure_fallback_factory=lambda cls: lambda value, _: expect(value, cls),
    )
    configure(converter)
    return converter


def expect(value: Any, cls: Any) -> Any:
    """Return *value* if it is an instance of *cls*.

    Raises:
      FaultsError: if it is not.
    """
    if isinstance(value, cls):
        return value
    raise wrong_type(cls, value)


def wrong_type(expected: Any, value: Any) -> FaultsError:
    """Return the error that says that *value* is not of the type that was *expected*."""
    name, received = type_name(expected), type_name(type(value))
    return FaultsError((Fault("", f"expected {name}, received {received}", name, received),))


def type_name(type_: Any) -> str:
    """Return how a type is called in messages and listings."""
    if type_ is None or type_ is type(None):
        return "None"
    if isinstance(type_, str):
        return type_
    if isinstance(type_, types.UnionType) or typing.get_origin(type_) is typing.Union:
        return " | ".join(type_name(arm) for arm in typing.get_args(type_))
    origin, args = typing.get_origin(type_), typing.get_args(type_)
    if isinstance(type_, list):  # the parameters of a Callable
        return f"[{', '.join(map(type_name, type_))}]"
    if isinstance(origin, type) and args:
        inner = ", ".join("..." if arg is ... else type_name(arg) for arg in args)
        return f"{origin.__name__}[{inner}]"
    if isinstance(type_, type):
        return type_.__name__
    return str(type_).replace("typing.", "")


def fields_of(value: Any) -> dict[str, Any] | None:
    """Return the fields of an attrs or dataclass instance, not descending; else None."""
    cls = type(value)
    if attrs.has(cls):
        return {field.name: getattr(value, field.name) for field in attrs.fields(cls)}
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


# ---------------------------------------------------------------- faults
def faults_of(exc: BaseException, path: str = "") -> list[Fault]:
    """Return what an exception from a structure hook says, as faults with paths."""
    from cattrs.errors import ForbiddenExtraKeysError

    if isinstance(exc, FaultsError | InvalidValueError):
        return [attrs.evolve(fault, path=join(path, fault.path)) for fault in exc.faults]
    if isinstance(exc, BaseExceptionGroup):
        return [
            fault
            for inner in exc.exceptions
            for fault in faults_of(inner, join(path, _note_path(inner)))
        ]
    if isinstance(exc, ForbiddenExtraKeysError):
        return [Fault(join(path, key), "unknown key") for key in sorted(exc.extra_fields)]
    if isinstance(exc, KeyError):
        return [Fault(path, "required key is missing")]
    return [Fault(path, str(exc) or type(exc).__name__)]


def join(path: str, rest: str) -> str:
    """Join two parts of a path: ``join("a", "b")`` is ``"a.b"``, ``join("a", "[0]")`` ``"a[0]"``."""
    return path + rest if not path or not rest or rest.startswith("[") else f"{path}.{rest}"


def _note_path(exc: BaseException) -> str:
    from cattrs.errors import AttributeValidationNote, IterableValidationNote

    for note in getattr(exc, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return note.name
        if isinstance(note, IterableValidationNote):
            return f"[{note.index!r}]"
    return ""


def as_mapping(value: Any, cls: Any) -> Mapping[str, Any]:
    """Return a mapping to structure *cls* from: the value itself, or its fields.

    Raises:
      FaultsError: if the value is neither a mapping nor an attrs or dataclass instance.
    """
    if isinstance(value, Mapping):
        return value
    fields = fields_of(value)
    if fields is None:
        raise wrong_type(cls, value)
    return fields
