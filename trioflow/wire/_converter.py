"""The converter that writes values that are not plain JSON."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from trioflow._values.structure import fields_of, make_converter, wrong_type
from trioflow.errors import Fault, FaultsError, WireFormatError
from trioflow.outcomes import Failed
from trioflow.wire._failures import error_from_wire, error_to_wire

if TYPE_CHECKING:
    from cattrs import Converter


@functools.cache
def default_converter() -> Converter:
    """Return the converter that is used if none is given."""
    return make_wire_converter()


def make_wire_converter() -> Converter:
    """Return a new converter that writes what trioflow itself can read back.

    It writes enums, dates (ISO 8601), paths, bytes (base64) and the like as strings, and attrs
    classes and dataclasses field by field.
    """
    converter = make_converter()

    def by_fields(cls: type) -> Callable[[Any], Any]:
        # cattrs writes a field by its declared type and so drops what a subclass adds.
        return fields_of

    converter.register_unstructure_hook_factory(_has_fields, by_fields)
    converter.register_unstructure_hook(Failed, failed_to_wire)
    converter.register_structure_hook(Failed, failed_from_wire)
    return converter


def failed_to_wire(failed: Failed) -> dict[str, Any]:
    """Return a failure of ``on_error="collect"`` as a JSON object."""
    error = error_to_wire(failed.error)
    return {"error": error, "attempts": failed.attempts, "address": failed.address}


def failed_from_wire(value: Any, cls: Any) -> Failed:
    """Return the `Failed` of an object that `failed_to_wire` returned.

    Raises:
      FaultsError: if it is not such an object.
    """
    if isinstance(value, Failed):
        return value
    if not isinstance(value, Mapping):
        raise wrong_type(cls, value)
    attempts, address = value.get("attempts"), value.get("address")
    if type(attempts) is not int or not isinstance(address, str):
        raise FaultsError((Fault("", "expected error, attempts and address"),))
    try:
        return Failed(error_from_wire(value.get("error"), "error"), attempts, address)
    except WireFormatError as exc:
        raise FaultsError((Fault("error", exc.problem),)) from exc


def _has_fields(cls: Any) -> bool:
    return isinstance(cls, type) and (attrs.has(cls) or dataclasses.is_dataclass(cls))
