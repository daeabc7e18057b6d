"""The JSON Schema of Structs and of ``Meta``, with references that trioflow resolves."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Mapping
from datetime import datetime, time
from types import UnionType
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import NODEFAULT
from msgspec.structs import FieldInfo

from trioflow.validation import type_name
from trioflow_msgspec.constraints import BOUNDED_SETS, metas_of
from trioflow_msgspec.fields import fields_of, is_list, keys_of, struct_of, tag_of, without_unset

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
ZONE = "[T ].*[Z+-]"
"""What only a date and time with a time zone matches."""


def schema_of(type_: Any) -> Schema:
    """Return the JSON Schema of a Struct; inner types are under ``$ref``."""
    cls = struct_of(type_)
    described = _list(type_, cls) if is_list(cls) else _object(type_, cls)
    text = {"description": inspect.cleandoc(cls.__doc__)} if cls.__doc__ else {}
    return {"title": type_name(type_), **text, **described}


def _object(type_: Any, cls: Any) -> Schema:
    tag, fields = tag_of(cls), fields_of(type_)
    properties = {tag[0]: {"const": tag[1]}} if tag else {}
    required, rules = [], []
    for field in fields:
        keys = keys_of(field, fields)
        properties |= dict.fromkeys(keys, _field(field))
        if len(keys) == 1 and field.required:
            required.append(keys[0])
        elif len(keys) > 1:
            rules.append(_one_of(keys, is_required=field.required))
    schema: Schema = {"type": "object", "properties": properties}
    schema |= {"required": required} if required else {}
    return schema | {"additionalProperties": False} | ({"allOf": rules} if rules else {})


def _one_of(keys: tuple[str, ...], *, is_required: bool) -> Schema:
    """Return the rule that a field is given under one of its keys."""
    given = [{"required": [key]} for key in keys]
    return {"oneOf": given if is_required else [*given, {"not": {"anyOf": given}}]}


def _list(type_: Any, cls: Any) -> Schema:
    tag, fields = tag_of(cls), fields_of(type_)
    first = [{"const": tag[1]}] if tag else []
    arms = [*first, *map(_field, fields)]
    required = len(first) + sum(field.required for field in fields)
    return {"type": "array", "prefixItems": arms, "minItems": required, "maxItems": len(arms)}


def _field(field: FieldInfo) -> Schema:
    schema: Schema = {"$ref": without_unset(field.type)[0]}
    if field.default is NODEFAULT or type(field.default) not in PLAIN:
        return schema
    return schema | {"default": field.default}


# ---------------------------------------------------------------- Meta
def annotated_schema(type_: Any) -> Schema:
    """Return the JSON Schema of a type with metadata."""
    inner = typing.get_args(type_)[0]
    schema: Schema = {"$ref": inner}
    for meta in metas_of(type_):
        schema |= dict(_words(meta, inner))
        if meta.tz is not None:
            schema.setdefault("allOf", []).append(_zone(meta.tz, _bare(inner)))
    return schema


def _zone(is_required: bool, cls: Any) -> Schema:
    zoned = {"pattern": {datetime: ZONE, time: "[Z+-]"}.get(cls, "")}
    return zoned if is_required else {"not": zoned}


def _words(meta: msgspec.Meta, inner: Any) -> Iterator[tuple[str, Any]]:
    """Yield the JSON Schema keywords of the metadata of a type."""
    for attribute, keyword in KEYWORDS.items():
        value = getattr(meta, attribute)
        if value is not None:
            yield keyword, value
    if (meta.min_length, meta.max_length) != (None, None):
        yield from _lengths(meta, [_bare(arm) for arm in _arms(inner)])
    yield from (meta.extra_json_schema or {}).items()


def _lengths(meta: msgspec.Meta, classes: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the limits of lengths; a keyword only applies to the JSON of its own kind."""
    for kind in {_kind(cls) for cls in classes} & LENGTHS.keys():
        for keyword, value in zip(LENGTHS[kind], (meta.min_length, meta.max_length), strict=True):
            if value is not None:
                yield keyword, value
    if any(cls in BOUNDED_SETS for cls in classes):
        yield "uniqueItems", True


def _kind(cls: Any) -> str:
    if not isinstance(cls, type) or issubclass(cls, (bytes, *PLAIN[1:])):
        return ""  # the base64 string has another length than the bytes
    if issubclass(cls, str):
        return "string"
    return "object" if issubclass(cls, Mapping) else "array"


def _arms(type_: Any) -> Iterator[Any]:
    if typing.get_origin(type_) in (typing.Union, UnionType):
        for arm in typing.get_args(type_):
            yield from _arms(arm)
    else:
        yield type_


def _bare(type_: Any) -> Any:
    """Return the class of a type, without metadata and type arguments."""
    while typing.get_origin(type_) is Annotated:
        type_ = typing.get_args(type_)[0]
    return struct_of(type_)
