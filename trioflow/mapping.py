"""Where the values of a mapping come from.

A mapping ``{key: source}`` builds an object. A source is one of the classes here, a
function of ``(data)`` or ``(data, ctx)``, or a template string such as
``"${data.name} in ${steps.locate.city}"``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from trioflow.errors import DefinitionError, MappingError

PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")
ROOTS = ("data", "input", "steps", "context", "state")


@attrs.frozen
class FromStep:
    """A part of the output of an earlier step of this workflow."""

    steps: tuple[str, ...]
    """Ids of steps; the first that has ended with success counts."""
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
class Value:
    """A constant."""

    value: Any


@attrs.frozen
class Template:
    """A text with ``${root.path}`` placeholders."""

    parts: tuple[str | tuple[str, str], ...]
    """Literal texts, and ``(root, path)`` for each placeholder."""


Source: TypeAlias = FromStep | FromInput | FromContext | Value | Template | Callable[..., Any]
"""What a builder has made of the sources it was given."""
SourceLike: TypeAlias = FromStep | FromInput | FromContext | Value | str
"""What a user may write as a source, beside a function."""


def from_step(step: Any, path: str = ".") -> FromStep:
    """Take a part of a step's output.

    Args:
      step: A step, tool or workflow, its id, or a list of them; of a list the first one
        that has ended with success counts.
      path: Keys, attributes or list positions separated by dots; ``"."`` is the whole.
    """
    steps = step if isinstance(step, list | tuple) else [step]
    return FromStep(tuple(s if isinstance(s, str) else s.id for s in steps), path)


def from_input(path: str = ".") -> FromInput:
    """Take a part of the workflow's input."""
    return FromInput(path)


def from_context(key: str) -> FromContext:
    """Take an entry of the runtime context."""
    return FromContext(key)


def value(value: Any) -> Value:
    """Use *value* as it is."""
    return Value(value)


def parse_template(text: str, where: str) -> Template:
    """Split a template string into texts and placeholders.

    Raises:
      DefinitionError: if a placeholder does not begin with one of `ROOTS`.
    """
    parts: list[str | tuple[str, str]] = []
    end = 0
    for match in PLACEHOLDER.finditer(text):
        root, _, path = match[1].strip().partition(".")
        if root not in ROOTS:
            listing = ", ".join(ROOTS)
            raise DefinitionError(
                where, f"template {text!r} uses ${{{match[1]}}}", f"begin it with one of {listing}"
            )
        if match.start() > end:
            parts.append(text[end : match.start()])
        parts.append((root, path or "."))
        end = match.end()
    if end < len(text):
        parts.append(text[end:])
    return Template(tuple(parts))


def follow(value: Any, path: str, source: str) -> Any:
    """Return what a dotted *path* leads to inside *value*.

    Mappings are followed by key, sequences by position, other objects by attribute. A key
    that itself contains dots is found too.

    Raises:
      MappingError: if the path leads nowhere.
    """
    if path in (".", ""):
        return value
    keys = path.split(".")
    for position, key in enumerate(keys):
        try:
            value = _child(value, key)
        except (KeyError, IndexError, ValueError, AttributeError, TypeError) as exc:
            rest = ".".join(keys[position:])
            if isinstance(value, Mapping) and rest in value:
                return value[rest]
            raise MappingError(source, path, f"{type(value).__name__} has no {key!r}") from exc
    return value


def _child(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return value[key]
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return value[int(key)]
    if key.startswith("_"):
        raise AttributeError(key)
    return getattr(value, key)
