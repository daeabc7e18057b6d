"""Types as JSON Schema (draft 2020-12): the JSON that a value of the type is structured from.

The schemas follow `trioflow._values.rules`: nothing is coerced, unknown keys are not allowed,
and types that JSON lacks are strings.
"""

from __future__ import annotations

import functools
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Sequence as AbstractSequence
from collections.abc import Set as AbstractSet
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import attrs

from trioflow._values.structure import type_name
from trioflow.context import MISSING
from trioflow.describe._fields import (
    TypeField,
    description_of,
    fields_of_type,
    has_fields,
    has_metadata,
    unwrap,
)
from trioflow.describe._foreign import fill, refers_to_root
from trioflow.errors import NotSerializableError
from trioflow.outcomes import Failed
from trioflow.tools import Tool
from trioflow.wire._values import to_json

if TYPE_CHECKING:
    from trioflow._host.plugins import PluginHost

Schema: TypeAlias = dict[str, Any]
Ask: TypeAlias = Callable[[Any], Mapping[str, Any] | None]
"""Returns a plugin's schema of a type, or None, as ``trioflow_schema`` does."""

SCALARS: Mapping[Any, Schema] = {
    None: {"type": "null"},
    type(None): {"type": "null"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    time: {"type": "string", "format": "time"},
    timedelta: {"type": "string", "description": "seconds"},
    UUID: {"type": "string", "format": "uuid"},
    Decimal: {"type": "string", "description": "a decimal number"},
    Path: {"type": "string", "description": "a path"},
    bytes: {"type": "string", "contentEncoding": "base64"},
}

FAILED: Schema = {
    "title": "Failed",
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "message": {"type": "string"},
                "stack": {"type": "string"},
            },
            "required": ["name", "message"],
        },
        "attempts": {"type": "integer"},
        "address": {"type": "string"},
    },
    "required": ["error", "attempts", "address"],
    "additionalProperties": False,
}
"""The schema of `trioflow.Failed`."""


def json_schema(type_: Any, *, plugins: Iterable[Any] | None = None) -> Schema:
    """Return the JSON Schema of a type, such as the input of a step, or of the arguments of a tool.

    attrs classes, dataclasses, TypedDicts, and collections of them and of plain JSON types are
    described in full; strings in ``Annotated`` become descriptions. Plugins describe other
    classes; if no plugin describes a class, its schema allows everything.

    Args:
      type_: A type, as in an annotation; or a tool.
      plugins: Which plugins describe classes, as for `open_engine`; None means all installed
        ones. They are loaded only if a class needs them.

    Raises:
      NameError: if an annotation inside the type names something that does not exist.
      PluginError: if a plugin is unknown or broken.
    """

    @functools.cache
    def host() -> PluginHost:
        from trioflow._host.plugins import PluginHost

        return PluginHost(plugins)

    return describe_type(type_, lambda foreign: host().schema(foreign))


def describe_type(type_: Any, ask: Ask) -> Schema:
    """Return the JSON Schema of a type or tool; *ask* returns a plugin's schema of a class."""
    described = _Described(ask)
    is_tool = isinstance(type_, Tool)
    schema = described.arguments(type_) if is_tool else described.schema(type_)
    if len(schema) == 1 and "$ref" in schema:
        name = schema["$ref"].removeprefix(PREFIX)
        if name not in described.recursive:
            schema = described.definitions.pop(name)
    return schema | ({"$defs": described.definitions} if described.definitions else {})


PREFIX = "#/$defs/"
_UNSAFE = re.compile(r"\W+")


