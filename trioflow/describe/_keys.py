"""The JSON Schema of keys, which are strings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from trioflow._values.keys import INTEGER

PREFIX = "#/$defs/"
MOST_LISTED = 256
"""The number of integers up to which a range of keys is listed."""
NOTHING: Mapping[str, Any] = {"not": {}}


def names_schema(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    """Return the schema of the keys of an object, given that of their type.

    Returns:
      True if any string is a key; False if none is, because no value of the type has one as its
      JSON text.
    """
    if schema.get("$ref"):
        target = definitions[schema["$ref"].removeprefix(PREFIX)]
        return names_schema(target, definitions)
    arms = [arm for keyword in ("anyOf", "oneOf") for arm in schema.get(keyword, ())]
    if arms:
        return _any_of([names_schema(arm, definitions) for arm in arms])
    if "const" in schema or "enum" in schema:
        return _listed(schema.get("enum", [schema.get("const")]))
    named = schema.get("type")
    if named is None:
        return schema != NOTHING
    return _any_of(
        [_typed(name, schema) for name in ([named] if isinstance(named, str) else named)]
    )


def _any_of(found: list[Any]) -> Any:
    if True in found:
        return True
    arms = [arm for arm in found if arm is not False]
    if len(arms) > 1:
        return {"anyOf": arms}
    return arms[0] if arms else False


def _listed(values: list[Any]) -> Any:
    texts = list(_texts(values))
    return {"enum": texts} if texts else False


def _texts(values: list[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif value is None or isinstance(value, int):
            yield json.dumps(value)


def _typed(name: str, schema: Mapping[str, Any]) -> Any:
    if name == "string":
        rest = {key: value for key, value in schema.items() if key not in ("title", "default")}
        return True if rest.keys() <= {"type", "description"} else rest
    if name == "integer":
        least, most = schema.get("minimum"), schema.get("maximum")
        if least is not None and most is not None and most - least < MOST_LISTED:
            return _listed(list(range(least, most + 1)))
        return {"pattern": INTEGER}
    return {"boolean": {"enum": ["true", "false"]}, "null": {"const": "null"}}.get(name, False)
