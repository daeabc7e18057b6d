"""Validates JSON under a JSON Schema, as strictly as trioflow reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import ValidationError  # type: ignore[import-untyped]
from jsonschema.validators import extend  # type: ignore[import-untyped]

from trioflow._values.texts import TEXTS
from trioflow.describe._schema import SCALARS
from trioflow.testing._converters.values import same_json

SPELLED = ("format", "pattern", "contentEncoding")
"""Keywords of strings that may be spelled in several ways."""
DESCRIBED = {text.extra["description"] for text in TEXTS.values() if "description" in text.extra}
"""Descriptions of such strings; those of plugins may have no more."""
TYPES = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
"""For trioflow, 1.0 is not an integer; for JSON Schema it is."""

Found = Iterator[ValidationError]


def _is_moment(text: str) -> bool:
    has_offset = text.endswith("Z") or text[-6:-5] in ("+", "-")
    return TEXTS[datetime].matches(text) is not None and text[16:17] == ":" and has_offset


def _is_time(text: str) -> bool:
    has_offset = text.endswith("Z") or text[-6:-5] in ("+", "-")
    return TEXTS[time].matches(text) is not None and text[5:6] == ":" and has_offset


FORMATS: Mapping[str, Callable[[str], object]] = {
    "date": TEXTS[date].matches,
    "date-time": _is_moment,
    "time": _is_time,
    "uuid": TEXTS[UUID].matches,
}
"""The formats that are checked; whether a string has another one, only the hooks can decide."""


@attrs.frozen
class Verdict:
    """The verdict of a schema on a JSON value."""

    is_valid: bool
    problem: str
    """Why the value is invalid."""
    forms: frozenset[str]
    """The strings in the value that may be spelled in another way, such as dates."""
    undecided: frozenset[str]
    """The strings in the value for which only the hooks can decide whether they fit."""


class Judge:
    """Judges whether JSON is valid under one schema."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._forms: set[str] = set()
        self._undecided: set[str] = set()
        keywords = {
            "type": self._type,
            "pattern": self._pattern,
            "format": self._format,
            "contentEncoding": self._encoding,
            "enum": _enum,
            "const": _const,
        }
        self._validator = extend(Draft202012Validator, keywords, type_checker=TYPES)(schema)

    def __call__(self, json: Any) -> Verdict:
        self._forms.clear()
        self._undecided.clear()
        # Collect all errors, so that every string is visited.
        errors = list(self._validator.iter_errors(json))
        problem = f"{errors[0].json_path}: {errors[0].message}" if errors else ""
        return Verdict(not errors, problem, frozenset(self._forms), frozenset(self._undecided))

    def _type(self, validator: Any, types: Any, instance: Any, schema: Mapping[str, Any]) -> Found:
        is_described = schema.get("description") in DESCRIBED
        if isinstance(instance, str) and (is_described or not schema.keys().isdisjoint(SPELLED)):
            self._forms.add(instance)
            if is_described and "pattern" not in schema and schema != SCALARS[Path]:
                self._undecided.add(instance)
        check: Callable[..., Found] = Draft202012Validator.VALIDATORS["type"]
        yield from check(validator, types, instance, schema)

    def _pattern(self, validator: Any, pattern: str, instance: Any, schema: Any) -> Found:
        """Check a pattern as ECMAScript does, where ``$`` is the end of the string."""
        if not isinstance(instance, str):
            return
        try:
            fits = re.search(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), instance)
        except re.error:  # another dialect
            self._undecided.add(instance)
            return
        if fits is None:
            yield ValidationError(f"{instance!r} does not match {pattern!r}")

    def _format(self, validator: Any, name: str, instance: Any, schema: Any) -> Found:
        if not isinstance(instance, str):
            return
        if name not in FORMATS:
            self._undecided.add(instance)
        elif not FORMATS[name](instance):
            yield ValidationError(f"{instance!r} is not a {name!r}")

    def _encoding(self, validator: Any, name: str, instance: Any, schema: Any) -> Found:
        if isinstance(instance, str) and "pattern" not in schema:
            self._undecided.add(instance)
        yield from ()


def _enum(validator: Any, options: Any, instance: Any, schema: Any) -> Found:
    if not any(same_json(option, instance) for option in options):
        yield ValidationError(f"{instance!r} is not one of {options!r}")


def _const(validator: Any, option: Any, instance: Any, schema: Any) -> Found:
    if not same_json(option, instance):
        yield ValidationError(f"{instance!r} is not {option!r}")
