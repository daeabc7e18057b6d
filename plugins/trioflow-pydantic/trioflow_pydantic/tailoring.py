"""Pydantic's core schema of a type, changed so that its JSON is one thing.

From the changed schema come the validator, the serializer and the JSON Schema, so what is read, what is
written and what is described agree:

- Unknown keys are forbidden, unless the type itself says otherwise.
- All names of a field are read, and one of them is written. See `aliases`.
- Bytes and durations are written in the form in which they are read.
- Enums, literals and classes that Pydantic does not support are trioflow's, as outside of models.
- Strings such as dates have a certain syntax, and so do keys that are not strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs
from cattrs import Converter

from trioflow_pydantic.aliases import with_keys
from trioflow_pydantic.keys import tailored_keys
from trioflow_pydantic.parties import checked, foreign
from trioflow_pydantic.syntax import pattern_of

Node: TypeAlias = dict[str, Any]
"""A part of a core schema. Its "type" says which."""

OPAQUE = frozenset(
    ("config", "default", "expected", "function", "members", "metadata", "serialization")
)
"""Keys of nodes whose values contain no nodes that matter."""
BRANCHES = {"lax-or-strict": "strict_schema", "json-or-python": "json_schema"}
"""Nodes with several children of which one reads JSON strictly."""
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
            child = BRANCHES[kind]
            return {**node, child: self._node(node[child], around)}
        theirs = _type_of(node)
        if theirs is not None:
            return _keep_ref(node, foreign(theirs[0], self.converter))
        node = {key: self._child(key, each, around) for key, each in node.items()}
        if kind == "definitions":
            self.definitions.extend(node["definitions"])
        if kind == "generator":  # reads when it is used, and only once
            node["type"] = "list"
        if kind in DICTS and "keys_schema" in node:
            node["keys_schema"] = tailored_keys(node["keys_schema"], self.definitions)
        return self._checked(_CHANGES.get(kind, _unchanged)(node), around)

    def _child(self, key: str, value: Any, around: Around) -> Any:
        if key in OPAQUE:
            return value
        if isinstance(value, dict):
            if isinstance(value.get("type"), str):
                return self._node(value, around)
            return {name: self._child(name, each, around) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._child("", each, around) for each in value)
        return value

    def _checked(self, node: Node, around: Around) -> Node:
        pattern = pattern_of(node, around.bytes_form)
        if pattern is None and not (around.after_python and node["type"] in ONLY_FROM_JSON):
            return node
        bare = {key: value for key, value in node.items() if key != "ref"}
        return _keep_ref(node, checked(bare, pattern, around.bytes_form, self.definitions))


def _within(node: Node, around: Around) -> Around:
    after_python = around.after_python or node["type"] in AFTER_PYTHON
    if node["type"] in CLASSES:
        return Around(bytes_form(node.get("config", {})), after_python=after_python)
    return attrs.evolve(around, after_python=after_python)


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
    return {**node, "fields": with_keys(node["fields"], owner)}


def _with_listed_keys(node: Node) -> Node:
    named = {field["name"]: field for field in node["fields"]}
    return {**node, "fields": list(with_keys(named, node["dataclass_name"]).values())}


_CHANGES = {
    "model": _configured,
    "dataclass": _configured,
    "typed-dict": _typed_dict,
    "model-fields": _with_named_keys,
    "dataclass-args": _with_listed_keys,
}
