"""The keys under which fields are read and written: names, aliases, and paths of aliases.

A field is read under its name and under each of its validation aliases, and written under its
name. If its name is an alias of another field, its own first alias takes the place of the name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

Path: TypeAlias = list[str | int]
"""Where a value is: a key of the object, and keys and indexes inside of that value."""
Schema: TypeAlias = dict[str, Any]


def with_keys(named: Mapping[str, Mapping[str, Any]], owner: str) -> dict[str, dict[str, Any]]:
    """Return the core schemas of fields, with all keys under which they are read and written.

    Raises:
      TypeError: if there is no key under which a field could be written.
    """
    own = {name: list(_aliases_of(field)) for name, field in named.items()}
    changed: dict[str, dict[str, Any]] = {}
    for name, field in named.items():
        others = {path[0] for each, paths in own.items() if each != name for path in paths}
        paths: list[Path] = [path for path in own[name] if path != [name] or name in others]
        paths = paths if name in others else [[name], *paths]
        written = next((path[0] for path in paths if path[1:] == []), None)
        if written is None:
            problem = f"the name of the field {name!r} of {owner} is an alias of another field"
            raise TypeError(f"{problem}, and it has no alias of its own that is a string")
        changed[name] = {**field, "validation_alias": paths, "serialization_alias": written}
    return changed


def _aliases_of(field: Mapping[str, Any]) -> Iterator[Path]:
    alias = field.get("validation_alias")
    if isinstance(alias, str):
        yield [alias]
    elif alias and isinstance(alias[0], list):  # choices
        yield from map(list, alias)
    elif alias:
        yield list(alias)


# ---------------------------------------------------------------- schemas
def describe_keys(schema: Schema, fields: Mapping[str, Mapping[str, Any]]) -> Schema:
    """Return the schema of an object, with all keys under which its fields are read.

    Args:
      schema: Its schema, with properties by the names of the fields.
      fields: The core schemas of the fields, as `with_keys` returned them.
    """
    by_name = schema.get("properties", {})
    required = set(schema.get("required", ()))
    is_closed = schema.get("additionalProperties") is False
    properties: dict[str, Any] = {}
    needed: list[str] = []
    rules: list[Schema] = []
    for name, field in fields.items():
        if name not in by_name:
            continue
        paths = field["validation_alias"]
        for place, path in enumerate(paths):
            inner = by_name[name]
            if place and not is_closed:  # if an earlier key is given, this one is not read
                earlier = [_present(each) for each in paths[:place]]
                rules.append({"anyOf": [*earlier, _at(path, inner)]})
                inner = {}
            if len(path) == 1:
                properties[path[0]] = inner
            elif inner:
                rules.append(_at(path, inner))
        if len(paths) == 1 and name in required:
            needed.append(paths[0][0])
        elif len(paths) > 1:
            rules += _choice(paths, name in required, is_closed)
    rules += _hosts(fields, properties, is_closed)
    whole = {key: value for key, value in schema.items() if key not in ("properties", "required")}
    whole["properties"] = properties
    return whole | ({"required": needed} if needed else {}) | ({"allOf": rules} if rules else {})


def _choice(paths: list[Path], is_required: bool, is_closed: bool) -> Iterator[Schema]:
    """Yield the rule about which keys of one field may be given together, if any."""
    groups: dict[str | int, list[Schema]] = {}
    for path in paths:
        groups.setdefault(path[0], []).append(_present(path))
    arms = [each[0] if len(each) == 1 else {"anyOf": each} for each in groups.values()]
    if not is_closed:
        if is_required:
            yield {"anyOf": arms}
    elif is_required:
        yield {"oneOf": arms}
    elif len(arms) > 1:
        yield {"oneOf": [*arms, {"not": {"anyOf": arms}}]}


def _hosts(
    fields: Mapping[str, Mapping[str, Any]], properties: dict[str, Any], is_closed: bool
) -> Iterator[Schema]:
    """Allow the keys in which paths begin; if one is given, something must be found in it."""
    hosted: dict[str, list[Schema]] = {}
    for field in fields.values():
        for path in field["validation_alias"]:
            if len(path) > 1:
                hosted.setdefault(path[0], []).append(_present(path))
    for key, arms in hosted.items():
        if key not in properties:
            properties[key] = {}
            if is_closed:
                yield {"dependentSchemas": {key: {"anyOf": arms}}}


def _present(path: Iterable[str | int]) -> Schema:
    key, *rest = path
    if isinstance(key, str):
        inner = {"properties": {key: _present(rest)}} if rest else {}
        return {"type": "object", "required": [key], **inner}
    count = key + 1 if key >= 0 else -key
    inside = {"prefixItems": [*[{}] * key, _present(rest)]} if rest and key >= 0 else {}
    return {"type": "array", "minItems": count, **inside}


def _at(path: Iterable[str | int], schema: Any) -> Any:
    """Return a schema that applies another one to what is found at a path."""
    key, *rest = path
    inner = _at(rest, schema) if rest else schema
    if isinstance(key, str):
        return {"properties": {key: inner}}
    return {"prefixItems": [*[{}] * key, inner]} if key >= 0 else {}
