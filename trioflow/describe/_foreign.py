"""Embeds a schema that a plugin returns for its own type into the schema around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DATA = ("const", "default", "enum", "examples")
"""Keys whose values are data, not schemas."""
NAMED = ("properties", "patternProperties", "$defs", "dependentSchemas")
"""Keys whose values are schemas by arbitrary names."""


def refers_to_root(part: Any) -> bool:
    """Return whether a schema refers to itself as a whole."""
    if isinstance(part, list | tuple):
        return any(map(refers_to_root, part))
    if not isinstance(part, Mapping):
        return False
    return part.get("$ref") == "#" or any(map(refers_to_root, part.values()))


def fill(part: Any, names: Mapping[str, str], schema_of: Callable[[Any], dict[str, Any]]) -> Any:
    """Return a plugin's schema, or a part of one, with its references resolved.

    Args:
      part: The schema or part as ``trioflow_schema`` returned it.
      names: The new targets of the plugin's own references.
      schema_of: Returns the schema of a type that is used as the target of a reference.
    """
    if isinstance(part, list | tuple):
        return [fill(item, names, schema_of) for item in part]
    if not isinstance(part, Mapping):
        return part
    target = part.get("$ref")
    filled = {
        key: _filled(key, value, names, schema_of) for key, value in part.items() if key != "$ref"
    }
    if target is None:
        return filled
    if isinstance(target, str):
        return {"$ref": names.get(target, target)} | filled
    return schema_of(target) | filled


def _filled(
    key: str, value: Any, names: Mapping[str, str], schema_of: Callable[[Any], dict[str, Any]]
) -> Any:
    if key in DATA:
        return value
    if key in NAMED and isinstance(value, Mapping):  # a property may have any name, "$ref" too
        return {name: fill(each, names, schema_of) for name, each in value.items()}
    return fill(value, names, schema_of)