@attrs.define
class _Described:
    """The classes that a schema refers to, each described once."""

    ask: Ask
    definitions: dict[str, Schema] = attrs.field(factory=dict)
    names: dict[Any, str] = attrs.field(factory=dict)
    recursive: set[str] = attrs.field(factory=set)
    open: list[str] = attrs.field(factory=list)

    def arguments(self, tool: Tool[..., Any]) -> Schema:
        """Return the schema of the arguments of a tool: an object that has them by name."""
        if tool.given_schema is not None:
            return dict(tool.given_schema)
        fields = [
            TypeField(p.name, p.type, p.required, MISSING if p.required else p.default)
            for p in tool.parameters
        ]
        return self._fields(fields)

    def schema(self, type_: Any) -> Schema:
        """Return the schema of a type, by reference if it is a class with fields."""
        description = description_of(type_)
        given = self.ask(type_) if has_metadata(type_) else None
        schema = self._bare(unwrap(type_)) if given is None else fill(given, {}, self.schema)
        return schema | ({"description": description} if description else {})

    def _bare(self, type_: Any) -> Schema:
        if type_ is Failed:
            return self._reference(type_, Failed, FAILED)
        if type_ in SCALARS:
            return dict(SCALARS[type_])
        origin = typing.get_origin(type_) or type_
        args = typing.get_args(type_)
        if origin in (typing.Union, types.UnionType):
            return {"anyOf": [self.schema(arm) for arm in args]}
        if origin is typing.Literal:
            return _enum(args)
        if not isinstance(origin, type):
            return {}
        if issubclass(origin, Enum):
            return _enum(tuple(member.value for member in origin))
        if has_fields(origin):
            # A library may have made the dataclass, with rules of its own.
            ask = type_ not in self.names and is_dataclass(origin)
            return self._reference(type_, origin, self.ask(type_) if ask else None)
        return self._collection(origin, args) or self._foreign(type_, origin)

    def _collection(self, origin: type, args: tuple[Any, ...]) -> Schema:
        if issubclass(origin, tuple):
            return self._tuple(args)
        if issubclass(origin, Mapping):
            return {"type": "object", **self._of("additionalProperties", args[1:])}
        if issubclass(origin, AbstractSequence | AbstractSet) and not issubclass(origin, str):
            return {"type": "array", **self._of("items", args)}
        return {}

    def _of(self, key: str, args: tuple[Any, ...]) -> Schema:
        schema = self.schema(args[0]) if args else {}
        return {key: schema} if schema else {}

    def _tuple(self, args: tuple[Any, ...]) -> Schema:
        if not args or args[-1] is ...:
            return {"type": "array", **self._of("items", args)}
        count = len(args)
        arms = [self.schema(arm) for arm in args]
        return {"type": "array", "prefixItems": arms, "minItems": count, "maxItems": count}

    def _foreign(self, type_: Any, origin: type) -> Schema:
        """Return the schema of a class that only plugins can describe."""
        given = None if type_ in self.names or origin is object else self.ask(type_)
        if given is None and type_ not in self.names:
            return {}
        return self._reference(type_, origin, given)

    def _reference(self, type_: Any, origin: type, given: Mapping[str, Any] | None) -> Schema:
        """Return a reference to a class; *given* is the schema from a plugin, if there is one."""
        if type_ in self.names:
            name = self.names[type_]
            if name in self.open:
                self.recursive.add(name)
        else:
            name = self._take_name(self._name_of(type_, origin))
            self.names[type_] = name
            self.open.append(name)
            self.definitions[name] = (
                self._object(type_, origin) if given is None else self._adopted(given, name)
            )
            self.open.remove(name)
        return {"$ref": PREFIX + name}

    def _name_of(self, type_: Any, origin: type) -> str:
        name = _UNSAFE.sub("_", type_name(type_))
        if name in self.definitions:
            name = _UNSAFE.sub("_", f"{origin.__module__}.{name}")
        return name

    def _take_name(self, wanted: str) -> str:
        """Reserve a name that no definition has, so that outer classes come first; return it."""
        name, number = wanted, 1
        while name in self.definitions:
            number += 1
            name = f"{wanted}_{number}"
        self.definitions[name] = {}
        return name

    def _adopted(self, given: Mapping[str, Any], owner: str) -> Schema:
        """Return a plugin's schema, with its own definitions among all others."""
        own = given.get("$defs", {})
        taken = {name: self._take_name(f"{owner}_{name}") for name in own}
        names = {PREFIX + name: PREFIX + new for name, new in taken.items()}
        names["#"] = PREFIX + owner  # references to its own root, which is not the root here
        if refers_to_root(given):
            self.recursive.add(owner)
        for name, definition in own.items():
            self.definitions[taken[name]] = fill(definition, names, self.schema)
        rest = {key: value for key, value in given.items() if key != "$defs"}
        return typing.cast("Schema", fill(rest, names, self.schema))

    def _object(self, type_: Any, origin: type) -> Schema:
        fields = list(fields_of_type(type_, origin))
        return {"title": type_name(type_)} | self._fields(fields)

    def _fields(self, fields: Iterable[TypeField]) -> Schema:
        properties = {field.name: self._property(field) for field in fields}
        schema: Schema = {"type": "object", "properties": properties}
        required = [field.name for field in fields if field.required]
        if required:
            schema["required"] = required
        return schema | {"additionalProperties": False}

    def _property(self, field: TypeField) -> Schema:
        schema = self.schema(field.type)
        if field.default is MISSING:
            return schema
        try:
            return schema | {"default": to_json(field.default, "", None)}
        except NotSerializableError:
            return schema


def _enum(values: tuple[Any, ...]) -> Schema:
    members = (value.value if isinstance(value, Enum) else value for value in values)
    plain = [to_json(member, "", None) for member in members]
    return {"const": plain[0]} if len(plain) == 1 else {"enum": plain}
