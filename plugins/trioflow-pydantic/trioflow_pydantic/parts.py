"""The parts of models: which ones trioflow's converter structures, and which it must not."""

from __future__ import annotations

import functools
import json
import typing
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Annotated, Any, TypeAlias

from cattrs import Converter
from cattrs.errors import StructureHandlerNotFoundError
from pydantic import AliasChoices, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from trioflow.errors import FaultsError
from trioflow_pydantic.faults import refusals
from trioflow_pydantic.parties import is_plain

Part: TypeAlias = Callable[[Any], Any]
"""Returns the structured part of a model; may raise the errors of structure hooks."""

ANYTHING = ConfigDict(arbitrary_types_allowed=True)

OTHER_FORMS = (bytes, bytearray, timedelta)
"""Types whose JSON form differs between Pydantic and trioflow. Pydantic reads them, so that a
string has the same meaning everywhere."""


def parts_of(cls: Any, converter: Converter) -> dict[str, Part]:
    """Return functions that structure the parts of a class, by all names and aliases."""
    parts: dict[str, Part] = {}
    for name, field in cls.__pydantic_fields__.items():
        keys = _keys_of(name, field)
        parts.update(dict.fromkeys(keys, _part_of(field, converter) or _left_alone))
    return parts


def _part_of(field: FieldInfo, converter: Converter) -> Part | None:
    if any(map(_transforms, (*field.metadata, *_metadata_in(field.annotation)))):
        return None
    if any(inner in OTHER_FORMS for inner in _types_in(field.annotation)):
        adapter: TypeAdapter[Any] = TypeAdapter(field.annotation or Any, config=ANYTHING)
        return functools.partial(_read_plain, adapter)
    # A discriminator in the field belongs to the type of the union.
    type_ = field.annotation if field.discriminator is None else _with(field.annotation, field)
    try:
        hook = converter.get_structure_hook(type_)
    except StructureHandlerNotFoundError:  # for example, a protocol
        return None
    return functools.partial(_structured, hook, type_)


def _with(type_: Any, metadata: Any) -> Any:
    return Annotated[type_, metadata]


def _structured(hook: Callable[[Any, Any], Any], type_: Any, value: Any) -> Any:
    return hook(value, type_)


def _read_plain(adapter: TypeAdapter[Any], value: Any) -> Any:
    if not is_plain(value):
        return value
    try:
        return adapter.validate_json(json.dumps(value), strict=True)
    except ValidationError as exc:
        raise FaultsError(tuple(refusals(exc, value, {}))) from exc


def _left_alone(value: Any) -> Any:
    return value


def _types_in(type_: Any) -> Iterator[Any]:
    yield type_
    for argument in typing.get_args(type_):
        yield from _types_in(argument)


def _metadata_in(type_: Any) -> Iterator[Any]:
    for inner in _types_in(type_):
        yield from getattr(inner, "__metadata__", ())


def _transforms(metadata: Any) -> bool:
    """Return whether metadata may transform a value, as a validator does.

    Some transformations must not run twice: Base64 would be decoded a second time.
    """
    return hasattr(metadata, "__get_pydantic_core_schema__")


def _keys_of(name: str, field: FieldInfo) -> Iterator[str]:
    yield name
    alias = field.validation_alias
    for choice in alias.choices if isinstance(alias, AliasChoices) else [alias]:
        if isinstance(choice, str):
            yield choice
