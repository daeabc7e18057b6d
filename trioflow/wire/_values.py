"""Values of users, and times, as plain JSON types."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import TYPE_CHECKING, Any

import attrs

from trioflow._values.structure import fields_of, make_converter
from trioflow.errors import NotSerializableError

if TYPE_CHECKING:
    from cattrs import Converter


@functools.cache
def default_converter() -> Converter:
    """Return the converter that is used where none is given."""
    return make_wire_converter()


def make_wire_converter() -> Converter:
    """Return a new converter that writes what trioflow itself knows how to read back.

    Enums, dates (ISO 8601), paths, bytes (base64) and the like as texts; attrs classes and
    dataclasses field by field.
    """
    converter = make_converter()

    def by_fields(cls: type) -> Callable[[Any], Any]:
        # cattrs writes a field by its declared type and so drops what a subclass adds.
        return fields_of

    converter.register_unstructure_hook_factory(_has_fields, by_fields)
    return converter


def to_json(value: Any, path: str, converter: Converter | None) -> Any:
    """Return *value* made of dicts with text keys, lists, texts, numbers, booleans and None.

    Sets become sorted lists, so that equal sets are written alike.

    Args:
      value: Anything.
      path: Where it stands, for the error.
      converter: Writes what is not JSON itself; `default_converter` if None.

    Raises:
      NotSerializableError: if a part of it has no JSON form.
    """
    if value is None or type(value) in (str, bool, int):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        raise NotSerializableError(path, f"float {value}")
    if isinstance(value, Mapping):
        return {
            _key(key, path, converter): to_json(
                item, f"{path}.{key}" if path else f"{key}", converter
            )
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [to_json(item, f"{path}[{i}]", converter) for i, item in enumerate(value)]
    if isinstance(value, AbstractSet):
        return sorted((to_json(item, path, converter) for item in value), key=json.dumps)
    return _convert(value, path, converter)


def lenient_json(value: Any, converter: Converter | None = None) -> Any:
    """Return *value* made of plain JSON types, with the ``repr`` of what has no JSON form.

    For people to look at: unlike `to_wire` it accepts every value, and what it returns
    cannot be read back.

    Args:
      value: Anything.
      converter: Writes what is not JSON itself; a plain cattrs converter if not given.
    """
    if isinstance(value, Mapping):
        return {str(key): lenient_json(item, converter) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [lenient_json(item, converter) for item in value]
    try:
        return to_json(value, "", converter)
    except NotSerializableError:
        return repr(value)


def milliseconds(at: float) -> int:
    """Return seconds since the epoch as whole milliseconds since the epoch."""
    return round(at * 1000)


def _convert(value: Any, path: str, converter: Converter | None) -> Any:
    raw = (converter or default_converter()).unstructure(value)
    if raw is not value:
        return to_json(raw, path, converter)
    for plain in (str, int, float):
        if isinstance(value, plain) and not isinstance(value, Enum):
            return plain(value)
    raise NotSerializableError(path, type(value).__name__)


def _key(key: Any, path: str, converter: Converter | None) -> str:
    plain = to_json(key, f"{path} key", converter)
    if isinstance(plain, str | int) and not isinstance(plain, bool):
        return str(plain)
    raise NotSerializableError(f"{path} key {key!r}", type(key).__name__)


def _has_fields(cls: Any) -> bool:
    return isinstance(cls, type) and (attrs.has(cls) or dataclasses.is_dataclass(cls))
