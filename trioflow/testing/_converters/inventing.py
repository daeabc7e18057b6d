"""JSON made up from a JSON Schema: most of it is valid, some is just not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

PREFIX = "#/$defs/"
MOST_LEVELS = 4
"""The levels of references that are followed; below, any JSON is made up."""
KEYS = st.text(max_size=3)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | KEYS
ANYTHING = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2)
)
EDGES: st.SearchStrategy[Any] = st.sampled_from(
    [0, 1, -1, 1.0, True, None, "", "0", "01", "1\n", "true", "null", [], {}]
)

Json = st.SearchStrategy[Any]


def invented(schema: Any) -> Json:
    """Return a strategy for JSON that the keywords of a schema suggest."""
    return _Inventor(schema.get("$defs", {}) if isinstance(schema, Mapping) else {}).of(schema, 0)


class _Inventor:
    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions

    def of(self, schema: Any, level: int) -> Json:
        if not isinstance(schema, Mapping) or level > MOST_LEVELS:
            return ANYTHING | EDGES
        if "$ref" in schema:
            target = self._definitions.get(str(schema["$ref"]).removeprefix(PREFIX), True)
            return self.of(target, level + 1)
        if "const" in schema:
            return st.just(schema["const"]) | EDGES
        if "enum" in schema:
            return st.sampled_from(schema["enum"]) | EDGES
        arms = [arm for key in ("anyOf", "oneOf", "allOf") for arm in schema.get(key, ())]
        if arms:
            return st.one_of([self.of(arm, level + 1) for arm in arms])
        return self._typed(schema, level)

    def _typed(self, schema: Mapping[str, Any], level: int) -> Json:
        named = schema.get("type")
        made = [
            self._of_type(name, schema, level)
            for name in (named if isinstance(named, list) else [named])
        ]
        return st.one_of([*made, EDGES])

    def _of_type(self, name: Any, schema: Mapping[str, Any], level: int) -> Json:
        if name == "string":
            return _strings(schema)
        if name in ("integer", "number"):
            return _numbers(name, schema)
        if name == "array":
            return self._arrays(schema, level)
        if name == "object":
            return self._objects(schema, level)
        return {"boolean": st.booleans(), "null": st.none()}.get(name, ANYTHING)

    def _arrays(self, schema: Mapping[str, Any], level: int) -> Json:
        first = [self.of(arm, level + 1) for arm in schema.get("prefixItems", ())]
        others = st.lists(self.of(schema.get("items", True), level + 1), max_size=2)
        shorter = st.integers(0, 1 if first else 0)
        return st.builds(
            lambda head, tail, cut: [*head[: len(head) - cut], *tail],
            st.tuples(*first),
            st.just([]) | others if first else others,
            shorter,
        )

    def _objects(self, schema: Mapping[str, Any], level: int) -> Json:
        properties = {
            key: self.of(each, level + 1) for key, each in schema.get("properties", {}).items()
        }
        required = [key for key in schema.get("required", ()) if key in properties]
        named = st.fixed_dictionaries(
            {key: properties[key] for key in required},
            optional={key: each for key, each in properties.items() if key not in required},
        )
        names = schema.get("propertyNames", True)
        keys = (self.of(names, level + 1) | KEYS).filter(lambda key: isinstance(key, str))
        others = schema.get("additionalProperties", True)
        if others is False:
            return named | st.builds(lambda one, key: {**one, key: None}, named, keys)
        items = self.of(others, level + 1)
        return st.builds(
            lambda one, more: one | more, named, st.dictionaries(keys, items, max_size=2)
        )


def _strings(schema: Mapping[str, Any]) -> Json:
    if "pattern" in schema:
        # Hypothesis takes "$" for what stands before a final line end, too.
        matching = st.from_regex(schema["pattern"], alphabet=st.characters(max_codepoint=126))
        return matching | matching.map(str.strip) | KEYS
    least, most = schema.get("minLength", 0), schema.get("maxLength", 8)
    return st.text(min_size=least, max_size=max(least, most)) | KEYS


def _numbers(name: str, schema: Mapping[str, Any]) -> Json:
    near = {
        key: schema[key]
        for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
        if key in schema
    }
    edges = [edge + more for edge in near.values() for more in (-1, 0, 1)]
    numbers: Json = st.integers() if name == "integer" else st.floats(-1e9, 1e9) | st.integers()
    return st.sampled_from(edges) | numbers if edges else numbers
