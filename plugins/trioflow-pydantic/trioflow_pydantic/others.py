"""Types with their own Pydantic schema that are not models, such as ``HttpUrl``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from cattrs import Converter
from pydantic import TypeAdapter, ValidationError

from trioflow.errors import FaultsError
from trioflow_pydantic.faults import refusals
from trioflow_pydantic.parts import is_plain


def reader(cls: Any, _: Converter) -> Callable[[Any, Any], Any]:
    """Return a hook that reads a type."""
    adapter: TypeAdapter[Any] = TypeAdapter(cls)

    def structure(value: Any, _: Any) -> Any:
        if isinstance(value, cls):
            return value
        try:
            if is_plain(value):
                return adapter.validate_json(json.dumps(value), strict=True)
            return adapter.validate_python(value, strict=True)
        except ValidationError as exc:
            raise FaultsError(tuple(refusals(exc, value, {}))) from exc

    return structure


def writer(cls: Any, _: Converter) -> Callable[[Any], Any]:
    """Return a hook that writes a value of a type."""
    adapter: TypeAdapter[Any] = TypeAdapter(cls)
    return lambda value: adapter.dump_python(value, mode="json", round_trip=True)


def schema_of(cls: Any) -> Mapping[str, Any]:
    """Return the JSON Schema of a type."""
    return TypeAdapter(cls).json_schema(by_alias=False)
