"""Nodes of core schemas that call other readers: trioflow's, or Pydantic's for a part alone."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
from cattrs import Converter
from pydantic_core import SchemaSerializer, SchemaValidator, ValidationError, core_schema

from trioflow.errors import Fault, NotSerializableError
from trioflow.validation import faults_of, to_json
from trioflow_pydantic.faults import RefusedError, refusals

Node: TypeAlias = dict[str, Any]

FOREIGN = "trioflow-type"
"""The metadata of a node that trioflow reads: its type."""
CHECKED = "trioflow-node"
"""The metadata of a node that is read alone: a `Part`."""


def foreign(type_: Any, converter: Converter | None) -> Node:
    """Return a node for a type that trioflow reads, writes and describes."""

    def read(value: Any) -> Any:
        assert converter is not None, "a schema that only describes does not read"
        try:
            return converter.get_structure_hook(type_)(value, type_)
        except Exception as exc:
            raise RefusedError(tuple(faults_of(exc))) from exc

    def write(value: Any) -> Any:
        return to_json(value, "", converter)

    return _plain_node(
        read, core_schema.plain_serializer_function_ser_schema(write), FOREIGN, type_
    )


def checked(node: Node, pattern: str | None, bytes_form: str, definitions: Sequence[Node]) -> Node:
    """Return a node that reads JSON at its place, also if Python values are around it.

    Args:
      node: The node that reads.
      pattern: What strings must match.
      bytes_form: The form of bytes in JSON.
      definitions: The definitions that the node may refer to. The list may still grow.
    """
    part = Part(node, pattern, bytes_form, definitions)
    writer = core_schema.plain_serializer_function_ser_schema(part.write, info_arg=True)
    return _plain_node(part.read, writer, CHECKED, part)


def _plain_node(read: Callable[[Any], Any], writer: Any, key: str, value: Any) -> Node:
    return dict(
        core_schema.no_info_plain_validator_function(
            read, serialization=writer, metadata={key: value}
        )
    )


@attrs.frozen(eq=False, slots=False)
class Part:
    """A node that is read and written alone, with its own validator and serializer."""

    node: Node
    pattern: str | None
    bytes_form: str
    definitions: Sequence[Node]

    @functools.cached_property
    def schema(self) -> Any:
        """The core schema: the node, with the definitions."""
        if not self.definitions:
            return self.node
        return {"type": "definitions", "schema": self.node, "definitions": list(self.definitions)}

    @functools.cached_property
    def _config(self) -> Any:
        return {"ser_json_bytes": self.bytes_form, "val_json_bytes": self.bytes_form}

    @functools.cached_property
    def _validator(self) -> SchemaValidator:
        return SchemaValidator(self.schema, self._config, _use_prebuilt=False)

    @functools.cached_property
    def _serializer(self) -> SchemaSerializer:
        return SchemaSerializer(self.schema, self._config, _use_prebuilt=False)

    @functools.cached_property
    def _is_distinct(self) -> bool:
        return is_bounded_set(self.node)

    @functools.cached_property
    def _syntax(self) -> re.Pattern[str] | None:
        return None if self.pattern is None else re.compile(self.pattern)

    def read(self, value: Any) -> Any:
        """Return the value that JSON stands for, or a Python value that fits.

        Raises:
          RefusedError: if it does not fit.
        """
        problem = self._problem(value)
        if problem is not None:
            raise RefusedError((Fault("", problem),))
        try:
            return read_with(self._validator, value)
        except ValidationError as exc:
            raise RefusedError(tuple(refusals(exc, value, {}))) from exc

    def _problem(self, value: Any) -> str | None:
        """Return what is wrong with JSON that the validator might accept."""
        is_text = self._syntax is not None and isinstance(value, str)
        if is_text and self._syntax.fullmatch(value) is None:  # type: ignore[union-attr]
            return f"{value!r} is not a {self.node['type']} in JSON"
        is_listed = self._is_distinct and type(value) is list and is_plain(value)
        if is_listed and len(set(map(json.dumps, value))) < len(value):
            return "expected different items"
        return None

    def write(self, value: Any, info: core_schema.SerializationInfo) -> Any:
        """Return the JSON of a value."""
        return self._serializer.to_python(
            value,
            mode="json",
            by_alias=True,
            round_trip=True,
            exclude_unset=info.exclude_unset,
            fallback=_refuse,
        )


def _refuse(value: Any) -> Any:
    raise NotSerializableError("", f"is a {type(value).__name__}, which has no JSON form")


def read_with(validator: SchemaValidator, value: Any) -> Any:
    """Return what a validator reads, strictly.

    A value of plain JSON types is read as JSON, because strictly a date or a set is only read
    from there.

    Raises:
      ValidationError: if it does not fit.
    """
    if is_plain(value):
        text = json.dumps(value)
        return validator.validate_json(text, strict=True, by_alias=True, by_name=False)
    return validator.validate_python(value, strict=True, by_alias=True, by_name=False)


def is_plain(value: Any) -> bool:
    """Return whether a value consists only of JSON types."""
    if value is None or type(value) in (str, int, float, bool):
        return True
    if type(value) is list:
        return all(map(is_plain, value))
    if type(value) is dict:
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    return False


def is_bounded_set(node: Mapping[str, Any]) -> bool:
    """Return whether a node limits the size of a set.

    The items in JSON must then differ, so that their number is the size.
    """
    is_set = node["type"] in ("set", "frozenset")
    return is_set and not node.keys().isdisjoint(("min_length", "max_length"))


def part_in(node: Mapping[str, Any], key: str) -> Any:
    """Return what a node of this module was made from; None for other nodes."""
    return node.get("metadata", {}).get(key)
