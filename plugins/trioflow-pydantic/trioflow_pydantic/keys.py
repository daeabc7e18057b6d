"""Keys of dicts that are not strings: JSON writes ``{1: "a"}`` as ``{"1": "a"}``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
from pydantic_core import core_schema

from trioflow.describe import json_schema
from trioflow.errors import Fault, NotSerializableError
from trioflow_pydantic.faults import RefusedError
from trioflow_pydantic.parties import CHECKED, Part, part_in
from trioflow_pydantic.syntax import INTEGER, NUMBER

Node: TypeAlias = dict[str, Any]
Resolve: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any]]

NAMES = "trioflow-names"
"""In a schema that is resolved: that of the strings that stand for the values, as keys."""
KEY = "trioflow-key"
"""The metadata of a node for keys: the `KeyPart`."""
STRINGS = ("str", "url", "multi-host-url", "bytes", "custom-error", "any")
WRAPPERS = ("function-after", "function-before", "function-wrap", "default", "nullable")
"""Nodes around one other node."""
SCALAR = re.compile(f"{NUMBER}|true|false|null")
"""The JSON of a key that is not a string."""


def tailored_keys(node: Node, definitions: Sequence[Node]) -> Node:
    """Return a node that reads keys, from one that reads values."""
    if _reads_strings(node):
        return node
    part = KeyPart(Part(node, None, "utf8", definitions))
    writer = core_schema.plain_serializer_function_ser_schema(part.write, info_arg=True)
    made = core_schema.no_info_plain_validator_function(
        part.read, serialization=writer, metadata={KEY: part}
    )
    return dict(made)


def _reads_strings(node: Node) -> bool:
    while node["type"] in WRAPPERS and node["type"] != "nullable":
        node = node["schema"]
    return node["type"] in STRINGS or part_in(node, CHECKED) is not None


@attrs.frozen(eq=False)
class KeyPart:
    """A node for keys that are written as the JSON of a scalar."""

    part: Part

    def read(self, key: Any) -> Any:
        """Return the key that a string stands for: the string itself, if it fits.

        Raises:
          RefusedError: if it does not fit.
        """
        try:
            return self.part.read(key)
        except RefusedError as exc:
            if not (isinstance(key, str) and SCALAR.fullmatch(key)):
                raise RefusedError(tuple(_as_key(exc.faults))) from exc
        try:
            return self.part.read(json.loads(key))
        except RefusedError as exc:
            raise RefusedError(tuple(_as_key(exc.faults))) from exc

    def write(self, key: Any, info: core_schema.SerializationInfo) -> str:
        """Return the string of a key.

        Raises:
          NotSerializableError: if it is neither written as a string nor as another scalar.
        """
        plain = self.part.write(key, info)
        if isinstance(plain, str):
            return plain
        text = json.dumps(plain)
        if SCALAR.fullmatch(text) is None:
            raise NotSerializableError("", f"has the key {key!r}, which no string stands for")
        return text


def _as_key(faults: Sequence[Fault]) -> Iterator[Fault]:
    for fault in faults:
        yield attrs.evolve(fault, path="", problem=f"as a key, {fault.problem}")


# ---------------------------------------------------------------- schemas
def names_for(
    node: Mapping[str, Any], schema: Mapping[str, Any], resolve: Resolve
) -> dict[str, Any]:
    """Return the schema of the strings that stand for keys.

    Args:
      node: The node that reads the keys.
      schema: The schema of the keys as values.
      resolve: Returns a schema in place of one that refers to it, as that of an alias does, or to
        a type that trioflow reads.
    """
    part: KeyPart | None = part_in(node, KEY)
    if part is None:
        return {key: value for key, value in schema.items() if key not in ("title", "default")}
    return _strings_of(schema, resolve)


def names_of_foreign(type_: Any) -> dict[str, Any]:
    """Return the schema of the strings that stand for keys of a type that trioflow reads."""
    return dict(json_schema(dict[type_, int], plugins=()).get("propertyNames", {}))


def _strings_of(schema: Mapping[str, Any], resolve: Resolve) -> dict[str, Any]:
    schema = resolve(schema)
    if NAMES in schema:
        return dict(schema[NAMES])
    if "anyOf" in schema:
        return {"anyOf": [_strings_of(arm, resolve) for arm in schema["anyOf"]]}
    match schema.get("type"):
        case "integer":
            return {"pattern": f"^{_signed(INTEGER, schema)}$"}
        case "number":
            return {"pattern": f"^{_signed(NUMBER, schema)}$"}
        case "boolean":
            return {"enum": ["true", "false"]}
        case "null":
            return {"const": "null"}
        case "string":
            return dict(schema)
        case _:
            return {}


def _signed(pattern: str, schema: Mapping[str, Any]) -> str:
    """Return a pattern without the sign, if no negative number fits."""
    least = schema.get("minimum", schema.get("exclusiveMinimum", -1))
    return pattern.removeprefix("-?") if least >= 0 else pattern
