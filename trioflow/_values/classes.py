"""Classes with named fields: attrs, dataclasses, TypedDict, NamedTuple."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from typing import Any, NotRequired, Required, TypeVar

import attrs
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn
from typing_extensions import ReadOnly, is_typeddict

from trioflow._values.containers import origin_of, positions_hook, structure_part
from trioflow._values.scalars import Hook
from trioflow._values.structure import as_mapping, unknown_keys, wrong_type
from trioflow.errors import Fault, FaultsError


def is_class(cls: Any) -> bool:
    """Return whether *cls* is an attrs class or a dataclass, with or without type arguments."""
    origin = origin_of(cls)
    return isinstance(origin, type) and (attrs.has(origin) or dataclasses.is_dataclass(origin))


def is_typed_dict(cls: Any) -> bool:
    return is_typeddict(origin_of(cls))


def is_named_tuple(cls: Any) -> bool:
    origin = origin_of(cls)
    return isinstance(origin, type) and issubclass(origin, tuple) and hasattr(origin, "_fields")


def stand_in(cls: Any) -> Any:
    """Return the bound or constraints of a type variable; other types unchanged."""
    if not isinstance(cls, TypeVar):
        return cls
    if cls.__constraints__:
        return typing.Union[cls.__constraints__]  # noqa: UP007
    return Any if cls.__bound__ is None else cls.__bound__


def class_hook(cls: Any, converter: Converter) -> Hook:
    """Return a hook for a class; accepts mappings and instances of other such classes."""
    origin = origin_of(cls)
    arguments = typing.get_args(cls) or getattr(origin, "__parameters__", ())
    # cattrs does not support type variables, so each is replaced by its bound or constraints.
    complete = origin[tuple(map(stand_in, arguments))] if arguments else cls
    inner = make_dict_structure_fn(complete, converter, _cattrs_forbid_extra_keys=True)

    def structure(value: Any, _: Any) -> Any:
        return value if isinstance(value, origin) else inner(as_mapping(value, cls), cls)

    return structure


def typed_dict_hook(cls: Any, converter: Converter) -> Hook:
    """Return a hook for a TypedDict; accepts the same values as a class."""
    fields = {
        field.name: (field, converter.get_structure_hook(field.type)) for field in _fields_of(cls)
    }

    def structure(value: Any, _: Any) -> Any:
        given = as_mapping(value, cls)
        faults: list[Fault] = []
        items = {}
        for name, (field, hook) in fields.items():
            if name in given:
                items[name] = structure_part(given[name], hook, field.type, name, faults)
            elif field.required:
                faults.append(Fault(name, "required key is missing"))
        faults += unknown_keys(given.keys() - fields.keys())
        if faults:
            raise FaultsError(tuple(faults))
        unchanged = all(items[key] is item for key, item in given.items())
        return value if unchanged and isinstance(value, dict) else items

    return structure


@attrs.frozen
class _Field:
    name: str
    type: Any
    required: bool


def _fields_of(cls: Any) -> Iterator[_Field]:
    """Yield the fields of a TypedDict, with its type arguments filled in."""
    origin = origin_of(cls)
    arguments = dict(zip(getattr(origin, "__parameters__", ()), typing.get_args(cls), strict=False))
    for name, hint in typing.get_type_hints(origin, include_extras=True).items():
        # If annotations are strings, __required_keys__ does not evaluate them.
        required = name in origin.__required_keys__
        while typing.get_origin(hint) in (Required, NotRequired, ReadOnly):
            marker, (hint,) = typing.get_origin(hint), typing.get_args(hint)  # noqa: PLW2901
            required = required if marker is ReadOnly else marker is Required
        yield _Field(name, _substituted(hint, arguments), required)


def _substituted(hint: Any, arguments: Mapping[Any, Any]) -> Any:
    if isinstance(hint, TypeVar):
        return arguments.get(hint, hint)
    variables = getattr(hint, "__parameters__", ())
    return hint[tuple(arguments.get(each, each) for each in variables)] if variables else hint


def named_tuple_hook(cls: Any, converter: Converter) -> Hook:
    """Return a hook for a NamedTuple; accepts lists and tuples, because JSON has only lists."""
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
