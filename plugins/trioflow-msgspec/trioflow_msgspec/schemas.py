"""The JSON Schema of Structs, with references that trioflow resolves."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import UnionType
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import NODEFAULT, UnsetType
from msgspec.structs import FieldInfo

from trioflow.validation import type_name
from trioflow_msgspec.constraints import metas_of
from trioflow_msgspec.fields import fields_of, is_list, struct_of, tag_of

Schema: TypeAlias = dict[str, Any]

KEYWORDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
    "title": "title",
    "description": "description",
    "examples": "examples",
}
"""JSON Schema keywords of the attributes of ``Meta`` that do not depend on the type."""
LENGTHS = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}
PLAIN = (str, int, float, bool, type(None))


def schema_of(type_: Any) -> Schema:
    """Return the JSON Schema of a Struct; inner types are under ``$ref``."""
    cls = struct_of(type_)
    described = _list(type_, cls) if is_list(cls) else _object(type_, cls)
    text = {"description": inspect.cleandoc(cls.__doc__)} if cls.__doc__ else {}
    return {"title": type_name(type_), **text, **described}


def _object(type_: Any, cls: Any) -> Schema:
    tag, fields = tag_of(cls), fields_of(type_)
    properties = {tag[0]: {"const": tag[1]}} if tag else {}
    properties |= {field.encode_name: _field(field) for field in fields}
    required = [field.encode_name for field in fields if field.required]
    schema: Schema = {"type": "object", "properties": properties}
    return schema | ({"required": required} if required else {}) | {"additionalProperties": False}


def _list(type_: Any, cls: Any) -> Schema:
    tag, fields = tag_of(cls), fields_of(type_)
    first = [{"const": tag[1]}] if tag else []
    arms = [*first, *map(_field, fields)]
    required = len(first) + sum(field.required for field in fields)
    return {"type": "array", "prefixItems": arms, "minItems": required, "maxItems": len(arms)}


def _field(field: FieldInfo) -> Schema:
    schema = describe(field.type)
    if field.default is NODEFAULT or type(field.default) not in PLAIN:
        return schema
    return schema | {"default": field.default}


def describe(type_: Any) -> Schema:
    """Return the schema of the type of a field, including ``Meta`` at any depth."""
    origin, args = typing.get_origin(type_), typing.get_args(type_)
    if origin is Annotated:
        words = (word for meta in metas_of(type_) for word in _words(meta, args[0]))
        return describe(args[0]) | dict(words)
    if origin in (typing.Union, UnionType):
        arms = [describe(arm) for arm in args if arm is not UnsetType]
        return arms[0] if len(arms) == 1 else {"anyOf": arms}
    if not any(map(_is_annotated, args)) or not isinstance(origin, type):
        return {"$ref": type_}
    if issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": describe(args[1])}
    if issubclass(origin, Sequence | AbstractSet) and (len(args) == 1 or args[-1] is ...):
        return {"type": "array", "items": describe(args[0])}
    return {"$ref": type_}


def _is_annotated(type_: Any) -> bool:
    return typing.get_origin(type_) is Annotated or any(map(_is_annotated, typing.get_args(type_)))


def _words(meta: msgspec.Meta, inner: Any) -> Iterator[tuple[str, Any]]:
    """Yield the JSON Schema keywords of the metadata of a type."""
    for attribute, keyword in KEYWORDS.items():
        value = getattr(meta, attribute)
        if value is not None:
            yield keyword, value
    cls = struct_of(inner)
    kind = "string"
    if isinstance(cls, type) and not issubclass(cls, str | bytes):
        kind = "object" if issubclass(cls, Mapping) else "array"
    for keyword, value in zip(LENGTHS[kind], (meta.min_length, meta.max_length), strict=True):
        if value is not None and cls is not bytes:  # the base64 string has another length
            yield keyword, value
    yield from (meta.extra_json_schema or {}).items()
