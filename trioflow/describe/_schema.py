"""Types as JSON Schema (draft 2020-12): the JSON that a value of the type is structured from.

The schemas follow `trioflow._values.rules`: nothing is coerced, unknown keys are not allowed,
and types that JSON lacks are strings.
"""

from __future__ import annotations

import functools
import re
import types
import typing
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from trioflow._hints import LITERAL_STRINGS
from trioflow._values.class_fields import ClassField, class_fields
from trioflow._values.containers import ITERABLES, LISTS, MAPPINGS, SETS
from trioflow._values.members import constant_to_json, schema_of_constants, schema_of_members
from trioflow._values.structure import type_name
from trioflow._values.texts import TEXTS
from trioflow.context import MISSING
from trioflow.describe._fields import (
    description_of,
    has_fields,
    has_metadata,
    is_name,
    is_named_tuple,
    target_of,
    unwrap,
)
from trioflow.describe._foreign import fill, refers_to_root
from trioflow.describe._keys import names_schema
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
    **{
        cls: {"type": "string", **text.extra, **({"pattern": text.pattern} if text.pattern else {})}
        for cls, text in TEXTS.items()
    },
    **{cls: {"type": "string"} for cls in LITERAL_STRINGS},
}
SAMPLES: Mapping[str, Any] = {
    "null": None,
    "boolean": True,
    "integer": 0,
    "number": 0.5,
    "string": "",
    "array": [],
    "object": {},
}
"""A value of each type of JSON."""
HASHABLE = ["null", "boolean", "integer", "number", "string"]

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

    JSON is accepted as input if and only if it is valid under the schema, and values are written
    as valid JSON. An integer is written without a fraction, as ``1``: for trioflow ``1.0`` is a
    number. Only code decides more: validators, converters, ``_missing_`` of enums.

    attrs classes, dataclasses, TypedDicts, NamedTuples, and collections of them and of plain JSON
    types are described in full; strings in ``Annotated`` become descriptions. Plugins describe
    other classes. If only instances of a class fit, its schema allows nothing, or the JSON types
    whose values are instances, such as lists and strings for `collections.abc.Sized`.

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
            ClassField(
                p.name, p.type, p.required, MISSING if p.required else p.default, parameter=p.name
            )
            for p in tool.parameters
        ]
        return self._fields(fields)

    def schema(self, type_: Any) -> Schema:
        """Return the schema of a type, by reference if it is a class with fields."""
        description = description_of(type_)
        given = self.ask(type_) if has_metadata(type_) else None
        schema = self._bare(unwrap(type_)) if given is None else self._inline(type_, given)
        return schema | ({"description": description} if description else {})

    def _inline(self, type_: Any, given: Mapping[str, Any]) -> Schema:
        """Return the schema that a plugin has for a type with constraints."""
        if "$defs" in given or refers_to_root(given):
            return self._reference(type_, type_name(type_), lambda name: self._adopted(given, name))
        return typing.cast("Schema", fill(given, {}, self.schema))

    def _bare(self, type_: Any) -> Schema:
        if type_ is Failed:
            return self._reference(type_, "Failed", lambda name: self._adopted(FAILED, name))
        if type_ in SCALARS:
            return dict(SCALARS[type_])
        if is_name(type_):  # a recursive one
            return self._reference(type_, _alias_name(type_), lambda _: self._alias(type_))
        origin = typing.get_origin(type_) or type_
        args = typing.get_args(type_)
        if origin in (typing.Union, types.UnionType):
            return {"anyOf": [self.schema(arm) for arm in args]}
        if origin is typing.Literal:
            return schema_of_constants(map(constant_to_json, args))
        if not isinstance(origin, type) or origin is object or origin is Any:
            return {}
        return self._of_class(type_, origin, args)

    def _alias(self, type_: Any) -> Schema:
        return self._bare(unwrap(target_of(type_)))

    def _of_class(self, type_: Any, origin: type, args: tuple[Any, ...]) -> Schema:
        if issubclass(origin, Enum):
            return schema_of_members(origin)
        if has_fields(origin):
            # A library may have made the dataclass, with rules of its own.
            ask = type_ not in self.names and is_dataclass(origin)
            given = self.ask(type_) if ask else None
            return self._reference(
                type_,
                type_name(type_),
                lambda name: self._object(type_) if given is None else self._adopted(given, name),
            )
        if is_named_tuple(origin):
            return self._reference(type_, type_name(type_), lambda _: self._named_tuple(type_))
        if origin is tuple:
            return self._tuple(type_, args)
        if origin in MAPPINGS:
            return self._mapping(origin, args)
        if origin in LISTS or origin in ITERABLES:
            return {"type": "array", **self._items(args)}
        if origin in SETS:
            return {"type": "array", "items": {"type": HASHABLE}, **self._items(args)}
        return self._foreign(type_, origin)

    def _items(self, args: tuple[Any, ...]) -> Schema:
        schema = self.schema(args[0]) if args else {}
        return {"items": schema} if schema else {}

    def _mapping(self, origin: type, args: tuple[Any, ...]) -> Schema:
        schema: Schema = {"type": "object"}
        if args:
            # In a scope of its own, for keys refer to nothing.
            keys = _Described(self.ask)
            names = names_schema(keys.schema(args[0]), keys.definitions)
            schema |= {} if names is True else {"propertyNames": names}
        items = (
            {"type": "integer"}
            if origin is Counter
            else self.schema(args[1] if len(args) > 1 else Any)
        )
        return schema | ({"additionalProperties": items} if items else {})

    def _tuple(self, type_: Any, args: tuple[Any, ...]) -> Schema:
        if typing.get_origin(type_) is None or args[-1:] == (...,):
            return {"type": "array", **self._items(args)}
        return _positions([self.schema(arm) for arm in args], len(args))

    def _named_tuple(self, type_: Any) -> Schema:
        fields = class_fields(type_)
        required = sum(field.required for field in fields)
        arms = [self._property(field) for field in fields]
        return {"title": type_name(type_)} | _positions(arms, required)

    def _foreign(self, type_: Any, origin: type) -> Schema:
        """Return the schema of a class that only plugins can describe."""
        given = None if type_ in self.names else self.ask(type_)
        if given is not None or type_ in self.names:
            adopted = given or {}
            return self._reference(
                type_, type_name(type_), lambda name: self._adopted(adopted, name)
            )
        base = next((base for base in origin.__mro__ if base in SCALARS), None)
        return _instances(origin) if base is None else dict(SCALARS[base])

    def _reference(self, type_: Any, wanted: str, make: Callable[[str], Schema]) -> Schema:
        """Return a reference to a type; *make* returns its schema, given its name."""
        if type_ in self.names:
            name = self.names[type_]
            if name in self.open:
                self.recursive.add(name)
        else:
            name = self._take_name(self._name_of(wanted, type_))
            self.names[type_] = name
            self.open.append(name)
            self.definitions[name] = make(name)
            self.open.remove(name)
        return {"$ref": PREFIX + name}

    def _name_of(self, wanted: str, type_: Any) -> str:
        name = _UNSAFE.sub("_", wanted)
        if name in self.definitions:
            module = getattr(typing.get_origin(type_) or type_, "__module__", "")
            name = _UNSAFE.sub("_", f"{module}.{name}")
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

    def _object(self, type_: Any) -> Schema:
        return {"title": type_name(type_)} | self._fields(class_fields(type_))

    def _fields(self, fields: Iterable[ClassField]) -> Schema:
        properties = {field.name: self._property(field) for field in fields}
        schema: Schema = {"type": "object", "properties": properties}
        required = [field.name for field in fields if field.required]
        if required:
            schema["required"] = required
        return schema | {"additionalProperties": False}

    def _property(self, field: ClassField) -> Schema:
        schema = self.schema(field.input_type)
        if not field.parameter:
            schema |= {"readOnly": True}
        if field.default is MISSING:
            return schema
        try:
            default = to_json(field.default, "", None)
        except NotSerializableError:
            return schema
        if field.is_constant:
            schema = {"const": default, "readOnly": True}
        return schema | {"default": default}


def _positions(arms: list[Schema], required: int) -> Schema:
    """Return the schema of a list with one schema per position."""
    if not arms:
        return {"type": "array", "maxItems": 0}
    return {"type": "array", "prefixItems": arms, "minItems": required, "maxItems": len(arms)}


def _instances(cls: Any) -> Schema:
    """Return the schema of a class of which only instances fit: a protocol, or an opaque class."""
    try:
        fitting = [name for name, sample in SAMPLES.items() if isinstance(sample, cls)]
    except TypeError:  # a protocol that only type checkers can check
        return {}
    if len(fitting) == len(SAMPLES):
        return {}
    return {"type": fitting} if fitting else {"not": {}}


def _alias_name(type_: Any) -> str:
    is_quoted = isinstance(type_, typing.ForwardRef)
    return type_.__forward_arg__ if is_quoted else type_name(type_)
