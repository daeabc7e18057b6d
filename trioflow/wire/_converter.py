"""The converter that writes what is not JSON itself."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from trioflow._values.structure import fields_of, make_converter

if TYPE_CHECKING:
    from cattrs import Converter


@functools.cache
def default_converter() -> Converter:
    """Return the converter that is used where none is given."""
    return make_wire_converter()


def make_wire_converter() -> Converter:
    """Return a new converter that writes what trioflow itself knows how to read back.

    Enums, dates (ISO 8601), paths, bytes (base64) and the like as strings; attrs classes and
    dataclasses field by field.
    """
    converter = make_converter()

    def by_fields(cls: type) -> Callable[[Any], Any]:
        # cattrs writes a field by its declared type and so drops what a subclass adds.
        return fields_of

    converter.register_unstructure_hook_factory(_has_fields, by_fields)
    return converter


def _has_fields(cls: Any) -> bool:
    return isinstance(cls, type) and (attrs.has(cls) or dataclasses.is_dataclass(cls))
