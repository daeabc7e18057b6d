"""Examples of answers, made from the JSON Schema that answers have to fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

DEEPEST = 8
"""How many schemas are followed inside each other."""
NOTES = frozenset({"type", "title", "description", "examples"})
"""What a schema may say of a plain value for which any value of its type is an example."""
PLAIN: Mapping[str, Any] = {
    "boolean": True,
    "null": None,
    "string": "...",
    "integer": 1,
    "number": 1,
    "array": [],
}


def example_of(schema: Mapping[str, Any]) -> str | None:
    """Return an object that fits a schema, as JSON; None if the schema does not say enough.

    Only required keys are in it. Values of other types than objects need no example.
    """
    try:
        value = _example(schema, schema.get("$defs", {}), DEEPEST)
    except (LookupError, AttributeError, TypeError, ValueError):  # anything may be in a journal
        return None
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else None


def _example(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> Any:
    """Return a value that fits a schema.

    Raises:
      LookupError: if none is found.
    """
    if not depth:
        raise LookupError("it is nested too deeply")
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return _example(definitions[name], definitions, depth - 1)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return _first(schema[key], definitions, depth - 1)
    if schema["type"] == "object":
        needed = schema.get("required", ())
        known = schema.get("properties", {})
        return {key: _example(known[key], definitions, depth - 1) for key in needed}
    if not schema.keys() <= NOTES | {"items"}:
        raise LookupError("not every value of its type fits")
    return PLAIN[schema["type"]]


def _first(schemas: Any, definitions: Mapping[str, Any], depth: int) -> Any:
    for schema in schemas:
        try:
            return _example(schema, definitions, depth)
        except LookupError:
            continue
    raise LookupError("there is no example of any alternative")
