"""Putting a schema that a plugin gave for a type of its own into the schema around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def fill(part: Any, names: Mapping[str, str], schema_of: Callable[[Any], dict[str, Any]]) -> Any:
    """Return a plugin's schema, or a part of one, with references that lead somewhere.

    Args:
      part: As it came from ``trioflow_schema``.
      names: What the plugin's own references become.
      schema_of: Returns the schema of a type that stands in the place of a reference.
    """
    if isinstance(part, list | tuple):
        return [fill(item, names, schema_of) for item in part]
    if not isinstance(part, Mapping):
        return part
    target = part.get("$ref")
    if target is None or isinstance(target, Mapping):  # the latter is a property of that name
        return {key: fill(value, names, schema_of) for key, value in part.items()}
    rest = {key: fill(value, names, schema_of) for key, value in part.items() if key != "$ref"}
    if isinstance(target, str):
        return {"$ref": names.get(target, target)} | rest
    return schema_of(target) | rest
