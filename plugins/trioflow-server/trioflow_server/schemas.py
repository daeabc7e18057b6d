"""JSON Schemas without references, which not every form of a client follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PREFIX = "#/$defs/"


def inlined(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with its references replaced by what they refer to.

    References of types that contain themselves stay, and so do the definitions they need.
    """
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    kept: set[str] = set()
    rest = {key: value for key, value in schema.items() if key != "$defs"}
    found: dict[str, Any] = _inline(rest, definitions, (), kept)
    if kept:
        found["$defs"] = {name: definitions[name] for name in definitions}
    return found


def _inline(
    part: Any, definitions: Mapping[str, Any], inside: tuple[str, ...], kept: set[str]
) -> Any:
    if isinstance(part, list):
        return [_inline(item, definitions, inside, kept) for item in part]
    if not isinstance(part, Mapping):
        return part
    name = _name_of(part.get("$ref"))
    if name is None or name not in definitions:
        return {key: _inline(item, definitions, inside, kept) for key, item in part.items()}
    if name in inside:
        kept.add(name)
        return dict(part)
    beside = {key: value for key, value in part.items() if key != "$ref"}
    meant = {**definitions[name], **beside}
    return _inline(meant, definitions, (*inside, name), kept)


def _name_of(reference: Any) -> str | None:
    is_own = isinstance(reference, str) and reference.startswith(PREFIX)
    return reference.removeprefix(PREFIX) if is_own else None
