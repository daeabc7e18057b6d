"""Decodes bodies and queries. What does not parse is reported field by field."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from trioflow.context import MISSING
from trioflow_server.problems import Issue, Problem, invalid

MAX_DEPTH = 100
"""Most levels of lists and objects in a body."""


@attrs.frozen
class Field:
    """One key of a JSON body or of a query."""

    name: str
    kind: str
    """A JSON type, ``"any"``, or ``"step"``: a string or a list of strings."""
    required: bool = False
    description: str = ""

    def schema(self) -> dict[str, Any]:
        """Return its JSON Schema."""
        about = {"description": self.description} if self.description else {}
        if self.kind == "step":
            items = {"type": "array", "items": {"type": "string"}}
            return {"anyOf": [{"type": "string"}, items], **about}
        return about if self.kind == "any" else {"type": self.kind, **about}


def _is_step(value: Any) -> bool:
    is_path = isinstance(value, list) and bool(value)
    return isinstance(value, str) or (is_path and all(isinstance(part, str) for part in value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_NAMES = {"step": "a string or a list of strings"}
_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "any": lambda value: True,
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "number": _is_number,
    "integer": lambda value: _is_number(value) and value == int(value),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "step": _is_step,
}


def read_json(body: bytes) -> Any:
    """Return the JSON value of a body; an empty body is an empty object.

    Raises:
      Problem: if it is not JSON.
    """
    if not body.strip():
        return {}
    try:
        value = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as exc:
        # What follows in the message about too many digits is for the programmers of servers.
        reason = str(exc).partition(";")[0] if isinstance(exc, ValueError) else "too deep"
        issue = Issue("body", f"Invalid JSON: {reason}")
        raise invalid("request body", [issue]) from None
    if _depth_exceeds(value, MAX_DEPTH):
        raise invalid("request body", [Issue("body", f"more than {MAX_DEPTH} levels deep")])
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _depth_exceeds(value: Any, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        if not inner:
            return False
        level = inner
    return True


def read_fields(value: Any, fields: Iterable[Field]) -> dict[str, Any]:
    """Return the known keys of an object; null counts as missing unless any value is allowed.

    Raises:
      Problem: if it is not an object, or a key is missing or of the wrong type.
    """
    if not isinstance(value, dict):
        raise invalid("request body", [Issue("root", "Expected an object")])
    issues, found = [], {}
    for field in fields:
        given = value.get(field.name, MISSING)
        if given is MISSING or (given is None and field.kind != "any"):
            if field.required:
                issues.append(Issue(field.name, "Required"))
        elif not _fits(field, given):
            issues.append(Issue(field.name, f"Expected {_NAMES.get(field.kind, field.kind)}"))
        else:
            found[field.name] = given
    if issues:
        raise invalid("request body", issues)
    return found


def _fits(field: Field, given: Any) -> bool:
    try:
        return _CHECKS[field.kind](given)
    except (OverflowError, ValueError):  # an infinite number is no integer
        return False


# ---------------------------------------------------------------- queries
@attrs.define
class Query:
    """The query of a request; problems are collected until `check`."""

    values: Mapping[str, str]
    issues: list[Issue] = attrs.field(factory=list)

    def text(self, name: str) -> str | None:
        """Return a value; None if it is missing or empty."""
        return self.values.get(name) or None

    def need(self, name: str) -> str:
        """Return a value that must be there."""
        found = self.text(name)
        if found is None:
            self.issues.append(Issue(name, "Required"))
        return found or ""

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a value that is ``true`` or ``false``."""
        found = self.text(name)
        if found not in (None, "true", "false"):
            self.issues.append(Issue(name, "Expected true or false"))
        return default if found is None else found == "true"

    def number(self, name: str, least: int = 0, most: int = 2**31) -> int | None:
        """Return a whole number."""
        found = self.text(name)
        if found is None:
            return None
        is_whole = found.isascii() and found.removeprefix("-").isdigit() and len(found) < 20
        if not is_whole or not least <= int(found) <= most:
            self.issues.append(Issue(name, f"Expected a whole number >= {least}"))
            return None
        return int(found)

    def chosen(self, name: str, known: Iterable[str]) -> str | None:
        """Return one of the known values."""
        found = self.text(name)
        if found is not None and found not in (known := tuple(known)):
            self.issues.append(Issue(name, f"Expected one of {', '.join(known)}"))
            return None
        return found

    def check(self) -> None:
        """Check that nothing was wrong.

        Raises:
          Problem: if something was.
        """
        if self.issues:
            raise invalid("query parameters", self.issues)


def read_context(text: str | None) -> dict[str, Any]:
    """Return the request context of a query: JSON, or base64 of JSON. Anything else is ignored."""
    for decode in (lambda given: given, _from_base64):
        try:
            value = read_json(decode(text or "{}").encode())
        except (Problem, ValueError):
            continue
        if isinstance(value, dict):
            return value
    return {}


def _from_base64(text: str) -> str:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_").decode()
    except (binascii.Error, UnicodeDecodeError) as exc:
        raise ValueError(str(exc)) from exc
