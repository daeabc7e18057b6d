"""JSON Schemas and values as MCP has them: arguments and results are always objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]

INPUT = "input"
"""The argument that holds the input of a workflow, if that is no object."""
RESULT = "result"
"""The key of the output, if that is no object."""
SUSPENDED = "suspended"
"""The key of what a run waits for, in the place of its output."""
_DEFS = "#/$defs/"


def rooted(schema: Mapping[str, Any]) -> Schema:
    """Return a schema whose root is no reference, as that of a type that contains itself is."""
    reference = schema.get("$ref", "")
    meant = schema.get("$defs", {}).get(reference.removeprefix(_DEFS))
    if meant is None:
        return dict(schema)
    return {**meant, "$defs": schema["$defs"]}


def is_object(schema: Mapping[str, Any]) -> bool:
    """Return whether only objects fit a schema."""
    return schema.get("type") == "object"


def object_with(name: str, schema: Mapping[str, Any]) -> Schema:
    """Return the schema of an object with one property of the given schema.

    The property is optional if any value fits.
    """
    inner = {key: value for key, value in schema.items() if key != "$defs"}
    outer: Schema = {"type": "object", "properties": {name: inner}, "additionalProperties": False}
    if inner:
        outer["required"] = [name]
    if "$defs" in schema:
        outer["$defs"] = schema["$defs"]
    return outer


def empty_object() -> Schema:
    """Return the schema of an object without properties."""
    return {"type": "object", "properties": {}, "additionalProperties": False}


def or_suspended(schema: Mapping[str, Any]) -> Schema:
    """Return the schema of a result: the output, or what the run waits for."""
    output = {key: value for key, value in schema.items() if key != "$defs"}
    waiting = {"properties": {SUSPENDED: {"type": "object"}}, "required": [SUSPENDED]}
    result: Schema = {"type": "object", "anyOf": [output, waiting]}
    if "$defs" in schema:
        result["$defs"] = schema["$defs"]
    return result
