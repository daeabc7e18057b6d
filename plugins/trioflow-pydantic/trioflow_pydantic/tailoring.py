"""Pydantic's core schema of a type, changed so that its JSON is one thing.

From the changed schema come the validator, the serializer and the JSON Schema, so what is read,
what is written and what is described agree:

- Unknown keys are forbidden, unless the type itself says otherwise.
- All names of a field are read, and one of them is written. See `aliases`.
- Bytes and durations are written in the form in which they are read.
- Enums, literals and classes that Pydantic does not support are trioflow's, as outside of models.
- Strings such as dates have a certain syntax, and so do keys that are not strings.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

import attrs
from cattrs import Converter

from trioflow_pydantic.aliases import with_keys
from trioflow_pydantic.keys import tailored_keys
from trioflow_pydantic.parties import checked, foreign, is_bounded_set
from trioflow_pydantic.syntax import pattern_of

Node: TypeAlias = dict[str, Any]
"""A part of a core schema. Its "type" says which."""

OPAQUE = frozenset(("config", "default", "expected", "function", "members", "metadata"))
"""Keys of nodes whose values contain no nodes that matter."""
BRANCHES = {"lax-or-strict": "strict_schema", "json-or-python": "json_schema"}
"""Nodes with several children, and the child that reads JSON strictly."""
DICTS = ("dict", "frozendict", "ordered-dict", "counter")
AFTER_PYTHON = ("function-before", "function-wrap")
"""Nodes whose functions may get JSON, but give Python values."""
ONLY_FROM_JSON = ("model", "dataclass", "set", "frozenset", "tuple", "bytes")
"""Nodes that, strictly, are not read from the Python values of JSON."""


@attrs.frozen
class Around:
    """What is known about the nodes around a node."""

    bytes_form: str = "utf8"
    after_python: bool = False
    hints: Mapping[str, Any] = attrs.field(factory=dict)
    """The annotations of the fields of the class, by name."""
    generic: Mapping[Any, Iterator[Any]] = attrs.field(factory=dict)
    """The types with arguments in the annotation of the field, by their class."""


@attrs.frozen
class Tailor:
    """Changes the core schemas of one type."""

    converter: Converter | None
    """Reads and writes types that Pydantic does not support; None if only described."""
    definitions: list[Node] = attrs.field(factory=list, init=False)
    """The changed definitions of the type."""

    def tailor(self, schema: Mapping[str, Any]) -> Node:
        """Return a changed core schema.

        Raises:
          TypeError: if it has fields that cannot be written.
        """
        return self._node(dict(schema), Around())

    def _node(self, node: Node, around: Around) -> Node:
        kind = node["type"]
        around = _within(node, around)
        if kind in BRANCHES:
            return self._branch(node, around)
        theirs = _type_of(node)
        if theirs is not None:
            # Pydantic does not keep the arguments of types that it does not support.
            type_ = next(around.generic.get(theirs[0], iter(())), theirs[0])
            return _keep_ref(node, foreign(type_, self.converter))
        node = {key: self._child(key, each, around) for key, each in node.items()}
        if kind == "definitions":
            self.definitions.extend(node["definitions"])
        if kind == "generator":  # reads when it is used, and only once
            node["type"] = "list"
        if kind in DICTS and "keys_schema" in node:
            node["keys_schema"] = tailored_keys(node["keys_schema"], self.definitions)
        return self._checked(_CHANGES.get(kind, _unchanged)(node), around)

    def _branch(self, node: Node, around: Around) -> Node:
        """Change the child that reads JSON strictly, and the serializer."""
        child = BRANCHES[node["type"]]
        changed = {child: self._child(child, node[child], around)}
        if "lax_schema" in node:  # never read, but it would be described
            changed["lax_schema"] = changed[child]
        if "serialization" in node:
            changed["serialization"] = self._child("serialization", node["serialization"], around)
        return node | changed

    def _child(self, key: str, value: Any, around: Around) -> Any:
        if key in OPAQUE:
            return value
        if key == "serialization":  # may write with a node of its own
            inner = value.get("schema")
            return {**value, "schema": self._node(inner, around)} if inner else value
        if isinstance(value, dict):
            if isinstance(value.get("type"), str):
                return self._node(value, _in_field(value.get("name", key), value, around))
            return {name: self._child(name, each, around) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._child("", each, around) for each in value)
        return value

    def _checked(self, node: Node, around: Around) -> Node:
        pattern = pattern_of(node, around.bytes_form)
        is_python = around.after_python and node["type"] in ONLY_FROM_JSON
        if pattern is None and not is_python and not is_bounded_set(node):
            return node
        bare = {key: value for key, value in node.items() if key != "ref"}
        return _keep_ref(node, checked(bare, pattern, around.bytes_form, self.definitions))


def _within(node: Node, around: Around) -> Around:
    after_python = around.after_python or node["type"] in AFTER_PYTHON
    if node["type"] in CLASSES:
        form, hints = bytes_form(node.get("config", {})), _hints_of(node.get("cls"))
        root = hints.get("root") if node.get("root_model") else None
        return Around(form, after_python, hints, _generic_in(root))
    return attrs.evolve(around, after_python=after_python)


def _hints_of(cls: Any) -> Mapping[str, Any]:
    fields = vars(cls).get("__pydantic_fields__") if isinstance(cls, type) else None
    if fields is not None:
        return {name: field.annotation for name, field in fields.items()}
    return {} if cls is None else typing.get_type_hints(cls)


def _in_field(name: str, node: Node, around: Around) -> Around:
    if not node["type"].endswith("-field"):
        return around
    return attrs.evolve(around, generic=_generic_in(around.hints.get(name)))


def _generic_in(type_: Any) -> dict[Any, Iterator[Any]]:
    """Return the types with arguments in a type, by their class and in their order."""
    found: dict[Any, list[Any]] = {}
    for inner in _types_in(type_):
        found.setdefault(typing.get_origin(inner), []).append(inner)
    return {cls: iter(each) for cls, each in found.items()}


def _types_in(type_: Any) -> Iterator[Any]:
    yield type_
    for argument in typing.get_args(type_):
        yield from _types_in(argument)


def bytes_form(config: Mapping[str, Any]) -> Literal["utf8", "base64", "hex"]:
    """Return the form of bytes in JSON: the one that is read, or else the one that is written."""
    form: Literal["utf8", "base64", "hex"] = config.get(
        "val_json_bytes", config.get("ser_json_bytes", "utf8")
    )
    return form


def _keep_ref(old: Node, new: Node) -> Node:
    return {**new, "ref": old["ref"]} if "ref" in old else new


def _type_of(node: Node) -> tuple[Any] | None:
    """Return the type of a node that trioflow reads and writes, if it does."""
    if node["type"] in ("enum", "is-instance", "named-tuple"):
        return (node["cls"],)
    if node["type"] == "literal":
        return (Literal[tuple(node["expected"])],)
    if node["type"] == "call" and hasattr(node["function"], "_fields"):
        return (node["function"],)
    return None


# ---------------------------------------------------------------- classes
CLASSES = ("model", "dataclass", "typed-dict")


def _unchanged(node: Node) -> Node:
    return node


def _configured(node: Node) -> Node:
    """Return the schema of a class with a closed and consistent configuration."""
    config = {"extra_fields_behavior": "forbid", **node.get("config", {})}
    form = bytes_form(config)
    config |= {"ser_json_bytes": form, "val_json_bytes": form, "revalidate_instances": "never"}
    config |= {"ser_json_temporal": "iso8601", "ser_json_timedelta": "iso8601"}
    return {**node, "config": config}


def _typed_dict(node: Node) -> Node:
    node = _configured(_with_named_keys(node))
    return {**node, "extra_behavior": node["config"]["extra_fields_behavior"]}


def _with_named_keys(node: Node) -> Node:
    owner = node.get("model_name") or getattr(node.get("cls"), "__name__", "a TypedDict")
    return {**node, "fields": with_keys(node["fields"], str(owner))}


def _with_listed_keys(node: Node) -> Node:
    # A field that cannot be given is made again when its object is.
    hidden = {True: {}, False: {"serialization_exclude": True}}
    named = {each["name"]: {**each, **hidden[each.get("init", True)]} for each in node["fields"]}
    return {**node, "fields": list(with_keys(named, node["dataclass_name"]).values())}


_CHANGES = {
    "model": _configured,
    "dataclass": _configured,
    "typed-dict": _typed_dict,
    "model-fields": _with_named_keys,
    "dataclass-args": _with_listed_keys,
}
