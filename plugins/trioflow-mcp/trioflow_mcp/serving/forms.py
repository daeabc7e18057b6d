"""Forms that clients can show: an object with plain properties, for answers of any type."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from trioflow_mcp.serving.schemas import Schema, is_object, rooted

ANSWER = "answer"
"""The property of the answer, if that is no object; with several kinds of answer, the kind."""
PLAIN = ("string", "number", "integer", "boolean")
KEPT = (
    *("type", "title", "description", "default", "enum"),
    *("minimum", "maximum", "minLength", "maxLength", "format"),
)
"""The keys that properties of a form can have."""
_DEFS = "#/$defs/"


@frozen
class Form:
    """What a client shows, and how the answer is made of what was filled in."""

    schema: Schema
    read: Callable[[Mapping[str, Any]], Any]


def form_of(schema: Mapping[str, Any]) -> Form:
    """Return the form for answers of a schema: as JSON in a string if nothing simpler fits."""
    definitions = schema.get("$defs", {})
    root = rooted(schema)
    plain = _plain(root)
    if plain is not None:
        return Form(_object({ANSWER: plain}, [ANSWER]), lambda content: content[ANSWER])
    properties = _properties(root, definitions)
    if properties is not None:
        return Form(_object(properties, root.get("required", ())), dict)
    return _choice(root, definitions) or _text(schema)


def _object(properties: Mapping[str, Any], required: Any) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": list(required)}


def _plain(schema: Mapping[str, Any]) -> Schema | None:
    """Return a schema as the property of a form; None if it cannot be one."""
    if "const" in schema:
        schema = {**schema, "enum": [schema["const"]]}
    options = schema.get("enum")
    if options is not None:
        if not all(isinstance(option, str) for option in options):
            return None
        schema = {**schema, "type": "string"}
    if schema.get("type") not in PLAIN:
        return None
    return {key: value for key, value in schema.items() if key in KEPT and value is not None}


def _properties(
    schema: Mapping[str, Any], definitions: Mapping[str, Any]
) -> dict[str, Schema] | None:
    """Return the properties of an object that a form can have; None if a required one cannot."""
    if not is_object(schema) or "properties" not in schema:
        return None
    found = {}
    for name, inner in schema["properties"].items():
        plain = _plain(_without_null(inner, definitions))
        if plain is not None:
            found[name] = plain
        elif name in schema.get("required", ()):
            return None
    return found


def _without_null(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what else than null fits: an optional property is left out instead."""
    meant = definitions.get(schema.get("$ref", "").removeprefix(_DEFS), schema)
    others = [each for each in meant.get("anyOf", ()) if each.get("type") != "null"]
    if len(others) == 1 and len(others) < len(meant["anyOf"]):
        return {**others[0], **{key: meant[key] for key in ("description",) if key in meant}}
    found: Mapping[str, Any] = meant
    return found


def _choice(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Form | None:
    """Return a form for several kinds of answer, such as approved or refused."""
    kinds: dict[str, tuple[dict[str, Any], dict[str, Schema]]] = {}
    for each in schema.get("anyOf", ()):
        kind = definitions.get(each.get("$ref", "").removeprefix(_DEFS), each)
        properties = _properties(kind, definitions)
        if properties is None or "title" not in kind:
            return None
        given = kind["properties"]
        fixed = {name: each["const"] for name, each in given.items() if "const" in each}
        free = {name: form for name, form in properties.items() if name not in fixed}
        kinds[kind["title"].partition("[")[0]] = (fixed, free)
    if len(kinds) < 2:
        return None
    shown: dict[str, Any] = {ANSWER: {"type": "string", "enum": list(kinds)}}
    for name, (_, free) in kinds.items():
        for key, form in free.items():
            shown.setdefault(key, {**form, "description": f"for {name}"})

    def read(content: Mapping[str, Any]) -> Any:
        fixed, free = kinds[content[ANSWER]]
        return fixed | {key: content[key] for key in free if key in content}

    return Form(_object(shown, [ANSWER]), read)


def _text(schema: Mapping[str, Any]) -> Form:
    """Return a form with one string, which is JSON if it can be read as such."""
    wanted = f"JSON for this schema: {json.dumps(schema)}" if schema else "text, or JSON"
    property = {"type": "string", "description": wanted}
    return Form(_object({ANSWER: property}, [ANSWER]), lambda content: _parsed(content[ANSWER]))


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return text
