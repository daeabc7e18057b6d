"""Classes with named fields: attrs, dataclasses, TypedDict, NamedTuple."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
from cattrs import Converter
from cattrs.errors import StructureHandlerNotFoundError
from typing_extensions import is_typeddict

from trioflow._values.class_fields import ClassField, class_fields
from trioflow._values.containers import origin_of, positions_hook
from trioflow._values.scalars import Hook
from trioflow._values.structure import accept, as_mapping, faults_of, unknown_keys, wrong_type
from trioflow.context import MISSING
from trioflow.errors import Fault, FaultsError

Parts: TypeAlias = dict[str, Any]


def is_class(cls: Any) -> bool:
    """Return whether *cls* is an attrs class or a dataclass, with or without type arguments."""
    origin = origin_of(cls)
    return isinstance(origin, type) and (attrs.has(origin) or dataclasses.is_dataclass(origin))


def is_typed_dict(cls: Any) -> bool:
    return is_typeddict(origin_of(cls))


def is_named_tuple(cls: Any) -> bool:
    origin = origin_of(cls)
    return isinstance(origin, type) and issubclass(origin, tuple) and hasattr(origin, "_fields")


def class_hook(cls: Any, converter: Converter) -> Hook:
    """Return a hook for a class; accepts mappings and instances of other such classes."""
    origin, fields = origin_of(cls), class_fields(cls)
    parameters = {field.name: field.parameter for field in fields if field.parameter}
    is_usual = all(field.name == field.parameter for field in fields)

    def make(_: Any, parts: Parts) -> Any:
        given = parts
        if not is_usual:
            given = {parameters[name]: part for name, part in parts.items() if name in parameters}
        try:
            made = origin(**given)
        except Exception as exc:  # of the class itself, such as from a validator
            raise FaultsError(tuple(faults_of(exc))) from exc
        if len(given) < len(parts):
            _check_own(made, {name: part for name, part in parts.items() if name not in parameters})
        return made

    return _fields_hook(cls, fields, converter, lambda value: isinstance(value, origin), make)


def _check_own(made: Any, given: Parts) -> None:
    """Check the given fields that only the class itself sets: written values have them."""
    faults = []
    for name, part in given.items():
        own = getattr(made, name, MISSING)
        if type(own) is not type(part) or own != part:
            found = "nothing" if own is MISSING else repr(own)
            problem = f"{type(made).__name__} itself sets it, to {found}; received {part!r}"
            faults.append(Fault(name, problem))
    if faults:
        raise FaultsError(tuple(faults))


def typed_dict_hook(cls: Any, converter: Converter) -> Hook:
    """Return a hook for a TypedDict; accepts the same values as a class."""

    def make(value: Any, parts: Parts) -> Any:
        is_same = isinstance(value, dict) and all(parts[key] is value[key] for key in value)
        return value if is_same else parts

    return _fields_hook(cls, class_fields(cls), converter, lambda value: False, make)


def _fields_hook(
    cls: Any,
    fields: tuple[ClassField, ...],
    converter: Converter,
    is_made: Callable[[Any], bool],
    make: Callable[[Any, Parts], Any],
) -> Hook:
    """Return a hook that structures fields by name.

    Args:
      is_made: Returns whether a value is passed on unchanged.
      make: Returns the result, given a value and its structured fields.
    """
    hooks = [(field, field.name, field.input_type, _hook_of(field, converter)) for field in fields]
    names = {field.name for field in fields}

    # In one function, because the depth of values is limited by the frames of each level.
    def structure(value: Any, _: Any) -> Any:
        if is_made(value):
            return value
        given = value if type(value) is dict else as_mapping(value, cls)
        faults: list[Fault] = []
        parts = {}
        for field, name, type_, hook in hooks:
            if name in given:
                try:
                    parts[name] = hook(given[name], type_)
                except Exception as exc:
                    faults += faults_of(exc, name)
            elif field.required:
                faults.append(Fault(name, "required key is missing"))
        if len(parts) < len(given):
            faults += unknown_keys(given.keys() - names)
        if faults:
            raise FaultsError(tuple(faults))
        return make(value, parts)

    return structure


def _hook_of(field: ClassField, converter: Converter) -> Hook:
    try:
        return converter.get_structure_hook(field.input_type)
    except StructureHandlerNotFoundError:
        if field.converts:
            return accept
        raise


def named_tuple_hook(cls: Any, converter: Converter) -> Hook:
    """Return a hook for a NamedTuple; accepts lists and tuples, because JSON has only lists."""
    origin, fields = origin_of(cls), class_fields(cls)
    required = sum(field.required for field in fields)
    structure_items = positions_hook([field.input_type for field in fields], required, converter)

    def structure(value: Any, _: Any) -> Any:
        if isinstance(value, origin):
            return value
        if not isinstance(value, list | tuple):
            raise wrong_type(cls, value)
        return origin(*structure_items(value))

    return structure
