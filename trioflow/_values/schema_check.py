"""Checks JSON against a JSON Schema, in processes that do not have the original type.

Supports the keywords that `trioflow.describe` writes and those that are common in plugins'
schemas. Other keywords are ignored: the process that has the type checks again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from trioflow._values.structure import join
from trioflow.errors import Fault

Schema = Mapping[str, Any]
PREFIX = "#/$defs/"


def check_schema(value: Any, schema: Schema) -> tuple[Fault, ...]:
    """Return the faults of a value according to its JSON Schema; none if it fits.

    Args:
      value: Plain JSON types.
      schema: The schema, with any definitions under ``$defs``.
    """
    return tuple(_Check(schema.get("$defs", {})).faults(value, schema, ""))


class _Check:
    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions

    def faults(self, value: Any, schema: Any, path: str) -> Iterator[Fault]:
        if not isinstance(schema, Mapping):
            if schema is False:
                yield Fault(path, "no value is allowed here")
            return
        if isinstance(schema.get("$ref"), str):
            name = schema["$ref"].removeprefix(PREFIX)
            yield from self.faults(value, self._definitions.get(name, True), path)
        wrong = _wrong_type(value, schema.get("type"))
        if wrong is not None:
            yield Fault(path, wrong)
            return
        for keyword, check in _CHECKS.items():
            problem = check(value, schema[keyword]) if keyword in schema else None
            if problem is not None:
                yield Fault(path, problem)
        yield from self._combined(value, schema, path)
        if isinstance(value, Mapping):
            yield from self._object(value, schema, path)
        if isinstance(value, list):
            yield from self._array(value, schema, path)

    def _combined(self, value: Any, schema: Schema, path: str) -> Iterator[Fault]:
        for part in schema.get("allOf", ()):
            yield from self.faults(value, part, path)
        for keyword in ("anyOf", "oneOf"):
            arms = schema.get(keyword, ())
            found = [tuple(self.faults(value, arm, path)) for arm in arms]
            if found and all(found):
                # The faults of the closest arm: the one with the deepest fault.
                yield from max(found, key=lambda faults: len(faults[0].path))

    def _object(self, value: Mapping[str, Any], schema: Schema, path: str) -> Iterator[Fault]:
        properties = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                yield Fault(join(path, name), "required key is missing")
        others = schema.get("additionalProperties", True)
        for name, item in value.items():
            if name in properties:
                yield from self.faults(item, properties[name], join(path, name))
            elif others is False:
                yield Fault(join(path, name), "unknown key")
            else:
                yield from self.faults(item, others, join(path, name))

    def _array(self, value: list[Any], schema: Schema, path: str) -> Iterator[Fault]:
        first = schema.get("prefixItems", ())
        for index, item in enumerate(value):
            expected = first[index] if index < len(first) else schema.get("items", True)
            yield from self.faults(item, expected, join(path, f"[{index}]"))


def _wrong_type(value: Any, expected: Any) -> str | None:
    names = [expected] if isinstance(expected, str) else expected
    if not isinstance(names, list) or any(_is(value, name) for name in names):
        return None
    return f"expected {' or '.join(names)}, received {_name(value)}"


def _is(value: Any, name: str) -> bool:
    received = _name(value)
    return received == name or (name == "number" and received == "integer")


def _name(value: Any) -> str:
    return _NAMES.get(type(value), "object")


_NAMES = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
}


def _is_one_of(value: Any, allowed: Any) -> str | None:
    # 1 and True are equal in Python, but not in JSON.
    if any(_name(value) == _name(each) and value == each for each in allowed):
        return None
    return f"expected {' or '.join(map(repr, allowed))}, received {value!r}"


def _matches(value: Any, pattern: Any) -> str | None:
    try:
        fits = not isinstance(value, str) or re.search(pattern, value) is not None
    except re.error:  # another dialect
        return None
    return None if fits else f"{value!r} does not match {pattern!r}"


def _bounded(
    kinds: tuple[type, ...], of: Callable[[Any], Any], fits: Callable[[Any, Any], bool], words: str
) -> Callable[[Any, Any], str | None]:
    def check(value: Any, bound: Any) -> str | None:
        if not isinstance(value, kinds) or isinstance(value, bool) or fits(of(value), bound):
            return None
        return f"{words} {bound}, received {of(value)}"

    return check


def _itself(value: Any) -> Any:
    return value


_NUMBERS = (int, float)
_CHECKS: Mapping[str, Callable[[Any, Any], str | None]] = {
    "enum": _is_one_of,
    "const": lambda value, constant: _is_one_of(value, [constant]),
    "pattern": _matches,
    "minimum": _bounded(_NUMBERS, _itself, lambda a, b: bool(a >= b), "must be at least"),
    "maximum": _bounded(_NUMBERS, _itself, lambda a, b: bool(a <= b), "must be at most"),
    "exclusiveMinimum": _bounded(_NUMBERS, _itself, lambda a, b: bool(a > b), "must be above"),
    "exclusiveMaximum": _bounded(_NUMBERS, _itself, lambda a, b: bool(a < b), "must be below"),
    "minLength": _bounded((str,), len, lambda a, b: bool(a >= b), "length must be at least"),
    "maxLength": _bounded((str,), len, lambda a, b: bool(a <= b), "length must be at most"),
    "minItems": _bounded((list,), len, lambda a, b: bool(a >= b), "length must be at least"),
    "maxItems": _bounded((list,), len, lambda a, b: bool(a <= b), "length must be at most"),
}
