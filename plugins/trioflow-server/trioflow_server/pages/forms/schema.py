"""What of a JSON Schema forms can show; everything else is a field for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs

Schema: TypeAlias = Mapping[str, Any]
Shape: TypeAlias = Literal[
    "union", "choice", "fixed", "object", "list", "row", "string", "number", "boolean", "null",
    "json",
]  # fmt: skip
"""``"choice"`` is one of several values, ``"row"`` a list with one schema per place."""
DEPTH = 8
"""How deep fields are nested; deeper values are JSON, as in types that contain themselves."""
MOST_ROWS = 50
"""Most places of a list of fixed length."""
_PREFIX = "#/$defs/"


@attrs.frozen
class Shaped:
    """A schema, without references, and how it is shown."""

    shape: Shape
    schema: Schema
    branches: tuple[Schema, ...] = ()
    """The alternatives of a union."""

    @property
    def about(self) -> str:
        """What the schema says about its values."""
        text = self.schema.get("description", "")
        return text if isinstance(text, str) else ""

    @property
    def needed(self) -> frozenset[str]:
        """The keys of an object that must be given."""
        given = self.schema.get("required")
        return frozenset(filter(_is_text, given)) if isinstance(given, list) else frozenset()

    @property
    def name(self) -> str:
        """What the alternative of a union is called."""
        title = self.schema.get("title")
        if isinstance(title, str) and title:
            return title
        words = {"number": str(self.schema.get("type", "number")), "null": "nothing", "row": "list"}
        return words.get(self.shape, self.shape)


@attrs.frozen
class Shaper:
    """Finds the shapes of schemas that share definitions."""

    definitions: Schema

    def shape(self, schema: Any, depth: int = 0) -> Shaped:
        """Return how a schema is shown; *depth* says how deep inside the form."""
        found = self._resolved(schema)
        if found is None or depth > DEPTH:
            return Shaped("json", found or {})
        branches = self._branches(found)
        if branches:
            rest = {key: found[key] for key in ("title", "description", "default") if key in found}
            return Shaped("union", rest, branches)
        return Shaped(_shape_of(found), found)

    def _resolved(self, schema: Any) -> Schema | None:
        for _ in range(DEPTH):  # references to references
            if not isinstance(schema, Mapping):
                return None
            name = schema.get("$ref")
            if not isinstance(name, str):
                return schema
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            meant = self.definitions.get(name.removeprefix(_PREFIX))
            if not isinstance(meant, Mapping):
                return None
            schema = {**meant, **beside}
        return None

    def _branches(self, schema: Schema) -> tuple[Schema, ...]:
        for key in ("anyOf", "oneOf"):
            found = schema.get(key)
            if isinstance(found, list) and found:
                rest = {name: schema[name] for name in schema.keys() - {key, "default"}}
                only = [each for each in found if isinstance(each, Mapping)]
                kept = {name: rest[name] for name in rest if name not in ("title", "description")}
                return tuple({**kept, **each} for each in only)
        kinds = schema.get("type")
        if isinstance(kinds, list):
            rest = {name: schema[name] for name in schema.keys() - {"type", "default"}}
            return tuple({**rest, "type": kind} for kind in kinds)
        return ()


def _shape_of(schema: Schema) -> Shape:
    if "const" in schema:
        return "fixed"
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return "choice"
    match schema.get("type"):
        case "object":
            return "object" if _has_known_keys(schema) else "json"
        case "array":
            return _list_shape(schema)
        case "string":
            return "string"
        case "integer" | "number":
            return "number"
        case "boolean":
            return "boolean"
        case "null":
            return "null"
        case _:
            return "json"


def _has_known_keys(schema: Schema) -> bool:
    properties = schema.get("properties")
    others = schema.get("additionalProperties", False)
    return isinstance(properties, Mapping) and (bool(properties) or others is False)


def _list_shape(schema: Schema) -> Shape:
    places = schema.get("prefixItems")
    if isinstance(places, Sequence):
        is_fixed = schema.get("maxItems", len(places)) == len(places) <= MOST_ROWS
        return "row" if is_fixed else "json"
    return "list" if isinstance(schema.get("items"), Mapping) else "json"


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def allows_null(schema: Any) -> bool:
    """Return whether null fits an alternative."""
    return isinstance(schema, Mapping) and schema.get("type") == "null"
