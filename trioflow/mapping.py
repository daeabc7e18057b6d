"""The sources of the values of a mapping.

A mapping ``{key: source}`` builds an object. A source is one of the classes here, a
function of ``(data)`` or ``(data, ctx)``, or a template string such as
``"${data.name} in ${steps.locate.city}"``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from trioflow.context import MISSING
from trioflow.errors import DefinitionError, MappingError

PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")
ROOTS = ("data", "input", "steps", "context", "state")


@attrs.frozen
class FromStep:
    """A part of the output of an earlier step of this workflow."""

    steps: tuple[str, ...]
    """Ids of steps; the first one that has succeeded counts."""
    path: str


@attrs.frozen
class FromInput:
    """A part of the input of the innermost workflow."""

    path: str


@attrs.frozen
class FromContext:
    """An entry of the runtime context."""

    key: str


@attrs.frozen
class Constant:
    """A constant."""

    value: Any


@attrs.frozen
class Template:
    """A string with ``${root.path}`` placeholders."""

    parts: tuple[str | tuple[str, str], ...]
    """Literal strings, and ``(root, path)`` for each placeholder."""


Source: TypeAlias = FromStep | FromInput | FromContext | Constant | Template | Callable[..., Any]
"""A source as stored by the builder."""
SourceLike: TypeAlias = FromStep | FromInput | FromContext | Constant | str
"""A source as written by a user, in addition to a function."""


def from_step(step: Any, path: str = ".") -> FromStep:
    """Take a part of a step's output.

    Args:
      step: A step, tool or workflow, its id, or a list of them. In a list, the first one that
        has succeeded counts.
      path: Keys, attributes or list indices separated by dots; ``"."`` is the whole output.

    Raises:
      DefinitionError: if *step* is none of these, or *path* is not a path.
    """
    where = "from_step()"
    steps = step if isinstance(step, list | tuple) else [step]
    ids = [s if isinstance(s, str) else getattr(s, "id", None) for s in steps]
    known = tuple(id for id in ids if isinstance(id, str))
    if not ids or len(known) < len(ids):
        raise DefinitionError(where, f"{step!r} is not a step", "pass a step, or the id of one")
    return FromStep(known, check_path(path, where))


def from_input(path: str = ".") -> FromInput:
    """Take a part of the workflow's input.

    Raises:
      DefinitionError: if *path* is not a path.
    """
    return FromInput(check_path(path, "from_input()"))


def from_context(key: str) -> FromContext:
    """Take an entry of the runtime context.

    Raises:
      DefinitionError: if *key* is not a string.
    """
    return FromContext(check_path(key, "from_context()"))


def constant(value: Any) -> Constant:
    """Use *value* unchanged."""
    return Constant(value)


def check_path(path: object, where: str) -> str:
    """Return *path* if it is valid: keys separated by single dots, or ``"."``."""
    if isinstance(path, str) and (path == "." or all(path.split("."))):
        return path
    raise DefinitionError(where, f"{path!r} is not a path", "write 'key', 'key.key' or '.'")


def parse_template(text: str, where: str) -> Template:
    """Split a template into strings and placeholders.

    Raises:
      DefinitionError: if a placeholder is not closed, is not a path, or does not begin with one
        of `ROOTS`.
    """
    parts: list[str | tuple[str, str]] = []
    # Splitting by a pattern with a group alternates between strings and groups.
    for position, part in enumerate(PLACEHOLDER.split(text)):
        if position % 2:
            parts.append(_placeholder(part.strip(), text, where))
        elif "${" in part:
            remedy = "close it with '}', or use constant() for a string that is not a template"
            raise DefinitionError(where, f"template {text!r} has an unclosed '${{'", remedy)
        elif part:
            parts.append(part)
    return Template(tuple(parts))


def _placeholder(content: str, text: str, where: str) -> tuple[str, str]:
    root, _, path = content.partition(".")
    if root not in ROOTS or (root == "steps" and not path):
        listing = ", ".join("steps.<id>" if name == "steps" else name for name in ROOTS)
        raise DefinitionError(
            where, f"template {text!r} uses ${{{content}}}", f"start it with one of {listing}"
        )
    return root, check_path(path if path or content != root else ".", f"{where}, ${{{content}}}")


def follow(value: Any, path: str, source: str) -> Any:
    """Return the value at a dotted *path* inside *value*.

    Mappings are followed by key, sequences by index, other objects by attribute, but not to
    methods. Keys may contain dots; the shortest matching key is used.

    Raises:
      MappingError: if there is no value at the path.
    """
    if path == ".":
        return value
    try:
        return _descend(value, path.split("."))
    except _NowhereError as exc:
        raise MappingError(source, path, str(exc)) from exc


class _NowhereError(Exception):
    """Raised if a key does not exist; the message says where."""


def _descend(value: Any, keys: list[str]) -> Any:
    if not keys:
        return value
    if not isinstance(value, Mapping):
        return _descend(_child(value, keys[0]), keys[1:])
    nowhere = _NowhereError(f"{type(value).__name__} has no {keys[0]!r}")
    for length in range(1, len(keys) + 1):
        key = ".".join(keys[:length])
        if key in value:
            try:
                return _descend(value[key], keys[length:])
            except _NowhereError as exc:
                nowhere = exc
    raise nowhere


def _child(value: Any, key: str) -> Any:
    is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    if is_list and key.isdecimal() and int(key) < len(value):
        return value[int(key)]
    child = MISSING if key.startswith("_") else getattr(value, key, MISSING)
    if child is MISSING or inspect.isroutine(child):
        raise _NowhereError(f"{type(value).__name__} has no {key!r}")
    return child
